import assert from "node:assert/strict";
import test from "node:test";
import { Latest } from "./latest.ts";

test("a reader sees the newest value and not what it missed", async () => {
  const latest = new Latest<number>();
  const abort = new AbortController();
  const values = latest.watch(abort.signal);
  const first = values.next();
  latest.set(1);
  latest.set(2);
  assert.deepEqual(await first, { value: 2, done: false });
  latest.set(3);
  latest.set(4);
  assert.equal((await values.next()).value, 4);
  const waiting = values.next();
  abort.abort();
  assert.equal((await waiting).done, true);
});

test("setting an equal value again is a new value: its reader decides", async () => {
  const latest = new Latest<number>();
  latest.set(1);
  const values = latest.watch(new AbortController().signal);
  await values.next();
  const second = values.next();
  latest.set(1);
  assert.equal((await second).value, 1);
});
