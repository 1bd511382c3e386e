import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { create } from "@bufbuild/protobuf";
import {
  Health,
  HealthCheckResponseSchema,
  HealthListResponseSchema,
} from "@lateen/protos/grpc/health/v1/health_pb.js";
import { openChannel } from "./channel.ts";
import type { ChannelSecurity } from "./channel.ts";
import { createClient } from "./client.ts";
import type { CallContext } from "./handlers.ts";
import { createGrpcServer } from "./server.ts";
import { defineService } from "./service.ts";
import type { RpcService } from "./service.ts";
import { createTestAuthority } from "./testing/certificates.ts";
import { TlsSource } from "./tls-source.ts";

const dns = (value: string) => ({ type: "dns", value }) as const;
const uri = (value: string) => ({ type: "url", value }) as const;
const request = { $typeName: "grpc.health.v1.HealthCheckRequest" as const, service: "" };

function health(calls: CallContext[]): RpcService {
  return defineService(Health, {
    async check(_request, context) {
      calls.push(context);
      return create(HealthCheckResponseSchema);
    },
    async list() {
      return create(HealthListResponseSchema);
    },
    async *watch() {},
  });
}

async function startTls(source: TlsSource, address = "127.0.0.1:0") {
  const calls: CallContext[] = [];
  const server = createGrpcServer({ services: [health(calls)] });
  const bound = await server.listen({ address, tls: source });
  return { calls, address: bound.address, [Symbol.asyncDispose]: () => server.close(100) };
}

async function check(address: string, security: ChannelSecurity): Promise<void> {
  const channel = openChannel(address, security);
  try {
    await createClient(Health, channel).check(request, { timeoutMs: 5_000 });
  } finally {
    channel.close();
  }
}

test("the caller's SPIFFE id comes from its verified certificate; none or an untrusted one is no identity", async () => {
  const authority = await createTestAuthority("mesh");
  const stranger = await createTestAuthority("stranger");
  const id = "spiffe://cluster.local/ns/app/sa/web";
  await using server = await startTls(new TlsSource(await authority.issue([dns("pilot.mesh")])));
  const base = { kind: "tls", roots: () => authority.rootPem, serverName: "pilot.mesh" } as const;
  const known = await authority.issue([uri(id)]);
  const unknown = await stranger.issue([uri(id)]);
  const double = await authority.issue([uri(id), uri("spiffe://cluster.local/ns/root/sa/root")]);
  await check(server.address, { ...base, identity: () => known });
  await check(server.address, base);
  await check(server.address, { ...base, identity: () => unknown });
  await check(server.address, { ...base, identity: () => double });
  const seen = server.calls.map(({ peer, secure }) => [
    secure,
    peer.kind,
    peer.kind === "tls" ? peer.spiffeId : undefined,
  ]);
  assert.deepEqual(seen, [
    [true, "tls", id],
    [true, "none", undefined],
    [true, "none", undefined],
    [true, "tls", undefined],
  ]);
});

test("a client refuses a server that its roots do not vouch for, or of another name", async () => {
  const authority = await createTestAuthority("mesh");
  const stranger = await createTestAuthority("stranger");
  await using server = await startTls(
    new TlsSource(await authority.issue([dns("pilot.mesh"), uri("spiffe://td/ns/a/sa/pilot")])),
  );
  await assert.rejects(
    check(server.address, { kind: "tls", roots: () => stranger.rootPem, serverName: "pilot.mesh" }),
    /certificate/,
  );
  await assert.rejects(
    check(server.address, { kind: "tls", roots: () => authority.rootPem, serverName: "other.mesh" }),
    /does not match/,
  );
  await assert.rejects(
    check(server.address, {
      kind: "tls",
      roots: () => authority.rootPem,
      serverName: "any.mesh",
      spiffeIds: ["spiffe://td/ns/a/sa/x"],
    }),
    /server identity/,
  );
  await check(server.address, {
    kind: "tls",
    roots: () => authority.rootPem,
    serverName: "any.mesh",
    spiffeIds: ["spiffe://td/ns/a/sa/pilot"],
  });
});

test("certificates and roots change while server and channel run: new connections use the new ones", async () => {
  const [first, second] = await Promise.all([createTestAuthority("first"), createTestAuthority("second")]);
  const source = new TlsSource();
  await using server = await startTls(source);
  let roots = first.rootPem;
  let identity = await first.issue([uri("spiffe://td/first")]);
  const security: ChannelSecurity = {
    kind: "tls",
    roots: () => roots,
    serverName: "pilot.mesh",
    identity: () => identity,
  };
  await assert.rejects(check(server.address, security), "an empty source must refuse");
  source.update(await first.issue([dns("pilot.mesh")]));
  const channel = openChannel(server.address, security);
  const client = createClient(Health, channel);
  await client.check(request);
  source.update(await second.issue([dns("pilot.mesh")]));
  await client.check(request); // the old connection goes on
  await assert.rejects(check(server.address, security), /certificate/);
  roots = second.rootPem;
  identity = await second.issue([uri("spiffe://td/second")]);
  await check(server.address, security);
  channel.close();
  assert.deepEqual(
    server.calls.map(({ peer }) => peer.kind === "tls" && peer.spiffeId),
    ["spiffe://td/first", "spiffe://td/first", "spiffe://td/second"],
  );
});

test("material that is no pair is refused and the old one stays in use", async () => {
  const authority = await createTestAuthority("mesh");
  const [good, other] = [await authority.issue([dns("a.mesh")]), await authority.issue([dns("a.mesh")])];
  const source = new TlsSource(good);
  assert.throws(() => source.update({ ...good, privateKeyPem: other.privateKeyPem }));
  assert.equal(source.current, good);
  await using server = await startTls(source);
  await check(server.address, { kind: "tls", roots: () => authority.rootPem, serverName: "a.mesh" });
});

test("a Unix socket is served, and a stale socket file is replaced", async () => {
  const folder = await mkdtemp(join(tmpdir(), "rpc-"));
  const address = `unix:${join(folder, "xds")}`;
  try {
    for (let i = 0; i < 2; i++) {
      const contexts: CallContext[] = [];
      const server = createGrpcServer({ services: [health(contexts)] });
      assert.equal((await server.listen({ address })).address, address);
      await check(address, { kind: "plaintext" });
      assert.equal(contexts[0]?.peerAddress, "unix");
      await server.close(100);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("an address that is taken is refused by name", async () => {
  const server = createGrpcServer({ services: [] });
  const { address } = await server.listen({ address: "127.0.0.1:0" });
  await assert.rejects(
    createGrpcServer({ services: [] }).listen({ address }),
    new RegExp(`cannot listen on ${address}`),
  );
  await server.close(0);
});
