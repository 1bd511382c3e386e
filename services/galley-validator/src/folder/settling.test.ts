import assert from "node:assert/strict";
import { test } from "node:test";
import type { Intake } from "../intake/claim.ts";
import { doubtMs } from "./settling.ts";

const intake = (broken: boolean, ...keys: readonly string[]): Intake =>
  ({ broken, violations: [], claims: keys.map((key) => ({ key })) }) as unknown as Intake;

const cases = [
  { name: "what says more than before", text: "a\nb\n", intake: intake(false, "a", "b"), doubted: false },
  { name: "what lost an object", text: "b\n", intake: intake(false, "b"), doubted: true },
  { name: "what cannot be read", text: "a: [\n", intake: intake(true, "a"), doubted: true },
  { name: "what has no last newline", text: "a", intake: intake(false, "a"), doubted: true },
];
for (const { name, doubted, ...candidate } of cases)
  test(`${name} is believed ${doubted ? "after a moment" : "at once"}`, () => {
    const ms = doubtMs({ ...candidate, claimed: ["a"] });
    assert.equal(ms > 0, doubted);
    assert.ok(ms < 100, `${ms} ms`);
  });

test("a file that is emptied is given a second to be written again", () => {
  assert.equal(doubtMs({ text: "", intake: intake(false), claimed: ["a"] }), 1_000);
  assert.ok(doubtMs({ text: "", intake: intake(false), claimed: [] }) < 100, "it had nothing to lose");
});
