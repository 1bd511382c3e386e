import assert from "node:assert/strict";
import { test } from "node:test";
import { joinedMessage } from "@lateen/rpc";
import { DiffCache } from "./diff.ts";
import { layered, layersOf } from "./layered.ts";
import { emptyResources } from "./resource.ts";
import { resourceMap } from "./testing/resources.ts";
import { clusterType } from "./type-urls.ts";
import { ResponseEncoder } from "./wire/response.ts";

const clusters = (versions: Readonly<Record<string, string>>) => resourceMap(clusterType, versions);
const shared = clusters({ a: "1", b: "1" });
const own = clusters({ mine: "1" });

test("layers are one map, and the same one for the same layers", () => {
  const both = layered([shared, emptyResources, own]);
  assert.deepEqual([...both.keys()], ["a", "b", "mine"]);
  assert.deepEqual([...both], [...shared, ...own]);
  assert.equal(both.size, 3);
  assert.equal(both.get("mine"), own.get("mine"));
  assert.equal(both.has("other"), false);
  assert.equal(layered([shared, own]), both);
  assert.equal(layered([shared]), shared);
  assert.equal(layered([]), emptyResources);
  assert.deepEqual(layersOf(both), [shared, own]);
});

test("of a name in two layers the last one's counts", () => {
  const rival = clusters({ b: "2" });
  const both = layered([shared, rival]);
  assert.deepEqual(
    [...both.values()].map(({ name, version }) => name + version),
    ["a1", "b2"],
  );
});

test("what two proxies have in common is compared once, and sent as the same bytes", () => {
  const diffs = new DiffCache();
  const next = clusters({ a: "2", b: "1" });
  const other = clusters({ theirs: "1" });
  const mine = diffs.diff(layered([shared, own]), layered([next, own]));
  const theirs = diffs.diff(layered([shared, other]), layered([next, other]));
  assert.deepEqual(
    mine.changed.map(({ name }) => name),
    ["a"],
  );
  assert.equal(mine.changed, theirs.changed);
  const first = diffs.diff(emptyResources, layered([next, own]));
  const head = { typeUrl: clusterType, nonce: "1", version: "1" };
  assert.deepEqual(
    joinedMessage(new ResponseEncoder().delta(head, first.changed, [])),
    joinedMessage(new ResponseEncoder().delta(head, [...next.values(), ...own.values()], [])),
  );
});

test("what moves from one layer to another is neither gone nor told twice", () => {
  const diffs = new DiffCache();
  const before = layered([clusters({ a: "1", b: "1" }), clusters({ c: "1" })]);
  const after = layered([clusters({ a: "1" }), clusters({ b: "1", c: "2" })]);
  const { changed, removed } = diffs.diff(before, after);
  assert.deepEqual([changed.map(({ name }) => name), removed], [["c"], []]);
});
