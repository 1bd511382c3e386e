import assert from "node:assert/strict";
import { test } from "node:test";
import { inOwnTime } from "./in-own-time.ts";

test("what takes long holds up nothing but its own kind", async () => {
  const gates = new Map<string, () => void>();
  const slow = (item: string): Promise<string> | undefined =>
    item.startsWith("slow") ? new Promise((resolve) => gates.set(item, () => resolve(`${item}!`))) : undefined;
  const source = async function* () {
    yield* ["a", "slow 1", "b", "slow 2", "c"];
  };
  const items = inOwnTime(source(), slow)[Symbol.asyncIterator]();
  const next = async () => (await items.next()).value as string | undefined;
  assert.deepEqual([await next(), await next(), await next()], ["a", "b", "c"]);
  gates.get("slow 2")?.();
  gates.get("slow 1")?.();
  assert.deepEqual([await next(), await next(), await next()], ["slow 1!", "slow 2!", undefined]);
});
