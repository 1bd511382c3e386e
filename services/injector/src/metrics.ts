import { Counter, Histogram } from "prom-client";
import type { Registry } from "prom-client";

export interface InjectorMetrics {
  reviewed(outcome: string, seconds: number): void;
  failed(): void;
}

/** Istio's published names, where it has one. */
export function registerInjectorMetrics(registry: Registry): InjectorMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: "sidecar_injection_requests_total",
    help: "Pods asked about, with the outcome.",
    labelNames: ["outcome"],
    registers,
  });
  const success = new Counter({ name: "sidecar_injection_success_total", help: "Pods that got a proxy.", registers });
  const skipped = new Counter({ name: "sidecar_injection_skip_total", help: "Pods left as they are.", registers });
  const failure = new Counter({
    name: "sidecar_injection_failure_total",
    help: "Pods refused, and requests that could not be read.",
    registers,
  });
  const time = new Histogram({
    name: "sidecar_injection_time_seconds",
    help: "Time to answer.",
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 1],
    registers,
  });
  return {
    reviewed(outcome, seconds) {
      requests.inc({ outcome });
      (outcome === "injected" ? success : outcome === "refused" ? failure : skipped).inc();
      time.observe(seconds);
    },
    failed: () => failure.inc(),
  };
}
