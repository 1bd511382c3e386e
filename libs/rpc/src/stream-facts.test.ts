/**
 * Facts about Node streams and grpc-js 1.14 that `serve.ts` is built on. When one of these fails after an update,
 * read `serve.ts` again before changing the test.
 */
import assert from "node:assert/strict";
import type { ServerHttp2Stream } from "node:http2";
import { Duplex } from "node:stream";
import test from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import * as grpc from "@grpc/grpc-js";

const path = "/test.Test/Bidi";
const identity = (bytes: Buffer): Buffer => bytes;
const definition: grpc.ServiceDefinition = {
  bidi: {
    path,
    requestStream: true,
    responseStream: true,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  },
};

async function start(handler: grpc.handleBidiStreamingCall<Buffer, Buffer>) {
  const server = new grpc.Server();
  server.addService(definition, { bidi: handler });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const call = client.makeBidiStreamRequest(path, identity, identity);
  const status = new Promise<grpc.StatusObject>((resolve) => call.on("status", resolve));
  call.on("error", () => {});
  call.resume();
  call.write(Buffer.from("x"));
  return {
    server,
    call,
    status,
    [Symbol.dispose]: () => {
      client.close();
      server.forceShutdown();
    },
  };
}

test("emit(error) sends the status with its trailers", async () => {
  using running = await start((call) => {
    const metadata = new grpc.Metadata();
    metadata.set("why", "because");
    call.emit("error", { code: grpc.status.ABORTED, details: "no", metadata });
  });
  const { code, details, metadata } = await running.status;
  assert.deepEqual([code, details, metadata.get("why")], [grpc.status.ABORTED, "no", ["because"]]);
});

test("a call's HTTP/2 session is where handing connections over looks for it", async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  using _running = await start((call) => resolve(call));
  const { call } = (await promise) as { call: { stream: { session: { close: unknown } } } };
  assert.equal(typeof call.stream.session.close, "function");
});

test("a message may be anything that has a length and copies itself", async () => {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const message = { byteLength: 3, copy: (target: Buffer, at: number) => target.write("abc", at) };
  using running = await start((call) => void call.write(message as unknown as Buffer));
  running.call.on("data", resolve);
  assert.equal((await promise).toString(), "abc");
});

test("a call's HTTP/2 stream takes a framed message piece by piece, between others, and metadata is sent once", async () => {
  using running = await start((call) => {
    const { stream } = (call as unknown as { call: { stream: ServerHttp2Stream } }).call;
    call.sendMetadata(new grpc.Metadata());
    call.sendMetadata(new grpc.Metadata());
    call.write(Buffer.from("first"), () => {
      stream.cork();
      stream.write(Buffer.from([0, 0, 0, 0, 6]));
      stream.write(Buffer.from("sec"));
      stream.write(Buffer.from("ond"), () => call.write(Buffer.from("third"), () => call.end()));
      stream.uncork();
    });
  });
  const received: string[] = [];
  running.call.on("data", (bytes: Buffer) => received.push(bytes.toString()));
  assert.equal((await running.status).code, grpc.status.OK);
  assert.deepEqual(received, ["first", "second", "third"]);
});

test("destroy(error) does not run _final", async () => {
  let finals = 0;
  const stream = new Duplex({
    read() {},
    write(_chunk, _encoding, callback) {
      callback();
    },
    final(callback) {
      finals++;
      callback();
    },
  });
  stream.on("error", () => stream.end());
  stream.destroy(new Error("gone"));
  await delay(10);
  assert.equal(finals, 0);
});

test("a write on a cancelled call is never called back", async () => {
  let calledBack = false;
  let wrote = false;
  using running = await start((call) => {
    call.on("error", () => {});
    call.once("cancelled", () => {
      call.write(Buffer.from("late"), () => {
        calledBack = true;
      });
      wrote = true;
    });
    call.write(Buffer.from("first"), () => running.call.cancel());
  });
  await running.status;
  await delay(50);
  assert.deepEqual([wrote, calledBack], [true, false]);
});

test("an async handler's rejection reaches nobody", async (context) => {
  const unhandled: unknown[] = [];
  const listener = (error: unknown): void => void unhandled.push(error);
  const others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", listener);
  context.after(() => {
    process.removeListener("unhandledRejection", listener);
    for (const other of others) process.on("unhandledRejection", other);
  });
  using running = await start((async () => {
    throw new Error("lost");
  }) as never);
  for (let left = 600; left > 0 && unhandled.length === 0; left--) await delay(50);
  assert.equal(unhandled.length, 1);
  running.call.cancel();
  await running.status;
});

test("a killed server ends the client's stream with a status", async () => {
  using running = await start(() => {});
  await delay(50);
  running.server.forceShutdown();
  const { code } = await running.status;
  assert.ok(code === grpc.status.UNAVAILABLE || code === grpc.status.CANCELLED, `status ${code}`);
});
