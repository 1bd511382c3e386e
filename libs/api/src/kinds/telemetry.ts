import { TelemetrySchema } from "@lateen/protos/telemetry/v1alpha1/telemetry_pb.js";
import { checkSelector } from "../rules/labels.ts";
import { checkTracing } from "./spans.ts";
import { ageColumn, defineKind } from "./definition.ts";

export const telemetry = defineKind({
  group: "telemetry.istio.io",
  versions: ["v1", "v1alpha1"],
  storageVersion: "v1alpha1",
  kind: "Telemetry",
  plural: "telemetries",
  shortNames: ["telemetry"],
  schema: TelemetrySchema,
  columns: [ageColumn],
  notBuilt: [
    { path: "metrics", reason: "the standard metrics are served as they are" },
    { path: "targetRef", severity: "error", reason: "it would apply to the whole namespace; use selector" },
    { path: "targetRefs", severity: "error", reason: "it would apply to the whole namespace; use selector" },
  ],
  check(spec, at) {
    checkSelector(spec.selector, at.at("selector"));
    if (spec.selector && (spec.targetRef ?? spec.targetRefs[0]))
      at.at("selector").error("conflict", "cannot be used with targetRefs; keep one of them");
    checkTracing(spec.tracing, at.at("tracing"));
    for (const [index, logging] of spec.accessLogging.entries()) {
      for (const [position, provider] of logging.providers.entries()) {
        if (provider.name === "")
          at.at("accessLogging", index, "providers", position, "name").error(
            "required",
            "is required: an entry of meshConfig.extensionProviders, or envoy",
          );
      }
    }
  },
});
