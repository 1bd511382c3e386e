import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { EntrySchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import { configEntry } from "./entries.ts";
import { leaseContract } from "./lease-contract.ts";
import { Watcher } from "./watcher.ts";
import { keys } from "../keys.ts";
import type { MeshStore } from "../store.ts";

export interface StoreUnderTest extends AsyncDisposable {
  readonly store: MeshStore;
}

/** The contract of `MeshStore` as tests. `open` gives an empty store each time. */
export function meshStoreContract(implementation: string, open: () => Promise<StoreUnderTest>): void {
  const check = (name: string, body: (store: MeshStore) => Promise<void>): void => {
    test(`${implementation}: ${name}`, async () => {
      await using opened = await open();
      await body(opened.store);
    });
  };
  readsAndWrites(check);
  watches(check);
  leaseContract(check);
}

/** One property of a store that is opened for it alone. */
export type Check = (name: string, body: (store: MeshStore) => Promise<void>) => void;

const key = (name: string): string => keys.config("VirtualService", "default", name);

function readsAndWrites(check: Check): void {
  check("put, get, list and delete, with one total order of revisions", async (store) => {
    const first = await store.put(key("b"), configEntry("b"));
    const second = await store.put(key("a.b/c ü"), configEntry("a"));
    assert.ok(second > first);
    assert.equal((await store.get(key("b")))?.revision, first);
    assert.equal(await store.get(key("none")), undefined);
    assert.deepEqual(
      (await store.list("config.")).map((stored) => stored.key),
      [key("a.b/c ü"), key("b")],
    );
    assert.deepEqual(await store.list("service."), []);
    const deleted = await store.delete(key("b"));
    assert.ok(deleted > second);
    assert.equal(await store.delete(key("b")), deleted, "nothing left to delete");
    assert.equal(await store.delete(key("never")), 0n);
    assert.equal(await store.get(key("b")), undefined);
    assert.equal((await store.list("")).length, 1);
    assert.ok((await store.put(key("b"), configEntry("b"))) > deleted);
  });
  check("an equal value is a no-op, whatever order its maps were filled in", async (store) => {
    const revision = await store.put(key("a"), configEntry("a", 1n, { x: "1", a: "2", "10": "3" }));
    assert.equal(await store.put(key("a"), configEntry("a", 1n, { "10": "3", a: "2", x: "1" })), revision);
    assert.ok((await store.put(key("a"), configEntry("a", 2n))) > revision);
  });
  check("create and replace compare and swap", async (store) => {
    const created = await store.create(key("a"), configEntry("a"));
    assert.ok(created !== undefined);
    assert.equal(await store.create(key("a"), configEntry("a", 2n)), undefined, "exists");
    const replaced = await store.replace(key("a"), configEntry("a", 2n), created);
    assert.ok(replaced !== undefined && replaced > created);
    assert.equal(await store.replace(key("a"), configEntry("a", 3n), created), undefined, "moved on");
    const deleted = await store.delete(key("a"));
    assert.equal(await store.replace(key("a"), configEntry("a", 4n), deleted), undefined, "deleted");
    assert.ok((await store.create(key("a"), configEntry("a", 5n))) !== undefined, "may be created again");
  });
  check("of many that race to create a key, one wins", async (store) => {
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) => store.create(key("race"), configEntry("race", BigInt(index)))),
    );
    assert.equal(results.filter((revision) => revision !== undefined).length, 1);
  });
  check("an entry of a newer schema is absent and reported", async (store) => {
    const revision = await store.put(key("new"), create(EntrySchema, { ...configEntry("new"), schemaVersion: 99 }));
    assert.equal(await store.get(key("new")), undefined);
    assert.deepEqual(await store.list("config."), []);
    const [skipped] = store.skipped();
    assert.deepEqual({ key: skipped?.key, revision: skipped?.revision }, { key: key("new"), revision });
    assert.match(skipped?.reason ?? "", /schema_version 99 is newer than 1/);
    await store.put(key("new"), configEntry("new"));
    assert.notEqual(await store.get(key("new")), undefined);
    assert.deepEqual(store.skipped(), []);
  });
  check("refuses keys and prefixes it could not find again", async (store) => {
    await assert.rejects(store.put("config.a b.c", configEntry("x")), /invalid store key/);
    await assert.rejects(store.get("config.*.c"), /invalid store key/);
    await assert.rejects(store.list("config"), /must be empty or end with a dot/);
  });
  check("values may exceed 1 MB", async (store) => {
    const labels = { big: "x".repeat(3_000_000) };
    const revision = await store.put(key("big"), configEntry("big", 1n, labels));
    const stored = await store.get(key("big"));
    assert.equal(stored?.entry.value.case === "config" && stored.entry.value.value.labels["big"]?.length, 3_000_000);
    assert.equal(await store.put(key("big"), configEntry("big", 1n, labels)), revision);
  });
  check("a reader's value does not change with the writer's object", async (store) => {
    const entry = configEntry("a");
    await store.put(key("a"), entry);
    if (entry.value.case === "config") entry.value.value.generation = 77n;
    assert.deepEqual((await store.get(key("a")))?.entry.schemaVersion, 1);
    const stored = await store.get(key("a"));
    assert.equal(stored?.entry.value.case === "config" && stored.entry.value.value.generation, 1n);
  });
}

