import type { RateLimitDescriptor } from "@lateen/protos/envoy/extensions/common/ratelimit/v3/ratelimit_pb.js";
import { RateLimitUnit } from "@lateen/protos/envoy/type/v3/ratelimit_unit_pb.js";
import type { Counters } from "./counters.ts";
import type { Limit, LimitedRule, Unit } from "./limits.ts";

/** What a descriptor of a request comes to. */
export type Decision =
  | {
      readonly kind: "counted";
      readonly rule: string;
      readonly limit: Limit;
      readonly over: boolean;
      readonly remaining: number;
      readonly resetMs: number;
    }
  /** No such rule (any more, or not here yet): not limited. */
  | { readonly kind: "unknown-rule"; readonly rule: string }
  | { readonly kind: "refused"; readonly reason: string };

export interface DecideInput {
  readonly domain: string;
  readonly descriptor: RateLimitDescriptor;
  /** Of the request; a descriptor may have its own. */
  readonly hits: number;
}

/** Counts one descriptor. A limit inside the descriptor overrides the rule's, as Envoy's `limit` action asks. */
export function decide(input: DecideInput, rules: ReadonlyMap<string, LimitedRule>, counters: Counters): Decision {
  const { descriptor } = input;
  const rule = descriptor.entries.find((entry) => entry.key === "rule")?.value ?? "";
  const limit = limitOf(descriptor, rules.get(rule));
  if (limit === undefined) return { kind: "unknown-rule", rule };
  if (typeof limit === "string") return { kind: "refused", reason: limit };
  const { used, resetMs } = counters.add(keyOf(input), limit, hitsOf(input));
  return {
    kind: "counted",
    rule,
    limit,
    over: used > limit.requests,
    remaining: Math.max(0, limit.requests - used),
    resetMs,
  };
}

const overrideUnits: Readonly<Partial<Record<RateLimitUnit, Unit>>> = {
  [RateLimitUnit.SECOND]: "second",
  [RateLimitUnit.MINUTE]: "minute",
  [RateLimitUnit.HOUR]: "hour",
  [RateLimitUnit.DAY]: "day",
};

function limitOf(descriptor: RateLimitDescriptor, rule: LimitedRule | undefined): Limit | string | undefined {
  const override = descriptor.limit;
  if (override === undefined) return rule?.limit;
  const unit = overrideUnits[override.unit];
  if (unit === undefined || (override.unitMultiplier ?? 1) !== 1) {
    return `limit override with unit ${RateLimitUnit[override.unit]} times ${override.unitMultiplier ?? 1} is not built: use SECOND, MINUTE, HOUR or DAY without a multiplier`;
  }
  return { requests: override.requestsPerUnit, unit };
}

/** Counted by everything the descriptor says: the rule and the values it counts by. */
function keyOf({ domain, descriptor }: DecideInput): string {
  return JSON.stringify([domain, ...descriptor.entries.map((entry) => [entry.key, entry.value])]);
}

function hitsOf({ descriptor, hits }: DecideInput): number {
  const wanted = descriptor.hitsAddend === undefined ? hits : Number(descriptor.hitsAddend);
  return descriptor.isNegativeHits ? -wanted : wanted;
}
