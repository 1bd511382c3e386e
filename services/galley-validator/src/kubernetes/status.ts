import type { Violation } from "@lateen/model";
import type { Intake } from "../intake/claim.ts";

/** Our condition; Istio's name for whether an object is in effect. */
const conditionType = "Reconciled";
const refused = "ValidationFailed";

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
  readonly observedGeneration?: number;
}

export interface ObjectStatus {
  readonly conditions?: readonly Condition[];
  readonly validationMessages?: readonly unknown[];
  readonly observedGeneration?: number;
}

/**
 * The status an object should have, or undefined where it has it already. Objects that are well and were never spoken of
 * get none: a write for each object of a large mesh would cost more than it says.
 */
export function statusFor(
  current: ObjectStatus,
  generation: number,
  intake: Intake,
  now: string,
): ObjectStatus | undefined {
  const violations = [...intake.violations, ...intake.claims.flatMap((claim) => claim.violations)];
  const mine = current.conditions?.find((condition) => condition.type === conditionType);
  if (violations.length === 0 && mine === undefined) return undefined;
  const invalid = violations.some((violation) => violation.severity === "error");
  const validationMessages = violations.map(messageOf);
  const [first] = violations.filter((violation) => violation.severity === "error");
  const wanted: Condition = {
    type: conditionType,
    status: invalid ? "False" : "True",
    reason: invalid ? refused : "Accepted",
    message: first ? `${first.path}: ${first.message}` : "",
    observedGeneration: generation,
  };
  const { lastTransitionTime, ...before } = mine ?? { lastTransitionTime: undefined };
  const same =
    JSON.stringify(sorted(before)) === JSON.stringify(sorted(wanted)) &&
    JSON.stringify(current.validationMessages ?? []) === JSON.stringify(validationMessages);
  if (same) return undefined;
  const since = mine?.status === wanted.status && lastTransitionTime !== undefined ? lastTransitionTime : now;
  const others = (current.conditions ?? []).filter((condition) => condition.type !== conditionType);
  return {
    conditions: [...others, { ...wanted, lastTransitionTime: since }],
    validationMessages,
    observedGeneration: generation,
  };
}

/** Istio's AnalysisMessageBase. Keys in the order the server gives them back in: sorted. */
function messageOf({ path, message, severity }: Violation): object {
  const [code, name] = severity === "error" ? ["IST0106", "SchemaValidationError"] : ["IST0133", "SchemaWarning"];
  return { args: { path, reason: message }, level: severity === "error" ? "ERROR" : "WARNING", type: { code, name } };
}

function sorted(value: object): object {
  return Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)));
}
