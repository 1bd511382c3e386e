import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeSpec, summary } from "../testing/decode-text.ts";
import type { SpecCase } from "../testing/decode-text.ts";

const cases: readonly SpecCase[] = [
  ["unknown hosts looked up, under TLS", "outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS, tls: {mode: SIMPLE}}"],
  [
    "TLS for what is passed on as it is",
    "outboundTrafficPolicy: {mode: ALLOW_ANY, tls: {mode: SIMPLE}}",
    "warning spec.outboundTrafficPolicy.tls no-effect",
  ],
  [
    "TLS with a gateway's credential",
    "outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS, tls: {mode: MUTUAL, credentialName: a}}",
    "spec.outboundTrafficPolicy.tls.credentialName conflict",
  ],
];

for (const [name, spec, ...said] of cases) {
  test(`${name}${said.length === 0 ? " is good" : ""}`, () => {
    const result = decodeSpec("MeshConfig", spec);
    assert.deepEqual(summary(result).sort(), [...said].sort());
    assert.equal(
      result.ok,
      said.every((each) => each.startsWith("warning")),
    );
  });
}
