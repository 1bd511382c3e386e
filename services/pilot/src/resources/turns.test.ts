import assert from "node:assert/strict";
import test from "node:test";
import { Turns } from "./turns.ts";

test("work runs in order and the event loop gets its turn in between", async () => {
  const turns = new Turns(5);
  const order: (number | string)[] = [];
  const busy = (ms: number): void => {
    for (const end = performance.now() + ms; performance.now() < end; );
  };
  setImmediate(() => order.push("loop"));
  await Promise.all(
    [0, 1, 2, 3].map((n) =>
      turns.take(() => {
        busy(4);
        order.push(n);
      }),
    ),
  );
  assert.deepEqual(
    order.filter((step) => step !== "loop"),
    [0, 1, 2, 3],
  );
  assert.ok(order.indexOf("loop") < order.length - 1, order.join());
});

test("a piece that throws fails alone", async () => {
  const turns = new Turns();
  const failing = turns.take(() => {
    throw new Error("broken");
  });
  const next = turns.take(() => 7);
  await assert.rejects(failing, /broken/);
  assert.equal(await next, 7);
});
