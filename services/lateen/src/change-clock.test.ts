import assert from "node:assert/strict";
import { test } from "node:test";
import { ChangeClock } from "./change-clock.ts";

const reviews = { kind: "VirtualService", namespace: "shop", name: "reviews" };

test("a change is live once every proxy acknowledged its revision or a later one", () => {
  const clock = new ChangeClock();
  clock.applied({ revision: 7n, objects: [reviews], savedAtMs: 1_000 });
  assert.deepEqual(clock.acknowledged(6n, 3, 1_010), []);
  assert.deepEqual(clock.acknowledged(9n, 3, 1_024), [
    { revision: 7n, objects: ["VirtualService/shop/reviews"], proxies: 3, tookMs: 24 },
  ]);
  assert.deepEqual(clock.acknowledged(9n, 3, 1_030), [], "told once");
});

test("an acknowledgement that overtakes its change is not lost", () => {
  const clock = new ChangeClock();
  clock.acknowledged(7n, 3, 1_020);
  clock.applied({ revision: 7n, objects: [reviews], savedAtMs: 1_000 });
  assert.equal(clock.acknowledged(7n, 3, 1_021).length, 1);
});
