/**
 * The yardstick: grpc-js with nothing behind it, in a process of its own. Every first request of a type is answered with
 * one shared Buffer, the very bytes that pilot sent; acknowledgements are read and dropped.
 */
import * as grpc from "@grpc/grpc-js";
import { askedType } from "./bare-request.ts";
import { serve } from "./remote.ts";
import type { Type } from "./wire.ts";

const same = (bytes: Buffer): Buffer => bytes;
const method = {
  path: "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
  requestStream: true,
  responseStream: true,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
} as const;

let answers = new Map<Type, readonly Buffer[]>();
const calls = new Set<grpc.ServerDuplexStream<Buffer, Buffer>>();
const server = new grpc.Server({ "grpc.max_send_message_length": -1, "grpc.max_receive_message_length": -1 });
server.addService(
  { deltaAggregatedResources: method },
  {
    deltaAggregatedResources(call: grpc.ServerDuplexStream<Buffer, Buffer>) {
      calls.add(call);
      const asked = new Set<Type>();
      call.on("data", (bytes: Buffer) => {
        const type = askedType(bytes);
        if (type === undefined || asked.has(type)) return;
        asked.add(type);
        for (const answer of answers.get(type) ?? []) call.write(answer);
      });
      call.on("cancelled", () => calls.delete(call));
      call.on("error", () => calls.delete(call));
      call.on("end", () => call.end());
    },
  },
);

const handlers = {
  async listen(): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
    return `127.0.0.1:${await promise}`;
  },
  /** What every stream is answered from now on. */
  prepare(recorded: readonly (readonly [Type, Uint8Array])[]): void {
    answers = new Map();
    for (const [type, bytes] of recorded) answers.set(type, [...(answers.get(type) ?? []), Buffer.from(bytes)]);
  },
  push(bytes: Uint8Array): void {
    const shared = Buffer.from(bytes);
    for (const call of calls) call.write(shared);
  },
};

export type BareHandlers = typeof handlers;

serve(handlers);
