import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeSpec, type SpecCase, summary } from "./decode-text.ts";

/** A test for each case, by kind: exactly what is listed is said of the spec. */
export function describeSpecs(cases: Readonly<Record<string, readonly SpecCase[]>>): void {
  for (const [kind, table] of Object.entries(cases)) {
    describe(kind, () => {
      for (const [name, spec, ...said] of table) {
        test(`${name}${said.length === 0 ? " is good" : ""}`, () => {
          const result = decodeSpec(kind, spec);
          assert.deepEqual(
            summary(result).sort(),
            [...said].sort(),
            result.ok ? undefined : result.violations.map((each) => `${each.path}: ${each.message}`).join("\n"),
          );
          assert.equal(
            result.ok,
            said.every((each) => each.startsWith("warning ")),
          );
        });
      }
    });
  }
}
