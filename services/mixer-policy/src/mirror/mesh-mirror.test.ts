import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { create, toBinary } from "@bufbuild/protobuf";
import { createMemoryStore, type StoreChange } from "@lateen/mesh-store";
import { RateLimitSchema } from "@lateen/protos/mesh/policy/v1alpha1/rate_limit_pb.js";
import { ConfigObjectSchema, EntrySchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import { silentLogger } from "@lateen/runtime";
import { MeshMirror } from "./mesh-mirror.ts";

function limit(name: string, revision: bigint): StoreChange {
  const spec = toBinary(
    RateLimitSchema,
    create(RateLimitSchema, { rules: [{ name: "r", limit: { requests: 3, unit: 1 } }] }),
  );
  const value = create(ConfigObjectSchema, {
    apiVersion: "policy.lateen.dev/v1alpha1",
    kind: "RateLimit",
    namespace: "n",
    name,
    spec,
  });
  return {
    type: "put",
    key: `config.ratelimit.n.${name}`,
    revision,
    entry: create(EntrySchema, { schemaVersion: 1, value: { case: "config", value } }),
  };
}

const ids = (mirror: MeshMirror): string[] => [...mirror.rules.keys()].sort();

test("a store that comes back empty is believed after a while only, and what comes again by then stays", async () => {
  const mirror = new MeshMirror(createMemoryStore(), silentLogger(), 50);
  mirror.apply({ revision: 3n, reset: true, changes: [limit("a", 1n), limit("b", 2n), limit("c", 3n)] });
  mirror.apply({ revision: 4n, reset: true, changes: [] });
  assert.deepEqual(ids(mirror), ["n/a/r", "n/b/r", "n/c/r"]);
  mirror.apply({ revision: 5n, reset: false, changes: [limit("b", 5n)] });
  const { generation } = mirror;
  await sleep(100);
  assert.deepEqual(ids(mirror), ["n/b/r"]);
  assert.ok(mirror.generation > generation);
});

test("a full state that lacks a few, and deletions, are believed at once", () => {
  const mirror = new MeshMirror(createMemoryStore(), silentLogger());
  mirror.apply({ revision: 3n, reset: true, changes: [limit("a", 1n), limit("b", 2n), limit("c", 3n)] });
  mirror.apply({ revision: 4n, reset: true, changes: [limit("b", 2n), limit("c", 3n)] });
  assert.deepEqual(ids(mirror), ["n/b/r", "n/c/r"]);
  mirror.apply({
    revision: 6n,
    reset: false,
    changes: [
      { type: "delete", key: "config.ratelimit.n.b", revision: 5n },
      { type: "delete", key: "config.ratelimit.n.c", revision: 6n },
    ],
  });
  assert.deepEqual(ids(mirror), []);
});
