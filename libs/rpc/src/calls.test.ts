import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { StreamAccessLogsResponseSchema, AccessLogService } from "@lateen/protos/envoy/service/accesslog/v3/als_pb.js";
import { AggregatedDiscoveryService } from "@lateen/protos/envoy/service/discovery/v3/ads_pb.js";
import {
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import type { DiscoveryRequest, DiscoveryResponse } from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import {
  Health,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus,
} from "@lateen/protos/grpc/health/v1/health_pb.js";
import { openChannel } from "./channel.ts";
import { createClient, createRawClient } from "./client.ts";
import type { BidiHandler, CallContext } from "./handlers.ts";
import { RpcCode, RpcError } from "./rpc-error.ts";
import { createGrpcServer } from "./server.ts";
import { defineRawService, defineService } from "./service.ts";
import type { RpcService } from "./service.ts";
import { startServer } from "./testing/servers.ts";

type Ads = BidiHandler<DiscoveryRequest, DiscoveryResponse>;

function ads(handler: Ads): RpcService {
  return defineService(AggregatedDiscoveryService, {
    streamAggregatedResources: handler,
    deltaAggregatedResources() {
      throw new RpcError(RpcCode.UNIMPLEMENTED, "no delta here");
    },
  });
}

function plaintext(address: string) {
  const channel = openChannel(address, { kind: "plaintext" });
  return Object.assign(channel, { [Symbol.dispose]: () => channel.close() });
}

async function* requests(...types: string[]): AsyncGenerator<DiscoveryRequest> {
  for (const typeUrl of types) yield create(DiscoveryRequestSchema, { typeUrl });
}

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}

function hasCode(code: RpcCode, message?: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof RpcError, `expected an RpcError, got ${String(error)}`);
    assert.equal(error.code, code, error.message);
    if (message) assert.match(error.message, message);
    return true;
  };
}

const health = (check: (service: string, context: CallContext) => Promise<void>): RpcService =>
  defineService(Health, {
    async check(request, context) {
      await check(request.service, context);
      return create(HealthCheckResponseSchema, { status: HealthCheckResponse_ServingStatus.SERVING });
    },
    async list() {
      throw new RpcError(RpcCode.UNIMPLEMENTED, "no list here");
    },
    async *watch(_request, { signal }) {
      for (let i = 0; i < 3; i++)
        yield create(HealthCheckResponseSchema, { status: HealthCheckResponse_ServingStatus.SERVING });
      await once(signal, "abort");
    },
  });

test("a unary call carries request, metadata and answer", async () => {
  const seen: string[] = [];
  await using server = await startServer(
    health(async (service, context) => {
      seen.push(service, context.metadata.get("authorization") ?? "", context.peer.kind, String(context.secure));
      assert.match(context.peerAddress, /^127\.0\.0\.1:\d+$/);
    }),
  );
  using channel = plaintext(server.address);
  const client = createClient(Health, channel, { metadata: async () => ({ authorization: "Bearer x" }) });
  const answer = await client.check({ $typeName: "grpc.health.v1.HealthCheckRequest", service: "mesh" });
  assert.equal(answer.status, HealthCheckResponse_ServingStatus.SERVING);
  assert.deepEqual(seen, ["mesh", "Bearer x", "none", "false"]);
});

test("a thrown RpcError becomes its status; any other error becomes INTERNAL and its text stays in the log", async () => {
  await using server = await startServer(
    health(async (service) => {
      if (service === "rpc") throw new RpcError(RpcCode.NOT_FOUND, "no service `rpc` \ud800 é");
      throw new Error("secret detail");
    }),
  );
  using channel = plaintext(server.address);
  const client = createClient(Health, channel);
  const check = (service: string) => client.check({ $typeName: "grpc.health.v1.HealthCheckRequest", service });
  await assert.rejects(check("rpc"), hasCode(RpcCode.NOT_FOUND, /no service `rpc` \ufffd é/));
  await assert.rejects(check("other"), hasCode(RpcCode.INTERNAL, /^internal error$/));
  assert.equal(server.faults.length, 1);
});

