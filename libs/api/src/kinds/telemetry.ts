import { TelemetrySchema } from "@lateen/protos/telemetry/v1alpha1/telemetry_pb.js";
import { checkExpression } from "../rules/expression.ts";
import { checkSelector } from "../rules/labels.ts";
import { checkTargets } from "../rules/target-refs.ts";
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
  notBuilt: [{ path: "metrics", reason: "the standard metrics are served as they are" }],
  check(spec, at) {
    checkSelector(spec.selector, at.at("selector"));
    checkTargets({ ...spec, selector: { field: "selector", value: spec.selector } }, at);
    checkTracing(spec.tracing, at.at("tracing"));
    for (const [index, logging] of spec.accessLogging.entries()) {
      if (logging.filter !== undefined)
        checkExpression(logging.filter.expression, at.at("accessLogging", index, "filter", "expression"));
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
