import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { type TestContext, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import {
  type CertificateAuthority,
  createKeyAndCsr,
  createRootCa,
  issueWorkloadCertificate,
  joinPem,
  openCertificateAuthority,
  parseCertificates,
  verifyChain,
} from "@lateen/pki";
import { IstioCertificateResponseSchema, IstioCertificateService } from "@lateen/protos/security/v1alpha1/ca_pb.js";
import { RpcCode, RpcError, TlsSource, createGrpcServer, defineService } from "@lateen/rpc";
import { keepIdentity, obtainIdentity } from "./index.ts";

const identity = { trustDomain: "cluster.local", namespace: "default", serviceAccount: "reviews" };
const silent = { info: () => {}, warn: () => {} };

async function newAuthority(): Promise<CertificateAuthority> {
  return openCertificateAuthority(await createRootCa({ organization: "cluster.local" }));
}

function issuer(authority: () => CertificateAuthority) {
  return async ({ csrPem, ttlSeconds }: { csrPem: string; ttlSeconds: number }) =>
    (await issueWorkloadCertificate(authority(), { csrPem, identity, ttlSeconds })).chain;
}

/** A failed assertion must not leave a rotation running. */
function stopAfter(context: TestContext): AbortController {
  const stop = new AbortController();
  context.after(() => stop.abort());
  return stop;
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + 60_000; !condition(); await sleep(10)) {
    if (Date.now() > deadline) throw new Error(`not within a minute: ${what}`);
  }
}

test("the first certificate verifies and is rotated half-way through its life", async (context) => {
  const authority = await newAuthority();
  const stop = stopAfter(context);
  const seen: string[] = [];
  const client = keepIdentity({
    requestCertificate: issuer(() => authority),
    ttlSeconds: 3,
    signal: stop.signal,
    logger: silent,
    onRotated: (certificate) => seen.push(certificate.serialNumber),
  });
  await client.ready;
  const { certificateChainPem = "", rootsPem = "" } = client.source.current ?? {};
  assert.ok(verifyChain(certificateChainPem, rootsPem).valid);
  await until(() => seen.length >= 3, "two rotations");
  assert.equal(new Set(seen).size, seen.length);
  stop.abort();
  await client.done;
});

test("the last good certificate stays while the CA is away, and attempts go on", async (context) => {
  const authority = await newAuthority();
  const stop = stopAfter(context);
  let available = true;
  let attempts = 0;
  const issue = issuer(() => authority);
  const client = keepIdentity({
    ttlSeconds: 3600,
    signal: stop.signal,
    logger: silent,
    requestCertificate: async (request) => {
      attempts += 1;
      if (!available) throw new Error("the CA is away");
      return issue(request);
    },
  });
  await client.ready;
  const before = client.source.current;
  available = false;
  client.rotate();
  await until(() => attempts >= 3, "two failed attempts");
  assert.equal(client.source.current, before);
  assert.match(client.problem ?? "", /away/);
  available = true;
  await until(() => client.source.current !== before, "a new certificate");
  assert.equal(client.problem, undefined);
  stop.abort();
  await client.done;
});

test("changed roots are trusted at once and answered with a new certificate", async (context) => {
  const [old, next] = [await newAuthority(), await newAuthority()];
  let current = old;
  let roots = old.material.rootsPem;
  const stop = stopAfter(context);
  const client = keepIdentity({
    requestCertificate: issuer(() => current),
    roots: () => roots,
    rootsIntervalMs: 20,
    ttlSeconds: 3600,
    signal: stop.signal,
    logger: silent,
  });
  await client.ready;
  current = next;
  roots = joinPem(old.material.rootsPem, next.material.rootsPem);
  await until(
    () => verifyChain(client.source.current?.certificateChainPem ?? "", next.material.rootsPem).valid,
    "a leaf of the new CA",
  );
  assert.equal(parseCertificates(client.source.current?.rootsPem ?? "").length, 2);
  stop.abort();
  await client.done;
});

test("a certificate of another trust domain or another key is refused", async (context) => {
  const authority = await newAuthority();
  const issue = issuer(() => authority);
  const { csrPem } = await createKeyAndCsr();
  for (const refused of [
    { trustDomain: "elsewhere", requestCertificate: issue, problem: /not for trust domain elsewhere/ },
    { requestCertificate: async () => issue({ csrPem, ttlSeconds: 60 }), problem: /key values mismatch/ },
    { requestCertificate: async () => [], problem: /0 certificates/ },
  ]) {
    const stop = stopAfter(context);
    const client = keepIdentity({ ttlSeconds: 60, signal: stop.signal, logger: silent, ...refused });
    await until(() => client.problem !== undefined, "a problem");
    assert.match(client.problem ?? "", refused.problem);
    assert.equal(client.source.current, undefined);
    stop.abort();
    await assert.rejects(client.ready);
    await client.done;
  }
});

test("over the wire: the bearer token and the client certificate reach the CA, a refusal carries its reason", async (context) => {
  const authority = await newAuthority();
  const { csrPem, privateKeyPem } = await createKeyAndCsr();
  const serving = await issueWorkloadCertificate(authority, {
    csrPem,
    identity,
    dnsNames: ["localhost"],
    ttlSeconds: 60,
  });
  const rootsPem = authority.material.rootsPem;
  const seen: string[] = [];
  const service = defineService(IstioCertificateService, {
    createCertificate: async (request, call) => {
      const token = call.metadata.get("authorization");
      const peer = call.peer.kind === "tls" ? call.peer.spiffeId : undefined;
      if (token !== "Bearer good") throw new RpcError(RpcCode.UNAUTHENTICATED, `token ${token} is unknown`);
      seen.push(`${token} ${peer}`);
      const certChain = await issuer(() => authority)({
        csrPem: request.csr,
        ttlSeconds: Number(request.validityDuration),
      });
      return create(IstioCertificateResponseSchema, { certChain: [...certChain] });
    },
  });
  const server = createGrpcServer({ services: [service] });
  context.after(() => server.close(100));
  const { port } = await server.listen({
    address: "127.0.0.1:0",
    tls: new TlsSource({ certificateChainPem: serving.chain[0] ?? "", privateKeyPem, rootsPem }),
  });
  const stop = stopAfter(context);
  let token = "bad";
  const client = obtainIdentity({
    caAddress: `127.0.0.1:${port}`,
    serverName: "localhost",
    roots: () => rootsPem,
    token: () => token,
    identity: () => client.source.current,
    trustDomain: "cluster.local",
    ttlSeconds: 60,
    signal: stop.signal,
    logger: silent,
  });
  await until(() => client.problem !== undefined, "a refusal");
  assert.match(client.problem ?? "", /token Bearer bad is unknown/);
  token = "good";
  await client.ready;
  client.rotate();
  await until(() => seen.length === 2, "a second request");
  assert.deepEqual(seen, ["Bearer good undefined", "Bearer good spiffe://cluster.local/ns/default/sa/reviews"]);
  stop.abort();
  await client.done;
});
