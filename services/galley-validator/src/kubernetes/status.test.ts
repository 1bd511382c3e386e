import assert from "node:assert/strict";
import { test } from "node:test";
import type { Intake } from "../intake/claim.ts";
import { statusFor } from "./status.ts";

const object = { kind: "A", namespace: "n", name: "a" };

function intake(severity?: "error" | "warning"): Intake {
  const violations = severity ? [{ object, path: "spec.a", severity, code: "x", message: "is wrong" }] : [];
  return { claims: [], violations, broken: false };
}

test("a good object that was never spoken of gets no status", () => {
  assert.equal(statusFor({}, 1, intake(), "t1"), undefined);
});

test("a bad one says why, once; others' conditions stay", () => {
  const others = { type: "Other", status: "True" };
  const status = statusFor({ conditions: [others] }, 2, intake("error"), "t1");
  assert.deepEqual(status?.conditions, [
    others,
    {
      type: "Reconciled",
      status: "False",
      reason: "ValidationFailed",
      message: "spec.a: is wrong",
      observedGeneration: 2,
      lastTransitionTime: "t1",
    },
  ]);
  assert.deepEqual(status?.validationMessages, [
    {
      args: { path: "spec.a", reason: "is wrong" },
      level: "ERROR",
      type: { code: "IST0106", name: "SchemaValidationError" },
    },
  ]);
  assert.ok(status);
  assert.equal(statusFor(status, 2, intake("error"), "t2"), undefined);
  assert.equal(
    statusFor(status, 3, intake("error"), "t2")?.conditions?.[1]?.lastTransitionTime,
    "t1",
    "still bad since then",
  );
  const repaired = statusFor(status, 3, intake(), "t3");
  assert.deepEqual(
    [repaired?.conditions?.[1]?.status, repaired?.conditions?.[1]?.lastTransitionTime, repaired?.validationMessages],
    ["True", "t3", []],
  );
});

test("warnings are messages of an object that is in effect", () => {
  const status = statusFor({}, 1, intake("warning"), "t1");
  assert.equal(status?.conditions?.[0]?.status, "True");
  assert.deepEqual(status?.validationMessages, [
    {
      args: { path: "spec.a", reason: "is wrong" },
      level: "WARNING",
      type: { code: "IST0133", name: "SchemaWarning" },
    },
  ]);
});
