import assert from "node:assert/strict";
import { connect } from "node:http2";
import type { ClientHttp2Session } from "node:http2";
import test from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { create, toBinary } from "@bufbuild/protobuf";
import { AggregatedDiscoveryService } from "@lateen/protos/envoy/service/discovery/v3/ads_pb.js";
import { DeltaDiscoveryRequestSchema } from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import { createClient, createGrpcServer, openChannel } from "@lateen/rpc";
import type { Channel } from "@lateen/rpc";
import { createXdsServer } from "./server.ts";
import { resourceSet } from "./testing/resources.ts";
import { clusterType, endpointType, listenerType, routeType, shortTypeName } from "./type-urls.ts";

const types = [clusterType, endpointType, listenerType, routeType];
const everything = resourceSet(1, { cds: { a: "1" }, eds: { a: "1" }, lds: { l: "1" }, rds: { r: "1" } });
const nodeOf = (name: string) => ({ id: `sidecar~10.0.0.1~${name}.shop~shop.svc.cluster.local` });

/** A delta stream that asks for everything at once and acknowledges what comes. */
class Caller {
  readonly got = new Set<string>();
  readonly #stop = new AbortController();
  readonly ended: Promise<unknown>;

  constructor(channel: Channel, name: string) {
    this.ended = this.#run(channel, name).catch((error: unknown) => error);
  }

  close(): Promise<unknown> {
    this.#stop.abort();
    return this.ended;
  }

  async #run(channel: Channel, name: string): Promise<void> {
    const first = types.map((typeUrl) => ({
      typeUrl,
      node: nodeOf(name),
      resourceNamesSubscribe: typeUrl === endpointType ? ["a"] : typeUrl === routeType ? ["r"] : [],
    }));
    const outbox: object[] = first;
    let wake = (): void => {};
    async function* requests() {
      for (;;) {
        const next = outbox.shift();
        if (next !== undefined) yield create(DeltaDiscoveryRequestSchema, next);
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    }
    const client = createClient(AggregatedDiscoveryService, channel);
    for await (const { typeUrl, nonce } of client.deltaAggregatedResources(requests(), { signal: this.#stop.signal })) {
      this.got.add(typeUrl);
      outbox.push({ typeUrl, responseNonce: nonce });
      wake();
    }
  }
}

/** Connects, asks for clusters, and never reads a byte of the answer. */
function connectDeaf(address: string): ClientHttp2Session {
  const session = connect(`http://${address}`, { settings: { initialWindowSize: 0 } });
  const stream = session.request({
    ":method": "POST",
    ":path": "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
    "content-type": "application/grpc",
    te: "trailers",
  });
  for (const each of [session, stream]) each.on("error", () => {});
  const request = create(DeltaDiscoveryRequestSchema, { typeUrl: clusterType, node: nodeOf("deaf") });
  const message = toBinary(DeltaDiscoveryRequestSchema, request);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  stream.write(Buffer.concat([head, message]));
  return session;
}

async function until(what: string, probe: () => boolean): Promise<void> {
  const limit = Date.now() + 240_000;
  while (!probe()) {
    if (Date.now() > limit) throw new Error(`${what}: not within four minutes`);
    await delay(5);
  }
}

test("hundreds of streams at once are served in the order in which they came; those that leave meanwhile cost nothing", async () => {
  const pushed: (readonly [proxy: string, type: string])[] = [];
  const connected: string[] = [];
  const xds = createXdsServer({
    source: {
      async *watch(_proxy, signal) {
        yield everything;
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
    },
    observer: {
      connected: ({ id }) => void connected.push(id),
      pushed: ({ id }, { typeUrl }) => void pushed.push([id, shortTypeName(typeUrl)]),
    },
    firstAnswers: { limits: { least: 1, most: 1 }, giveUpMs: 600_000 },
  });
  await using owned = new AsyncDisposableStack();
  const server = createGrpcServer({ services: [xds.rpc] });
  owned.defer(() => server.close(200));
  const { address } = await server.listen({ address: "127.0.0.1:0" });
  const channels = Array.from({ length: 6 }, () => openChannel(address, { kind: "plaintext" }));
  for (const channel of channels) owned.defer(() => channel.close());
  const deaf = connectDeaf(address);
  owned.defer(() => deaf.destroy());
  await until("the deaf one has the only turn", () => xds.load().underWay === 1);

  const proxies = Array.from(
    { length: 300 },
    (_, n) => new Caller(channels[n % channels.length] as Channel, `web-${n}`),
  );
  await until("all wait", () => xds.load().waiting === 300);
  const leaving = proxies.filter((_, n) => n % 3 === 0);
  await Promise.all(leaving.map((proxy) => proxy.close()));
  await until("who left does not wait", () => xds.load().waiting === 200);
  assert.equal(xds.load().proxies, 201);
  const gone = new Set(proxies.flatMap((_, n) => (n % 3 === 0 ? [nodeOf(`web-${n}`).id] : [])));

  pushed.length = 0;
  deaf.destroy();
  const staying = proxies.filter((proxy) => !leaving.includes(proxy));
  await until("all have everything", () => staying.every(({ got }) => got.size === types.length));
  const first = pushed.filter(([, type]) => type === "CDS").map(([id]) => id);
  const arrived = connected.filter((id) => !gone.has(id) && id !== nodeOf("deaf").id);
  assert.deepEqual(first, arrived, "in the order of their arrival");
  assert.equal(pushed.length, staying.length * types.length, "nothing was made for those that left");
  assert.equal(new Set(arrived).size, 200);
  await until("nobody waits", () => xds.load().waiting === 0 && xds.load().underWay === 0);
});
