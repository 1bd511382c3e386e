import assert from "node:assert/strict";
import { test } from "node:test";
import { Scoreboard } from "./scoreboard.ts";

test("a split is the share of each version among answered requests", () => {
  const board = new Scoreboard();
  for (let i = 0; i < 9; i++) board.add({ probe: "reviews", status: 200, version: "v1" });
  board.add({ probe: "reviews", status: 200, version: "v2" });
  board.add({ probe: "reviews", status: 503 });
  assert.deepEqual(board.split("reviews"), { v1: 90, v2: 10 });
  assert.equal(board.total("reviews"), 11);
});

test("an outcome names every status with its share, and refusals in words", () => {
  const board = new Scoreboard();
  assert.equal(board.outcome("plaintext"), "–");
  board.add({ probe: "plaintext", status: 0 });
  assert.equal(board.outcome("plaintext"), "refused");
  board.add({ probe: "plaintext", status: 200 });
  assert.equal(board.outcome("plaintext"), "refused×50 % 200×50 %");
  board.reset();
  assert.equal(board.outcome("plaintext"), "–");
});
