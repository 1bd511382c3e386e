import { Counter, Gauge, type Registry } from "prom-client";
import type { Decision } from "./rate-limit/decide.ts";
import type { Verdict } from "./authorization/evaluate.ts";

export type EntryOutcome = "counted" | "unfinished" | "unknown_log";

export interface MixerMetrics {
  policyChecked(result: Verdict["result"], allowed: boolean): void;
  rateLimitDecided(decision: Decision): void;
  entryRead(kind: "http" | "tcp", outcome: EntryOutcome): void;
  seriesOverflowed(): void;
}

export interface MeasuredSizes {
  readonly counters: () => number;
  readonly series: () => number;
  readonly revision: () => bigint;
}

/** This service's own metrics; the mesh's traffic is in `access-log/traffic-metrics.ts`. */
export function registerMixerMetrics(registry: Registry): MixerMetrics {
  const registers = [registry];
  const checks = new Counter({
    name: "lateen_policy_checks_total",
    help: "Authorization questions of proxies.",
    labelNames: ["result", "allowed"],
    registers,
  });
  const limits = new Counter({
    name: "lateen_rate_limit_descriptors_total",
    help: "Rate limit descriptors of requests by rule.",
    labelNames: ["rule", "result"],
    registers,
  });
  const entries = new Counter({
    name: "lateen_access_log_entries_total",
    help: "Access log entries of proxies.",
    labelNames: ["kind", "outcome"],
    registers,
  });
  const overflows = new Counter({
    name: "lateen_traffic_series_overflow_total",
    help: "Entries counted as `other` because MAX_SERIES was reached.",
    registers,
  });
  return {
    policyChecked: (result, allowed) => checks.inc({ result, allowed: String(allowed) }),
    rateLimitDecided: (decision) => {
      // A rule that is not known is what a caller says, so its name is no label.
      if (decision.kind === "counted") limits.inc({ rule: decision.rule, result: decision.over ? "over_limit" : "ok" });
      else limits.inc({ rule: "", result: decision.kind.replace("-", "_") });
    },
    entryRead: (kind, outcome) => entries.inc({ kind, outcome }),
    seriesOverflowed: () => overflows.inc(),
  };
}

/** Gauges over what the component holds; read when scraped. */
export function registerSizes(registry: Registry, sizes: MeasuredSizes): void {
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  };
  gauge("lateen_rate_limit_counters", "Counters of running windows.", sizes.counters);
  gauge("lateen_traffic_series", "Label tuples of the mesh's traffic.", sizes.series);
  gauge("lateen_mixer_policy_revision", "Revision of the mesh store that is in use.", () => Number(sizes.revision()));
}
