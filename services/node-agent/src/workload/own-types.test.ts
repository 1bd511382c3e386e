import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import { OwnShare } from "./own-types.ts";
import type { Announcement } from "./own-types.ts";

const ours = "type.googleapis.com/ours";
const theirs = "type.googleapis.com/theirs";

/** Envoy's requests, one by one; then the stream stays open until `end`. */
function envoy(...requests: readonly string[]) {
  const ended = Promise.withResolvers<void>();
  async function* stream(): AsyncGenerator<Buffer> {
    for (const request of requests) yield Buffer.from(request);
    await ended.promise;
  }
  return { stream: stream(), end: () => ended.resolve() };
}

function sharing(delta: boolean) {
  const received: string[] = [];
  const listeners = new Set<() => void>();
  let said: Announcement | undefined;
  const share = new OwnShare(
    {
      types: [
        {
          typeUrl: ours,
          received(resources) {
            const text = resources.map((each) => Buffer.from(each).toString()).join();
            if (text === "bad") throw new Error("not this one");
            received.push(text);
          },
        },
      ],
      announcements: {
        current: () => said,
        onChange(listener) {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
    },
    { delta },
  );
  const say = (announcement: Announcement): void => {
    said = announcement;
    for (const listener of listeners) listener();
  };
  return { share, received, say, listeners };
}

for (const delta of [true, false]) {
  const read = (bytes: Buffer | undefined) => {
    assert.ok(bytes);
    const schema = delta ? DeltaDiscoveryRequestSchema : DiscoveryRequestSchema;
    const { typeUrl, responseNonce, errorDetail } = fromBinary(schema, bytes);
    return { typeUrl, responseNonce, problem: errorDetail?.message };
  };
  const response = (typeUrl: string, nonce: string, text: string): Buffer => {
    const value = Buffer.from(text);
    return Buffer.from(
      delta
        ? toBinary(
            DeltaDiscoveryResponseSchema,
            create(DeltaDiscoveryResponseSchema, {
              typeUrl,
              nonce,
              resources: [{ name: "", version: "1", resource: { typeUrl, value } }],
            }),
          )
        : toBinary(
            DiscoveryResponseSchema,
            create(DiscoveryResponseSchema, { typeUrl, nonce, versionInfo: "1", resources: [{ typeUrl, value }] }),
          ),
    );
  };

  test(`the agent's requests follow Envoy's first (${delta ? "delta" : "state of the world"})`, async () => {
    const { share, received, say, listeners } = sharing(delta);
    const { stream, end } = envoy("first", "second");
    const merged = share.merged(stream)[Symbol.asyncIterator]();
    const next = async () => (await merged.next()).value as Buffer | undefined;
    assert.equal(String(await next()), "first");
    assert.deepEqual(read(await next()), { typeUrl: ours, responseNonce: "", problem: undefined });
    assert.equal(String(await next()), "second");

    assert.equal(share.take(response(theirs, "1", "for Envoy")), false);
    assert.equal(share.take(response(ours, "2", "a table")), true);
    assert.deepEqual(received, ["a table"]);
    assert.deepEqual(read(await next()), { typeUrl: ours, responseNonce: "2", problem: undefined });
    assert.equal(share.take(response(ours, "3", "bad")), true);
    assert.deepEqual(read(await next()), { typeUrl: ours, responseNonce: "3", problem: "not this one" });

    say({ typeUrl: "health", problem: "it is ill" });
    assert.deepEqual(read(await next()), { typeUrl: "health", responseNonce: "", problem: "it is ill" });
    end();
    assert.equal(await next(), undefined);
    share.close();
    assert.equal(listeners.size, 0);
  });
}
