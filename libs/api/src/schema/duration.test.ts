import assert from "node:assert/strict";
import { test } from "node:test";
import { normalizeDuration } from "./duration.ts";

const cases: readonly (readonly [written: string, normal: string | undefined])[] = [
  ["1s", "1s"],
  ["1.5s", "1.5s"],
  ["0.000000001s", "0.000000001s"],
  ["100ms", "0.1s"],
  ["1h30m", "5400s"],
  ["5m", "300s"],
  ["0", "0s"],
  ["0s", "0s"],
  [".5s", "0.5s"],
  ["1us", "0.000001s"],
  ["1.5ms", "0.0015s"],
  ["-1s", "-1s"],
  ["+1s", "1s"],
  ["87600h", "315360000s"],
  ["", undefined],
  ["1", undefined],
  ["s", undefined],
  ["1 s", undefined],
  ["1d", undefined],
  ["1.2.3s", undefined],
  ["9999999999h", undefined],
  ["1e3s", undefined],
];

for (const [written, normal] of cases) {
  test(`the duration ${JSON.stringify(written)} is ${normal ?? "none"}`, () =>
    assert.equal(normalizeDuration(written), normal));
}
