import { type RateLimit, Limit_Unit } from "@lateen/protos/mesh/policy/v1alpha1/rate_limit_pb.js";

export type Unit = "second" | "minute" | "hour" | "day";

export interface Limit {
  readonly requests: number;
  readonly unit: Unit;
}

/** A rule of a RateLimit object: what a descriptor's `rule` entry names. */
export interface LimitedRule {
  /** `<namespace>/<object>/<rule>` */
  readonly id: string;
  readonly limit: Limit;
}

export const windowMs: Readonly<Record<Unit, number>> = {
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
};

const units: Readonly<Partial<Record<Limit_Unit, Unit>>> = {
  [Limit_Unit.SECOND]: "second",
  [Limit_Unit.MINUTE]: "minute",
  [Limit_Unit.HOUR]: "hour",
  [Limit_Unit.DAY]: "day",
};

/** Rules without a limit or unit cannot be in the store (validation refuses them); they would limit nothing. */
export function rulesOf(
  meta: { readonly namespace: string; readonly name: string },
  spec: RateLimit,
): readonly LimitedRule[] {
  return spec.rules.flatMap((rule) => {
    const unit = units[rule.limit?.unit ?? Limit_Unit.UNIT_UNSPECIFIED];
    if (rule.limit === undefined || unit === undefined) return [];
    return [{ id: `${meta.namespace}/${meta.name}/${rule.name}`, limit: { requests: rule.limit.requests, unit } }];
  });
}
