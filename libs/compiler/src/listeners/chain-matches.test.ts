import assert from "node:assert/strict";
import { test } from "node:test";
import type * as ir from "@lateen/ir";
import { claim } from "./chain-matches.ts";

const range = (address: string) => ({ address, length: 32 });

const cases = [
  { name: "names nobody has", earlier: [], match: { serverNames: ["a", "b"] }, kept: { serverNames: ["a", "b"] } },
  {
    name: "one of two names",
    earlier: [{ serverNames: ["a"] }],
    match: { serverNames: ["a", "b"] },
    kept: { serverNames: ["b"] },
  },
  { name: "the same names", earlier: [{ serverNames: ["a"] }], match: { serverNames: ["a"] }, kept: undefined },
  { name: "everything twice", earlier: [{}], match: {}, kept: undefined },
  { name: "a name beside everything", earlier: [{}], match: { serverNames: ["a"] }, kept: { serverNames: ["a"] } },
  {
    name: "the same name for other protocols",
    earlier: [{ serverNames: ["a"] }],
    match: { serverNames: ["a"], applicationProtocols: ["istio"] },
    kept: { serverNames: ["a"], applicationProtocols: ["istio"] },
  },
  {
    name: "the same name at another address",
    earlier: [{ serverNames: ["a"], destinationRanges: [range("10.0.0.1")] }],
    match: { serverNames: ["a"], destinationRanges: [range("10.0.0.1"), range("10.0.0.2")] },
    kept: { serverNames: ["a"], destinationRanges: [range("10.0.0.2")] },
  },
] satisfies readonly {
  name: string;
  earlier: readonly ir.ChainMatch[];
  match: ir.ChainMatch;
  kept: ir.ChainMatch | undefined;
}[];

for (const { name, earlier, match, kept } of cases) {
  test(`of ${name} a chain gets what is left`, () => {
    const taken = new Map<string, string>();
    for (const other of earlier) claim(other, taken, "earlier");
    const claimed = claim(match, taken, "later");
    assert.deepEqual(claimed.match, kept);
    const whole = JSON.stringify(kept) === JSON.stringify(match);
    assert.equal(claimed.lost.length > 0, !whole);
    assert.ok(claimed.lost.every(({ owner }) => owner === "earlier"));
  });
}