test("a unary call ends with its deadline, on both sides", async () => {
  let heard = false;
  await using server = await startServer(
    health(async (_service, { signal }) => {
      if (!signal.aborted) await once(signal, "abort");
      heard = true;
    }),
  );
  using channel = plaintext(server.address);
  const client = createClient(Health, channel);
  const request = { $typeName: "grpc.health.v1.HealthCheckRequest" as const, service: "" };
  // The server does not hear of a call whose deadline has passed by the time it would.
  for (let timeoutMs = 50; !heard; timeoutMs *= 2) {
    assert.ok(timeoutMs < 60_000, "the server was not told of any");
    await assert.rejects(client.check(request, { timeoutMs }), hasCode(RpcCode.DEADLINE_EXCEEDED));
    await delay(timeoutMs);
  }
});

test("a bidi stream answers each request and ends with the handler", async () => {
  await using server = await startServer(
    ads(async function* (incoming) {
      for await (const request of incoming) yield create(DiscoveryResponseSchema, { typeUrl: request.typeUrl });
    }),
  );
  using channel = plaintext(server.address);
  const answers = await collect(
    createClient(AggregatedDiscoveryService, channel).streamAggregatedResources(requests("a", "b")),
  );
  assert.deepEqual(
    answers.map(({ typeUrl }) => typeUrl),
    ["a", "b"],
  );
});

test("messages sent before a failure arrive, then its status", async () => {
  await using server = await startServer(
    ads(async function* () {
      yield create(DiscoveryResponseSchema, { typeUrl: "first" });
      throw new RpcError(RpcCode.PERMISSION_DENIED, "node and certificate differ");
    }),
  );
  using channel = plaintext(server.address);
  const seen: string[] = [];
  await assert.rejects(
    async () => {
      for await (const { typeUrl } of createClient(AggregatedDiscoveryService, channel).streamAggregatedResources(
        requests("a"),
      ))
        seen.push(typeUrl);
    },
    hasCode(RpcCode.PERMISSION_DENIED, /node and certificate differ/),
  );
  assert.deepEqual(seen, ["first"]);
});

test("leaving the loop cancels the call and aborts the handler", async () => {
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  await using server = await startServer(
    ads(async function* (_incoming, { signal }) {
      signal.addEventListener("abort", () => resolve());
      yield create(DiscoveryResponseSchema, { typeUrl: "only" });
      await once(signal, "abort");
    }),
  );
  using channel = plaintext(server.address);
  for await (const _response of createClient(AggregatedDiscoveryService, channel).streamAggregatedResources(
    requests("a"),
  ))
    break;
  await aborted;
});

test("a handler that waits for requests learns of a broken call", async () => {
  const { promise: ended, resolve } = Promise.withResolvers<unknown>();
  await using server = await startServer(
    ads(async function* (incoming) {
      yield create(DiscoveryResponseSchema);
      try {
        for await (const _request of incoming);
        resolve("half-closed");
      } catch (error) {
        resolve(error);
      }
    }),
  );
  using channel = plaintext(server.address);
  const abort = new AbortController();
  async function* endless() {
    yield create(DiscoveryRequestSchema);
    await new Promise(() => {});
  }
  const call = createClient(AggregatedDiscoveryService, channel).streamAggregatedResources(endless(), {
    signal: abort.signal,
  });
  await assert.rejects(
    async () => {
      for await (const _response of call) abort.abort();
    },
    { name: "AbortError" },
  );
  const reason = await ended;
  assert.ok(hasCode(RpcCode.CANCELLED)(reason));
});

test("a slow reader slows the handler: it is never more than a few messages and one window ahead", async () => {
  const messageBytes = 1 << 20;
  let produced = 0;
  await using server = await startServer(
    defineRawService(AggregatedDiscoveryService, {
      async *streamAggregatedResources() {
        for (; produced < 200; produced++) yield Buffer.alloc(messageBytes);
      },
      async *deltaAggregatedResources() {},
    }),
  );
  using channel = plaintext(server.address);
  const responses = createRawClient(AggregatedDiscoveryService, channel)
    .streamAggregatedResources(
      (async function* () {
        yield Buffer.alloc(0);
      })(),
    )
    [Symbol.asyncIterator]();
  await responses.next();
  await delay(300);
  const ahead = produced;
  assert.ok(ahead < 60, `${ahead} MiB were produced for a reader that had read one`);
  for (let i = 0; i < 20; i++) await responses.next();
  for (let left = 600; left > 0 && produced === ahead; left--) await delay(100);
  assert.ok(produced > ahead, "the handler goes on when the reader does");
  await responses.return?.();
});