function watches(check: Check): void {
  check("a watch begins with the full state, also an empty one, and then gives changes", async (store) => {
    await using empty = new Watcher(store, "service.");
    await empty.until("first batch", (watcher) => watcher.batches.length === 1);
    assert.deepEqual({ ...empty.batches[0], revision: 0n }, { revision: 0n, reset: true, changes: [] });
    await store.put(key("a"), configEntry("a"));
    const deleted = await store.put(key("gone"), configEntry("gone")).then(() => store.delete(key("gone")));
    await using watcher = new Watcher(store, "config.", "workload.");
    await watcher.until("state", (seen) => seen.batches.length === 1);
    assert.deepEqual([...watcher.state.keys()], [key("a")]);
    assert.ok((watcher.batches[0]?.revision ?? -1n) >= deleted, "covers the deletion");
    const revision = await store.put(key("b"), configEntry("b"));
    await store.put(keys.service("Kubernetes", "default", "s"), configEntry("s"));
    await watcher.until("b", (seen) => seen.state.has(key("b")));
    await watcher.until("revision", (seen) => (seen.batches.at(-1)?.revision ?? 0n) >= revision);
    assert.equal(watcher.resets, 1);
    await store.delete(key("a"));
    await watcher.until("deleted", (seen) => !seen.state.has(key("a")));
    await empty.until("service", (seen) => seen.state.size === 1);
    assert.equal(watcher.state.size, 1);
  });
  check("prefixes are whole tokens, and one inside another counts once", async (store) => {
    await store.put(keys.config("RateLimit", "a", "x"), configEntry("x"));
    await store.put(keys.config("RateLimitOther", "a", "y"), configEntry("y"));
    await using one = new Watcher(store, "config.ratelimit.");
    await using all = new Watcher(store, "config.ratelimit.", "config.", "config.ratelimit.");
    await one.until("one", (seen) => seen.batches.length > 0);
    await all.until("all", (seen) => seen.batches.length > 0);
    assert.deepEqual([one.state.size, all.state.size], [1, 2]);
  });
  check("a slow reader gets the newest value of each key, in order, and no revision goes back", async (store) => {
    const stop = new AbortController();
    const iterator = store.watch(["config."], stop.signal)[Symbol.asyncIterator]();
    await iterator.next();
    for (let generation = 1n; generation <= 50n; generation += 1n)
      await store.put(key("hot"), configEntry("hot", generation));
    const last = await store.put(key("cold"), configEntry("cold"));
    let seen = 0n;
    let changes = 0;
    let revision = 0n;
    while (revision < last) {
      const { value } = (await iterator.next()) as { value: Awaited<ReturnType<typeof iterator.next>>["value"] };
      for (const change of value.changes) {
        assert.ok(change.revision > seen, "ascending");
        seen = change.revision;
        changes += 1;
      }
      assert.ok(value.revision >= revision);
      revision = value.revision;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.ok(changes < 51, `${changes} changes`);
    stop.abort();
    assert.equal((await iterator.next()).done, true);
  });
  check("readers end when told, by leaving the loop, and when the store closes", async (store) => {
    for await (const batch of store.watch([""], new AbortController().signal)) {
      assert.equal(batch.reset, true);
      break;
    }
    const stop = new AbortController();
    stop.abort();
    for await (const _batch of store.watch([""], stop.signal)) assert.fail("aborted before");
    const ending = (async () => {
      for await (const _batch of store.watch([""], new AbortController().signal)) await store.close();
    })();
    await ending;
    assert.equal(store.connected(), false);
    await assert.rejects(store.get(key("a")), /closed/);
  });
  check("two thousand keys arrive, before and after the watch begins", async (store) => {
    const write = (from: number, to: number): Promise<unknown> =>
      Promise.all(
        Array.from({ length: to - from }, (_, index) => store.put(key(`n${from + index}`), configEntry("n"))),
      );
    await write(0, 1_000);
    await using watcher = new Watcher(store, "config.");
    await write(1_000, 2_000);
    await watcher.until("all", (seen) => seen.state.size === 2_000);
  });
}
