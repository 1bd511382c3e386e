import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { AggregatedDiscoveryService } from "@lateen/protos/envoy/service/discovery/v3/ads_pb.js";
import {
  DeltaDiscoveryRequestSchema,
  DiscoveryRequestSchema,
} from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import { RpcCode, RpcError, createClient, createGrpcServer, openChannel } from "@lateen/rpc";
import type { RejectionReport } from "./observer.ts";
import type { ResourceSet } from "./resource.ts";
import { createXdsServer } from "./server.ts";
import type { XdsServerOptions } from "./server.ts";
import { resource, resourceSet } from "./testing/resources.ts";
import { clusterType, secretType } from "./type-urls.ts";

/** A value that many can follow, each seeing the newest. */
function variable<T>(first: T) {
  let value = first;
  let { promise: changed, resolve } = Promise.withResolvers<void>();
  return {
    set(next: T) {
      value = next;
      resolve();
      ({ promise: changed, resolve } = Promise.withResolvers<void>());
    },
    async *watch(): AsyncGenerator<T> {
      for (;;) {
        const change = changed;
        yield value;
        await change;
      }
    },
  };
}

/** Requests that a test writes one by one. */
function outbox<T>() {
  const queue: T[] = [];
  let wake = (): void => {};
  return {
    send(message: T) {
      queue.push(message);
      wake();
    },
    async *[Symbol.asyncIterator](): AsyncGenerator<T> {
      for (;;) {
        const next = queue.shift();
        if (next !== undefined) yield next;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    },
  };
}

async function start(
  options: Omit<XdsServerOptions, "source">,
  set: ResourceSet = resourceSet(1, { cds: { a: "1" } }),
) {
  const sets = variable(set);
  const xds = createXdsServer({ source: { watch: () => sets.watch() }, ...options });
  const server = createGrpcServer({ services: [xds.rpc] });
  const { address } = await server.listen({ address: "127.0.0.1:0" });
  const channel = openChannel(address, { kind: "plaintext" });
  const client = createClient(AggregatedDiscoveryService, channel);
  return {
    sets,
    xds,
    sotw() {
      const requests = outbox<DiscoveryRequest>();
      const responses: AsyncIterator<DiscoveryResponse> = client
        .streamAggregatedResources(requests)
        [Symbol.asyncIterator]();
      return {
        send: (init: object) => requests.send(create(DiscoveryRequestSchema, init)),
        receive: async () => messageOf(await responses.next()),
        close: async () => {
          await responses.return?.();
        },
      };
    },
    delta() {
      const requests = outbox<DeltaDiscoveryRequest>();
      const responses: AsyncIterator<DeltaDiscoveryResponse> = client
        .deltaAggregatedResources(requests)
        [Symbol.asyncIterator]();
      return {
        send: (init: object) => requests.send(create(DeltaDiscoveryRequestSchema, init)),
        receive: async () => messageOf(await responses.next()),
        close: async () => {
          await responses.return?.();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      channel.close();
      await server.close(100);
    },
  };
}

function messageOf<T>(result: IteratorResult<T>): T {
  assert.ok(result.done !== true, "the stream ended");
  return result.value;
}

const node = { id: "sidecar~10.0.0.1~a.default~default.svc.cluster.local" };

test("both flavours get their resources and their updates", async () => {
  await using running = await start({});
  const sotw = running.sotw();
  sotw.send({ node, typeUrl: clusterType });
  const first = await sotw.receive();
  assert.deepEqual([first.versionInfo, first.resources.length], ["1", 1]);
  sotw.send({ typeUrl: clusterType, responseNonce: first.nonce, versionInfo: first.versionInfo });
  const delta = running.delta();
  delta.send({ node, typeUrl: clusterType });
  const firstDelta = await delta.receive();
  delta.send({ typeUrl: clusterType, responseNonce: firstDelta.nonce });
  running.sets.set(resourceSet(2, { cds: { a: "1", b: "1" } }));
  assert.equal((await sotw.receive()).resources.length, 2);
  assert.deepEqual(
    (await delta.receive()).resources.map(({ name }) => name),
    ["b"],
  );
  assert.equal(running.xds.proxies().length, 2);
  await sotw.close();
  await delta.close();
  await delay(50);
  assert.deepEqual(running.xds.proxies(), []);
});

test("a refusal reaches the observer with the objects to blame; progress is reported when all is accepted", async () => {
  const rejections: RejectionReport[] = [];
  const advanced: bigint[] = [];
  await using running = await start({
    observer: {
      rejected: (_proxy, report) => void rejections.push(report),
      advanced: (_proxy, revision) => void advanced.push(revision),
    },
  });
  const client = running.sotw();
  client.send({ node, typeUrl: clusterType });
  const first = await client.receive();
  client.send({
    typeUrl: clusterType,
    responseNonce: first.nonce,
    errorDetail: { code: 13, message: "cluster a is bad" },
  });
  running.sets.set(resourceSet(2, { cds: { a: "2" } }));
  const second = await client.receive();
  assert.equal(rejections[0]?.message, "cluster a is bad");
  assert.deepEqual(
    rejections[0]?.resources.map(({ origin }) => origin),
    ["Test/default/a"],
  );
  assert.deepEqual(
    running.xds.acknowledged().laggards.map(({ id }) => id),
    [node.id],
  );
  client.send({ typeUrl: clusterType, responseNonce: second.nonce });
  await delay(50);
  assert.equal(running.xds.acknowledged().revision, 2n);
  assert.deepEqual(running.xds.acknowledged().laggards, []);
  assert.equal(advanced.at(-1), 2n);
  await client.close();
});

test("a stream without a node, with a broken one or an empty type is refused by name", async () => {
  await using running = await start({});
  const cases = [
    [{ typeUrl: clusterType }, /node with an id/],
    [{ typeUrl: clusterType, node: { id: "" } }, /node with an id/],
    [{ node }, /type_url is empty/],
  ] as const;
  for (const [request, message] of cases) {
    const client = running.sotw();
    client.send(request);
    await assert.rejects(
      client.receive(),
      (error) => error instanceof RpcError && error.code === RpcCode.INVALID_ARGUMENT && message.test(error.message),
    );
  }
});

test("authorize decides, and its error is the stream's status", async () => {
  await using running = await start({
    authorize: async () => {
      throw new RpcError(RpcCode.PERMISSION_DENIED, "not you");
    },
  });
  const client = running.delta();
  client.send({ node, typeUrl: clusterType });
  await assert.rejects(
    client.receive(),
    (error) => error instanceof RpcError && error.code === RpcCode.PERMISSION_DENIED,
  );
  assert.deepEqual(running.xds.proxies(), []);
});

test("a source that fails ends the stream", async () => {
  await using running = await start({
    source: {
      watch() {
        throw new RpcError(RpcCode.UNAVAILABLE, "no mesh yet");
      },
    },
  } as never);
  const client = running.delta();
  client.send({ node, typeUrl: clusterType });
  await assert.rejects(client.receive(), /no mesh yet/);
});

test("on-demand resources follow their source, and stop when they are no longer wanted", async () => {
  const secrets = variable(resource(secretType, "cert", "1"));
  const watching = new Set<string>();
  const problems: unknown[] = [];
  await using running = await start({
    observer: { problem: (_proxy, error) => void problems.push(error) },
    onDemand: {
      types: [secretType],
      async *watch(_typeUrl, name, _proxy, signal) {
        if (name === "forbidden") throw new Error("another namespace's");
        watching.add(name);
        signal.addEventListener("abort", () => watching.delete(name));
        yield* secrets.watch();
      },
    },
  });
  const client = running.delta();
  client.send({ node, typeUrl: secretType, resourceNamesSubscribe: ["cert"] });
  const first = await client.receive();
  assert.deepEqual(
    first.resources.map(({ version }) => version),
    ["1"],
  );
  client.send({ typeUrl: secretType, responseNonce: first.nonce });
  secrets.set(resource(secretType, "cert", "2"));
  const second = await client.receive();
  assert.deepEqual(
    second.resources.map(({ version }) => version),
    ["2"],
  );
  client.send({ typeUrl: secretType, responseNonce: second.nonce, resourceNamesSubscribe: ["forbidden"] });
  assert.deepEqual((await client.receive()).removedResources, ["forbidden"]);
  assert.equal(problems.length, 1);
  client.send({ typeUrl: secretType, resourceNamesUnsubscribe: ["cert"] });
  await delay(50);
  assert.deepEqual([...watching], []);
  await client.close();
});

test("many proxies are served at once", async () => {
  const content = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`cluster-${i}`, "1"]));
  await using running = await start({}, resourceSet(1, { cds: content }));
  const clients = Array.from({ length: 100 }, () => running.delta());
  for (const client of clients) client.send({ node, typeUrl: clusterType });
  const responses = await Promise.all(clients.map((client) => client.receive()));
  assert.ok(responses.every(({ resources }) => resources.length === 500));
  await Promise.all(clients.map((client) => client.close()));
});
