import assert from "node:assert/strict";
import { test } from "node:test";
import { formatViolation } from "./violation-text.ts";

const object = { kind: "VirtualService", namespace: "shop", name: "reviews", file: "routing.yaml", line: 2 };

test("a violation reads place, severity, object, field, reason, code", () => {
  const violation = {
    object,
    path: "spec.http[0].timeout",
    line: 12,
    column: 15,
    severity: "error",
    code: "bad-duration",
    message: '"5" is not a duration; write it with a unit, as in "5s"',
  } as const;
  assert.equal(
    formatViolation(violation),
    'routing.yaml:12:15 error VirtualService shop/reviews spec.http[0].timeout: "5" is not a duration; write it with a unit, as in "5s" [bad-duration]',
  );
});

test("without a position of its own the object's line is given, and from Kubernetes no file at all", () => {
  const base = { path: "", severity: "warning", code: "x", message: "m" } as const;
  assert.equal(formatViolation({ object, ...base }), "routing.yaml:2 warning VirtualService shop/reviews: m [x]");
  const { kind, namespace, name } = object;
  assert.equal(
    formatViolation({ object: { kind, namespace, name }, ...base }),
    "warning VirtualService shop/reviews: m [x]",
  );
});