test("a client stream is read to its end and answered once", async () => {
  await using server = await startServer(
    defineService(AccessLogService, {
      async streamAccessLogs(messages) {
        let count = 0;
        for await (const _message of messages) count++;
        if (count === 2) throw new RpcError(RpcCode.OUT_OF_RANGE, "two");
        return create(StreamAccessLogsResponseSchema);
      },
    }),
  );
  using channel = plaintext(server.address);
  const client = createClient(AccessLogService, channel);
  async function* messages(count: number) {
    for (let i = 0; i < count; i++)
      yield {
        $typeName: "envoy.service.accesslog.v3.StreamAccessLogsMessage" as const,
        logEntries: { case: undefined },
      };
  }
  await client.streamAccessLogs(messages(3));
  await assert.rejects(client.streamAccessLogs(messages(2)), hasCode(RpcCode.OUT_OF_RANGE, /two/));
});

test("a request stream that throws cancels the call and rejects with its error", async () => {
  await using server = await startServer(
    ads(async function* (incoming) {
      for await (const _request of incoming) yield create(DiscoveryResponseSchema);
    }),
  );
  using channel = plaintext(server.address);
  async function* broken(): AsyncGenerator<DiscoveryRequest> {
    yield create(DiscoveryRequestSchema);
    throw new Error("source is gone");
  }
  await assert.rejects(
    collect(createClient(AggregatedDiscoveryService, channel).streamAggregatedResources(broken())),
    /source is gone/,
  );
});

test("closing the server ends streams with UNAVAILABLE at once and lets unary calls finish", async () => {
  const { promise: release, resolve } = Promise.withResolvers<void>();
  const server = await startServer(
    ads(async function* () {
      yield create(DiscoveryResponseSchema);
      await new Promise(() => {}); // ignores its signal: the status must go out all the same
    }),
    health(() => release),
  );
  using channel = plaintext(server.address);
  const unary = createClient(Health, channel).check({ $typeName: "grpc.health.v1.HealthCheckRequest", service: "" });
  const stream = createClient(AggregatedDiscoveryService, channel)
    .streamAggregatedResources(requests("a"))
    [Symbol.asyncIterator]();
  await stream.next();
  const startedAt = performance.now();
  const closed = server.server.close(120_000);
  await assert.rejects(stream.next(), hasCode(RpcCode.UNAVAILABLE, /closing/));
  resolve();
  await unary;
  await closed;
  assert.ok(performance.now() - startedAt < 60_000, "the grace period was waited for");
});

test("closing breaks what outlasts the grace period", async () => {
  const server = await startServer(health(() => new Promise(() => {})));
  using channel = plaintext(server.address);
  const unary = createClient(Health, channel).check({ $typeName: "grpc.health.v1.HealthCheckRequest", service: "" });
  unary.catch(() => {});
  await delay(100);
  await server.server.close(150);
  await assert.rejects(unary, RpcError);
});

test("a client sees UNAVAILABLE when nobody listens, and waits when told to", async () => {
  await using server = await startServer(health(async () => {}));
  const { address } = server;
  await server.server.close(0);
  using channel = plaintext(address);
  const client = createClient(Health, channel);
  const request = { $typeName: "grpc.health.v1.HealthCheckRequest" as const, service: "" };
  await assert.rejects(client.check(request), hasCode(RpcCode.UNAVAILABLE));
  const waiting = client.check(request, { waitForReady: true, timeoutMs: 60_000 });
  const restarted = createGrpcServer({ services: [health(async () => {})] });
  await restarted.listen({ address });
  await waiting;
  await restarted.close(0);
});
