import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { HeaderValueSchema } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import {
  type RateLimitRequest,
  type RateLimitResponse,
  RateLimitResponse_Code,
  RateLimitResponse_DescriptorStatusSchema,
  RateLimitResponse_RateLimit_Unit,
  RateLimitResponseSchema,
  RateLimitService,
} from "@lateen/protos/envoy/service/ratelimit/v3/rls_pb.js";
import { defineService, RpcCode, RpcError, type RpcService } from "@lateen/rpc";
import type { MixerMetrics } from "../metrics.ts";
import type { Counters } from "./counters.ts";
import { type Decision, decide } from "./decide.ts";
import type { LimitedRule, Unit } from "./limits.ts";

export interface RateLimiter {
  readonly rules: () => ReadonlyMap<string, LimitedRule>;
  readonly counters: Counters;
  readonly metrics: MixerMetrics;
}

/** envoy.service.ratelimit.v3. Every descriptor counts, also when another one is over its limit. */
export function rateLimitService(limiter: RateLimiter): RpcService {
  return defineService(RateLimitService, { shouldRateLimit: async (request) => shouldRateLimit(request, limiter) });
}

export function shouldRateLimit(
  request: RateLimitRequest,
  { rules, counters, metrics }: RateLimiter,
): RateLimitResponse {
  const hits = request.hitsAddend || 1;
  const decisions = request.descriptors.map((descriptor) =>
    decide({ domain: request.domain, descriptor, hits }, rules(), counters),
  );
  const refused = decisions.find((decision) => decision.kind === "refused");
  if (refused !== undefined) throw new RpcError(RpcCode.INVALID_ARGUMENT, refused.reason);
  for (const decision of decisions) metrics.rateLimitDecided(decision);
  const over = decisions.some((decision) => decision.kind === "counted" && decision.over);
  return create(RateLimitResponseSchema, {
    overallCode: over ? RateLimitResponse_Code.OVER_LIMIT : RateLimitResponse_Code.OK,
    statuses: decisions.map(statusOf),
    responseHeadersToAdd: headersOf(decisions),
  });
}

const units: Readonly<Record<Unit, RateLimitResponse_RateLimit_Unit>> = {
  second: RateLimitResponse_RateLimit_Unit.SECOND,
  minute: RateLimitResponse_RateLimit_Unit.MINUTE,
  hour: RateLimitResponse_RateLimit_Unit.HOUR,
  day: RateLimitResponse_RateLimit_Unit.DAY,
};

function statusOf(decision: Decision) {
  if (decision.kind !== "counted")
    return create(RateLimitResponse_DescriptorStatusSchema, { code: RateLimitResponse_Code.OK });
  return create(RateLimitResponse_DescriptorStatusSchema, {
    code: decision.over ? RateLimitResponse_Code.OVER_LIMIT : RateLimitResponse_Code.OK,
    currentLimit: { name: decision.rule, requestsPerUnit: decision.limit.requests, unit: units[decision.limit.unit] },
    limitRemaining: decision.remaining,
    durationUntilReset: durationFromMs(decision.resetMs),
  });
}

/** Of the descriptor that leaves least, as a client sees only one set. Resets are rounded up, so that a retry is in time. */
function headersOf(decisions: readonly Decision[]) {
  const counted = decisions.filter((decision) => decision.kind === "counted");
  const [tightest] = counted.sort((a, b) => a.remaining - b.remaining || b.resetMs - a.resetMs);
  if (tightest === undefined) return [];
  const values = {
    "x-ratelimit-limit": tightest.limit.requests,
    "x-ratelimit-remaining": tightest.remaining,
    "x-ratelimit-reset": Math.ceil(tightest.resetMs / 1_000),
  };
  return Object.entries(values).map(([key, value]) => create(HeaderValueSchema, { key, value: String(value) }));
}
