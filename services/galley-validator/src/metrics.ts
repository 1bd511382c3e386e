import { Counter, Gauge, Histogram } from "prom-client";
import type { Registry } from "prom-client";

export interface GalleyMetrics {
  readonly validationPassed: Counter<"group" | "version" | "resource">;
  readonly validationFailed: Counter<"group" | "version" | "resource" | "reason">;
  readonly validationHttpError: Counter<"status">;
  readonly storeWrites: Counter<"operation">;
  readonly storeFailures: Counter;
  readonly invalidObjects: Gauge;
  readonly applySeconds: Histogram;
  readonly leading: Gauge;
}

/** Those that begin with `galley_validation` are Istio's. */
export function registerGalleyMetrics(registry: Registry): GalleyMetrics {
  const registers = [registry];
  return {
    validationPassed: new Counter({
      name: "galley_validation_passed",
      help: "Objects admitted.",
      labelNames: ["group", "version", "resource"],
      registers,
    }),
    validationFailed: new Counter({
      name: "galley_validation_failed",
      help: "Objects refused, by the first reason.",
      labelNames: ["group", "version", "resource", "reason"],
      registers,
    }),
    validationHttpError: new Counter({
      name: "galley_validation_http_error",
      help: "Admission requests that were no AdmissionReview.",
      labelNames: ["status"],
      registers,
    }),
    storeWrites: new Counter({
      name: "galley_store_writes_total",
      help: "Writes to the mesh store that succeeded.",
      labelNames: ["operation"],
      registers,
    }),
    storeFailures: new Counter({
      name: "galley_store_failures_total",
      help: "Attempts to write to the mesh store that failed and were tried again.",
      registers,
    }),
    invalidObjects: new Gauge({
      name: "galley_invalid_objects",
      help: "Objects of the source that are refused now; their last good version serves.",
      registers,
    }),
    applySeconds: new Histogram({
      name: "galley_apply_seconds",
      help: "From the saving of a change to its being in the mesh store.",
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30],
      registers,
    }),
    leading: new Gauge({ name: "galley_leading", help: "1 on the replica that writes to the mesh store.", registers }),
  };
}
