import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import test from "node:test";
import { silentLogger } from "@lateen/runtime";
import { GatewayNames } from "./gateway-names.ts";
import type { Answer } from "./gateway-names.ts";

function createNames(answers: Record<string, Answer | Error>) {
  const asked: string[] = [];
  let changes = 0;
  const names = new GatewayNames({
    logger: silentLogger(),
    onChange: () => changes++,
    resolve: (name) => {
      asked.push(name);
      const answer = answers[name] ?? new Error("no such name");
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  });
  return { names, asked, changes: () => changes };
}

test("a name is waited for once, looked up again when its answer has expired, and keeps what it had when that fails", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const answers: Record<string, Answer | Error> = { a: { addresses: ["192.0.2.2", "192.0.2.1"], ttlMs: 60_000 } };
  const { names, asked, changes } = createNames(answers);
  assert.equal(names.want(["a"]), false);
  await turn();
  assert.equal(names.want(["a"]), true);
  const first = names.resolved;
  assert.deepEqual([...first], [["a", ["192.0.2.1", "192.0.2.2"]]]);
  assert.equal(changes(), 1);
  answers["a"] = new Error("no answer");
  context.mock.timers.tick(60_000);
  await turn();
  assert.equal(names.resolved, first);
  answers["a"] = { addresses: ["192.0.2.3"], ttlMs: 1_000 };
  context.mock.timers.tick(5_000);
  await turn();
  assert.deepEqual([...names.resolved], [["a", ["192.0.2.3"]]]);
  assert.equal(changes(), 2);
  context.mock.timers.tick(29_999);
  await turn();
  assert.equal(asked.length, 3, "an answer holds half a minute at least");
  assert.equal(names.want([]), true);
  assert.deepEqual([...names.resolved], []);
  context.mock.timers.tick(3_600_000);
  await turn();
  assert.equal(asked.length, 3, "nobody wants it any more");
});

test("a name that is not answered holds nothing up for long", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let changes = 0;
  const names = new GatewayNames({
    logger: silentLogger(),
    onChange: () => changes++,
    resolve: () => new Promise<never>(() => undefined),
  });
  assert.equal(names.want(["slow"]), false);
  context.mock.timers.tick(2_000);
  await turn();
  assert.deepEqual([names.want(["slow"]), changes], [true, 1]);
  names.stop();
});
