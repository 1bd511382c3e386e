import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { nkeys } from "nats";
import { readerPermissions } from "./permissions.ts";
import { openNatsStore } from "./nats-store.ts";
import { MeshStoreError } from "../errors.ts";
import { keys } from "../keys.ts";
import { configEntry, meshStoreContract, NatsServer, Watcher } from "../testing/index.ts";

const server = await NatsServer.start();
after(() => server[Symbol.asyncDispose]());
let buckets = 0;

function nextBucket(): string {
  buckets += 1;
  return `b${buckets}`;
}

const open = (bucket = nextBucket()) => openNatsStore({ servers: [server.url], bucket, connectTimeoutMs: 60_000 });
const key = (name: string): string => keys.config("VirtualService", "default", name);

meshStoreContract("nats", async () => {
  const store = await open();
  return { store, [Symbol.asyncDispose]: () => store.close() };
});

test("a value that the server would refuse is refused with the object, the sizes and the remedy", async () => {
  const store = await open();
  await assert.rejects(
    store.put(keys.config("EnvoyFilter", "default", "huge"), configEntry("huge", 1n, { x: "y".repeat(9_000_000) })),
    /config envoyfilter default huge .* is 90000\d\d bytes, more than the 8388096 .*raise max_payload/,
  );
  await store.close();
});

test("writers of one bucket see each other, and an unreachable server is named", async () => {
  const [one, two] = [await open("shared"), await open("shared")];
  await using watcher = new Watcher(two, "");
  await one.put(key("a"), configEntry("a"));
  await watcher.until("a", (seen) => seen.state.size === 1);
  await Promise.all([one.close(), two.close()]);
  await assert.rejects(
    openNatsStore({ servers: ["nats://127.0.0.1:1"], connectTimeoutMs: 100 }),
    /cannot connect to NATS at nats:\/\/127\.0\.0\.1:1/,
  );
});

test("a broadcast reaches who listens", async () => {
  const [one, two] = [await open("shared"), await open("shared")];
  const stop = new AbortController();
  const heard: string[] = [];
  const listening = (async () => {
    for await (const bytes of two.broadcast("mesh.test.v1.said").messages(stop.signal))
      heard.push(Buffer.from(bytes).toString());
  })();
  assert.equal(
    await until(() => {
      one.broadcast("mesh.test.v1.said").publish(Buffer.from("hello"));
      return heard.length > 0;
    }),
    true,
  );
  assert.equal(heard[0], "hello");
  stop.abort();
  await Promise.all([listening, one.close(), two.close()]);
});

test("a server killed and restarted mid-watch loses nothing, and the watch resumes", async () => {
  await using own = await NatsServer.start();
  const reader = await openNatsStore({ servers: [own.url] });
  const writer = await openNatsStore({ servers: [own.url] });
  await using watcher = new Watcher(reader, "config.");
  const expected = new Map<string, bigint>();
  for (let index = 0; index < 200; index += 1) {
    await writer.put(key(`n${index}`), configEntry("n", 1n));
    expected.set(key(`n${index}`), 1n);
  }
  await watcher.until("before", (seen) => seen.state.size === 200);
  for (let round = 1; round <= 3; round += 1) {
    const racing = Promise.allSettled(
      Array.from({ length: 50 }, (_, index) => writer.put(key(`r${round}-${index}`), configEntry("n", 2n))),
    );
    await sleep(3);
    await own.kill();
    assert.equal(watcher.state.has(key("n0")), round === 1 || expected.has(key("n0")), "serves from memory while down");
    const resets = watcher.resets;
    await own.restart();
    await watcher.until("reset", (seen) => seen.resets > resets);
    const failed = (await racing).filter((result) => result.status === "rejected");
    assert.deepEqual(failed, [], "writes in flight are done after the restart");
    await writer.delete(key(`n${round}`));
    for (let index = 0; index < 50; index += 1) expected.set(key(`r${round}-${index}`), 2n);
    expected.delete(key(`n${round}`));
    await watcher.until("caught up", (seen) => seen.state.size === expected.size && !seen.state.has(key(`n${round}`)));
  }
  assert.deepEqual(new Map([...watcher.state].sort()), new Map([...expected].sort()));
  for (let index = 1; index < watcher.batches.length; index += 1) {
    assert.ok(
      (watcher.batches[index]?.revision ?? 0n) >= (watcher.batches[index - 1]?.revision ?? 0n),
      "revisions never go back",
    );
  }
  await Promise.all([reader.close(), writer.close()]);
});

