import { create } from "@bufbuild/protobuf";
import { EntrySchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Claim, Intake } from "../intake/claim.ts";
import { Ledger } from "./ledger.ts";

function claim(name: string, version: string | undefined, line = 1): Claim {
  const origin = { kind: "A", namespace: "n", name, file: "f", line };
  if (version === undefined)
    return {
      key: name,
      origin,
      verdict: { is: "invalid" },
      violations: [{ object: origin, path: "", severity: "error", code: "x", message: "x" }],
    };
  const value = { case: "config", value: { name, kind: version, origin: { file: "f", line } } } as const;
  return { key: name, origin, verdict: { is: "accepted", entry: create(EntrySchema, { value }) }, violations: [] };
}

function intake(claims: readonly Claim[], broken = false): Intake {
  return { claims, violations: [], broken };
}

function desired(ledger: Ledger, key: string): string {
  const wanted = ledger.desired(key);
  return wanted.is === "entry" && wanted.entry.value.case === "config" ? wanted.entry.value.value.kind : wanted.is;
}

test("only what means something else is dirty: not a moved line, not an object that became invalid", () => {
  const ledger = new Ledger();
  assert.deepEqual(ledger.replace("f", intake([claim("a", "1"), claim("b", "1")])).keys, ["a", "b"]);
  assert.deepEqual(ledger.replace("f", intake([claim("a", "1", 9), claim("b", "2")])).keys, ["b"]);
  assert.deepEqual(ledger.replace("f", intake([claim("a", undefined), claim("b", "2")])).keys, []);
  assert.equal(desired(ledger, "a"), "keep");
  assert.equal(ledger.invalidCount, 1);
  assert.deepEqual(ledger.replace("f", intake([claim("b", "2")])).keys, ["a"]);
  assert.equal(desired(ledger, "a"), "absent");
});

test("a broken unit still claims what it does not mention", () => {
  const ledger = new Ledger();
  ledger.replace("f", intake([claim("a", "1"), claim("b", "1")]));
  assert.deepEqual(ledger.replace("f", intake([claim("b", "2")], true)).keys, ["b"]);
  assert.equal(desired(ledger, "a"), "1");
  assert.equal(ledger.mayStillClaim("f"), false, "it was whole once, so it is known what it claims");
  ledger.replace("g", intake([], true));
  assert.equal(ledger.mayStillClaim("g"), true);
  assert.equal(ledger.mayStillClaim("other"), false);
  assert.equal(ledger.mayStillClaim(""), true, "an entry that does not say its file may be from the broken one");
  assert.equal(ledger.replace("f", intake([claim("b", "2")])).unsure, false);
  assert.equal(ledger.replace("g", intake([])).unsure, true, "now it is known that it claims nothing");
});

test("of several claims the first unit's counts, both are told, and the second takes over", () => {
  const ledger = new Ledger();
  ledger.replace("b", intake([claim("a", "b")]));
  const change = ledger.replace("a", intake([claim("a", "a")]));
  assert.deepEqual([change.keys, change.units, desired(ledger, "a")], [["a"], ["a", "b"], "a"]);
  assert.deepEqual(
    [ledger.violationsOf("a")[0]?.severity, ledger.violationsOf("b")[0]?.severity],
    ["warning", "error"],
  );
  assert.deepEqual(ledger.remove("a").units, ["a", "b"]);
  assert.deepEqual([desired(ledger, "a"), ledger.violationsOf("b")], ["b", []]);
});

test("whatever happened, the outcome is what the units say now", () => {
  const name = fc.constantFrom("a", "b", "c");
  const step = fc.record({
    unit: fc.constantFrom("f", "g", "h"),
    claims: fc.option(
      fc.uniqueArray(fc.tuple(name, fc.option(fc.constantFrom("1", "2"))), { selector: ([key]) => key }),
    ),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const ledger = new Ledger();
      const last = new Map<string, Intake | undefined>();
      for (const { unit, claims } of steps) {
        const next = claims ? intake(claims.map(([key, version]) => claim(key, version ?? undefined))) : undefined;
        if (next) ledger.replace(unit, next);
        else ledger.remove(unit);
        last.set(unit, next);
      }
      const fresh = new Ledger();
      for (const [unit, said] of last) if (said) fresh.replace(unit, said);
      for (const key of ["a", "b", "c"]) assert.equal(desired(ledger, key), desired(fresh, key));
      for (const unit of ["f", "g", "h"]) assert.deepEqual(ledger.violationsOf(unit), fresh.violationsOf(unit));
    }),
  );
});
