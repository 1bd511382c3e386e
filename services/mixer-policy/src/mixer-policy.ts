import type { MeshStore } from "@lateen/mesh-store";
import type { RpcService } from "@lateen/rpc";
import type { Component, Logger } from "@lateen/runtime";
import type { Registry } from "prom-client";
import { accessLogService } from "./access-log/service.ts";
import { TrafficMetrics } from "./access-log/traffic-metrics.ts";
import { authorizationService } from "./authorization/service.ts";
import { registerMixerMetrics, registerSizes } from "./metrics.ts";
import { MeshMirror } from "./mirror/mesh-mirror.ts";
import { Counters } from "./rate-limit/counters.ts";
import { type CountChannel, shareCounts } from "./rate-limit/exchange.ts";
import { rateLimitService } from "./rate-limit/service.ts";

export interface MixerPolicyOptions {
  readonly store: MeshStore;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Policies of this namespace apply to all workloads; default `istio-system`. */
  readonly rootNamespace?: string;
  /** Allow what no policy is known for; default false. */
  readonly failOpen?: boolean;
  /** Label tuples of traffic kept; default 2000. */
  readonly maxSeries?: number;
  /** Rate limit counters kept; default 200000. */
  readonly maxCounters?: number;
  /** Where replicas tell each other what they counted; without it this replica counts alone. */
  readonly counts?: { readonly channel: CountChannel /** Unique among the replicas. */; readonly replica: string };
  /** Unix milliseconds; default the system's clock. */
  readonly now?: () => number;
}

const seriesIdleMs = 3_600_000;
const sweepIntervalMs = 5_000;

/** Policy and telemetry for proxies: ext_authz, rate limits, access logs. Built without I/O; `run` follows the store. */
export function createMixerPolicy(
  options: MixerPolicyOptions,
): Component<RpcService> & { readonly rpc: readonly RpcService[] } {
  const { store, logger, registry, now = Date.now } = options;
  const metrics = registerMixerMetrics(registry);
  const mirror = new MeshMirror(store, logger);
  const counters = new Counters({ now, maxCounters: options.maxCounters ?? 200_000 });
  const traffic = new TrafficMetrics(registry, {
    maxSeries: options.maxSeries ?? 2_000,
    idleMs: seriesIdleMs,
    now,
    onOverflow: metrics.seriesOverflowed,
  });
  registerSizes(registry, {
    counters: () => counters.size,
    series: () => traffic.size,
    revision: () => mirror.revision,
  });
  return {
    name: "mixer-policy",
    checks: [mirror.check],
    rpc: [
      authorizationService({
        mirror,
        metrics,
        rootNamespace: options.rootNamespace ?? "istio-system",
        failOpen: options.failOpen ?? false,
      }),
      rateLimitService({ rules: () => mirror.rules, counters, metrics }),
      accessLogService({ mesh: mirror, traffic, metrics }),
    ],
    async run(signal) {
      const sweeping = setInterval(() => {
        counters.sweep();
        traffic.sweep();
      }, sweepIntervalMs);
      try {
        const sharing = options.counts && shareCounts(counters, options.counts.channel, options.counts.replica, signal);
        await Promise.all([mirror.run(signal), sharing]);
      } finally {
        clearInterval(sweeping);
      }
    },
  };
}
