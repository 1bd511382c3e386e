import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FirstAnswers } from "./first-answers.ts";

test("no more at a time than the limit; who came first is first, whoever asks first", async () => {
  const answers = new FirstAnswers({ limits: { least: 1, most: 2 } });
  const admitted: number[] = [];
  const leavers = new Map<number, () => void>();
  const enter = async (order: number): Promise<void> => {
    const leave = await answers.enter(order);
    admitted.push(order);
    leavers.set(order, leave);
  };
  for (const order of [1, 2, 5, 4, 3]) void enter(order);
  await sleep(0);
  assert.deepEqual(admitted, [1, 2]);
  assert.deepEqual([answers.underWay, answers.waiting], [2, 3]);
  for (const next of [1, 2, 3]) {
    leavers.get(next)?.();
    leavers.get(next)?.(); // twice is once
    await sleep(0);
  }
  assert.deepEqual(admitted, [1, 2, 3, 4, 5]);
  assert.equal(answers.waiting, 0);
});

test("one that is never read holds up nobody for long", async () => {
  const answers = new FirstAnswers({ limits: { least: 1, most: 1 }, giveUpMs: 20 });
  await answers.enter(1);
  const waited = answers.enter(2);
  (await waited)();
  assert.equal(answers.underWay, 0);
});

test("one that goes while it waits leaves the queue, and takes no turn", async () => {
  const answers = new FirstAnswers({ limits: { least: 1, most: 1 } });
  const leave = await answers.enter(1);
  const gone = answers.enter(2);
  const next = answers.enter(3);
  answers.forget(2);
  answers.forget(2);
  (await gone)();
  assert.deepEqual([answers.underWay, answers.waiting], [1, 1]);
  leave();
  (await next)();
  assert.deepEqual([answers.underWay, answers.waiting], [0, 0]);
});

test("it is full when as many wait as may", async () => {
  const answers = new FirstAnswers({ limits: { least: 1, most: 1 }, capacity: 1 });
  const leave = await answers.enter(1);
  assert.ok(!answers.full);
  const second = answers.enter(2);
  assert.ok(answers.full);
  leave();
  (await second)();
  assert.ok(!answers.full);
});
