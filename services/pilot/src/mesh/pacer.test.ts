import assert from "node:assert/strict";
import test from "node:test";
import type { TestContext } from "node:test";
import { Pacer } from "./pacer.ts";

function paced(context: TestContext) {
  context.mock.timers.enable({ apis: ["setTimeout", "setImmediate"] });
  let now = 1_000;
  const runs: number[] = [];
  const pacer = new Pacer({ quietMs: 10, maxMs: 100, nowMs: () => now }, () => runs.push(now - 1_000));
  return {
    pacer,
    runs,
    pass(ms: number) {
      for (let i = 0; i < ms; i++) {
        now++;
        context.mock.timers.tick(1);
      }
    },
    turn: () => context.mock.timers.tick(0),
  };
}

test("the first request after quiet runs in the same turn, once", (context) => {
  const { pacer, runs, turn } = paced(context);
  pacer.request();
  pacer.request();
  assert.deepEqual(runs, []);
  turn();
  assert.deepEqual(runs, [0]);
});

test("what comes right after a run gathers until it is quiet", (context) => {
  const { pacer, runs, turn, pass } = paced(context);
  pacer.request();
  turn();
  pass(2);
  pacer.request();
  pass(5);
  pacer.request();
  pass(9);
  assert.deepEqual(runs, [0]);
  pass(1);
  assert.deepEqual(runs, [0, 17]);
});

test("a steady stream of requests runs every hundred milliseconds", (context) => {
  const { pacer, runs, turn, pass } = paced(context);
  pacer.request();
  turn();
  for (let i = 0; i < 100; i++) {
    pass(3);
    pacer.request();
  }
  assert.deepEqual(runs, [0, 103, 205]);
});

test("after quiet the next request runs at once again", (context) => {
  const { pacer, runs, turn, pass } = paced(context);
  pacer.request();
  turn();
  pass(50);
  pacer.request();
  turn();
  assert.deepEqual(runs, [0, 50]);
});

test("nothing runs after stop", (context) => {
  const { pacer, runs, turn, pass } = paced(context);
  pacer.request();
  pacer.stop();
  turn();
  pass(200);
  assert.deepEqual(runs, []);
});