test("a change made while the watcher was cut off is in the next reset", async () => {
  await using own = await NatsServer.start();
  const reader = await openNatsStore({ servers: [own.url] });
  const writer = await openNatsStore({ servers: [own.url] });
  await using watcher = new Watcher(reader, "config.");
  await writer.put(key("stays"), configEntry("stays"));
  await writer.put(key("goes"), configEntry("goes"));
  await watcher.until("two", (seen) => seen.state.size === 2);
  await own.kill();
  assert.equal(await until(() => !reader.connected()), true);
  await own.restart();
  await writer.delete(key("goes"));
  await writer.put(key("comes"), configEntry("comes"));
  await watcher.until("settled", (seen) => seen.state.has(key("comes")) && !seen.state.has(key("goes")));
  assert.equal(reader.connected(), true);
  await Promise.all([reader.close(), writer.close()]);
});

test("a server that comes back without its data gets its bucket again: a reset, then writes, and no revision goes back", async () => {
  await using own = await NatsServer.start();
  const reader = await openNatsStore({ servers: [own.url] });
  const writer = await openNatsStore({ servers: [own.url] });
  await using watcher = new Watcher(reader, "config.", "service.");
  let before = 0n;
  for (const name of ["a", "b", "c"]) before = await writer.put(key(name), configEntry(name));
  await watcher.until("three", (seen) => seen.state.size === 3);
  for (let round = 1; round <= 2; round += 1) {
    const resets = watcher.resets;
    await own.lose();
    await own.restart();
    await watcher.until("an empty reset", (seen) => seen.resets > resets && seen.state.size === 0);
    assert.deepEqual(await writer.list("config."), []);
    assert.equal(await writer.get(key("a")), undefined);
    const after = await writer.put(key("a"), configEntry("a", BigInt(round)));
    assert.ok(after > before, `${after} is not after ${before}`);
    before = after;
    await watcher.until("filled again", (seen) => seen.state.get(key("a")) === BigInt(round));
  }
  for (let index = 1; index < watcher.batches.length; index += 1) {
    assert.ok(
      (watcher.batches[index]?.revision ?? 0n) >= (watcher.batches[index - 1]?.revision ?? 0n),
      "revisions never go back",
    );
  }
  await Promise.all([reader.close(), writer.close()]);
});

test("a bucket that is lost while nobody watches is made again by the first write, by one of many writers", async () => {
  await using own = await NatsServer.start();
  const stores = await Promise.all(Array.from({ length: 4 }, () => openNatsStore({ servers: [own.url] })));
  await stores[0]?.put(key("a"), configEntry("a"));
  await own.lose();
  await own.restart();
  await Promise.all(stores.map((store, index) => store.put(key(`n${index}`), configEntry("n"))));
  assert.equal((await stores[0]?.list("config."))?.length, 4);
  await Promise.all(stores.map((store) => store.close()));
});

async function until(condition: () => boolean): Promise<boolean> {
  for (let left = 6_000; left > 0 && !condition(); left -= 1) await sleep(10);
  return condition();
}

test("an nkey user with the permissions of a replica reads all and writes only its own status", async () => {
  const user = nkeys.createUser();
  const admin = nkeys.createUser();
  const seedOf = (pair: nkeys.KeyPair) => ({
    kind: "nkey" as const,
    seed: () => new TextDecoder().decode(pair.getSeed()),
  });
  await using own = await NatsServer.start({
    config: `authorization { users: [
      { nkey: ${admin.getPublicKey()} }
      { nkey: ${user.getPublicKey()}, permissions: {
        publish: { allow: [${readerPermissions("mesh")
          .map((subject) => JSON.stringify(subject))
          .join(", ")}, "$KV.mesh.status.>"] }
        subscribe: { allow: ["_INBOX_pilot.>"] } } } ] }`,
  });
  await assert.rejects(openNatsStore({ servers: [own.url], connectTimeoutMs: 50 }), /authorization/i);
  const writer = await openNatsStore({ servers: [own.url], credentials: seedOf(admin) });
  const replica = await openNatsStore({ servers: [own.url], credentials: seedOf(user), inboxPrefix: "_INBOX_pilot" });
  await using watcher = new Watcher(replica, "config.");
  await writer.put(key("a"), configEntry("a"));
  await watcher.until("a", (seen) => seen.state.has(key("a")));
  assert.ok((await replica.put(keys.status("pilot", "p-0"), configEntry("s"))) > 0n);
  assert.equal((await replica.list("status.")).length, 1);
  await assert.rejects(
    replica.put(key("b"), configEntry("b")),
    /key config\.virtualservice\.default\.b .*[Pp]ermissions? [Vv]iolation/,
  );
  await using both = new Watcher(replica, "config.", "status.");
  await both.until("two prefixes", (seen) => seen.state.size === 2);
  await own.lose();
  await own.restart();
  await assert.rejects(
    replica.get(key("a")),
    (error) => error instanceof MeshStoreError && error.code === "store_unavailable",
    "it may not make the bucket again",
  );
  await writer.put(key("again"), configEntry("again"));
  await both.until("made again by another", (seen) => seen.state.size === 1 && seen.state.has(key("again")));
  await Promise.all([writer.close(), replica.close()]);
});
