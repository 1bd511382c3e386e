import assert from "node:assert/strict";
import test from "node:test";
import { create } from "@bufbuild/protobuf";
import { defaultMeshSettings } from "@lateen/compiler";
import { keys } from "@lateen/mesh-store";
import type { StoreBatch, StoreChange } from "@lateen/mesh-store";
import { EntrySchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import { MeshMirror } from "./mirror.ts";

const settings = defaultMeshSettings();
const put = (name: string, revision: number): StoreChange => ({
  type: "put",
  key: keys.trust(name),
  revision: BigInt(revision),
  entry: create(EntrySchema, {
    schemaVersion: 1,
    value: { case: "trust", value: { trustDomain: name, rootCertificatesPem: [`${revision}`] } },
  }),
});
const gone = (name: string, revision: number): StoreChange => ({
  type: "delete",
  key: keys.trust(name),
  revision: BigInt(revision),
});
const batch = (revision: number, changes: StoreChange[], reset = false): StoreBatch => ({
  revision: BigInt(revision),
  reset,
  changes,
});
const many = (count: number, revision = 1) => Array.from({ length: count }, (_, i) => put(`td${i}`, revision));
const names = (mirror: MeshMirror) => mirror.state(settings).trust.map(({ trustDomain }) => trustDomain);

test("changes and deletions are followed", () => {
  const mirror = new MeshMirror();
  mirror.apply(batch(2, [put("a", 1), put("b", 2)], true));
  const { changed } = mirror.apply(batch(4, [put("a", 3), gone("b", 4)]));
  assert.equal(changed.trust, 2);
  assert.deepEqual(mirror.state(settings).trust, [{ trustDomain: "a", roots: ["3"] }]);
  assert.equal(mirror.revision, 4n);
});

test("a full state is applied by difference: what is the same keeps its identity", () => {
  const mirror = new MeshMirror();
  mirror.apply(batch(3, [put("a", 1), put("b", 2), put("c", 3)], true));
  const [before] = mirror.state(settings).trust;
  const { changed } = mirror.apply(batch(9, [put("a", 1), put("b", 8)], true));
  assert.equal(mirror.state(settings).trust[0], before);
  assert.equal(changed.trust, 2);
  assert.deepEqual(names(mirror), ["a", "b"]);
});

test("a full state that lacks most of the mesh removes nothing at first", () => {
  const mirror = new MeshMirror();
  mirror.apply(batch(1, many(20), true));
  assert.equal(mirror.apply(batch(2, [], true)).held, 20);
  assert.equal(names(mirror).length, 20);
  mirror.apply(batch(3, [put("td3", 3), put("new", 4)]));
  assert.equal(mirror.releaseHeld(), 19);
  assert.deepEqual(names(mirror).sort(), ["new", "td3"]);
});

test("what comes back while it is held is not removed by the next full state's difference", () => {
  const mirror = new MeshMirror();
  mirror.apply(batch(1, many(20), true));
  mirror.apply(batch(2, [], true));
  mirror.apply(batch(30, many(20, 5), true));
  assert.equal(mirror.releaseHeld(), 0);
  assert.equal(names(mirror).length, 20);
});

test("an entry that cannot be read counts as absent and is named", () => {
  const mirror = new MeshMirror();
  const key = keys.config("Gadget", "default", "x");
  const entry = create(EntrySchema, {
    schemaVersion: 1,
    value: {
      case: "config",
      value: { apiVersion: "gadgets.example/v9", kind: "Gadget", namespace: "default", name: "x" },
    },
  });
  const { unreadable } = mirror.apply(batch(1, [{ type: "put", key, revision: 1n, entry }], true));
  assert.deepEqual(unreadable, [key]);
  assert.equal(mirror.unreadable, 1);
  assert.deepEqual(mirror.state(settings).configs, []);
});
