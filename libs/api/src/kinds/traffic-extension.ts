import { TrafficExtensionSchema } from "@lateen/protos/extensions/v1alpha1/traffic_extension_pb.js";
import { checkSelector } from "../rules/labels.ts";
import { checkTargets } from "../rules/target-refs.ts";
import { ageColumn, defineKind, extensionsVersions } from "./definition.ts";
import { checkTraffic, checkWasm, wasmNotBuilt } from "./wasm-module.ts";

/** Istio takes Lua of at most 64 KiB. */
const longestCode = 65_536;

export const trafficExtension = defineKind({
  ...extensionsVersions,
  kind: "TrafficExtension",
  plural: "trafficextensions",
  shortNames: [],
  schema: TrafficExtensionSchema,
  columns: [ageColumn],
  notBuilt: wasmNotBuilt("wasm."),
  check(spec, at) {
    checkSelector(spec.selector, at.at("selector"));
    checkTargets({ ...spec, selector: { field: "selector", value: spec.selector } }, at);
    checkTraffic(spec.match, at.at("match"));
    const { filterConfig } = spec;
    if (filterConfig.case === undefined) at.error("required", "needs wasm or lua");
    else if (filterConfig.case === "wasm") checkWasm(filterConfig.value, at.at("wasm"));
    else {
      const { inlineCode } = filterConfig.value;
      const here = at.at("lua", "inlineCode");
      if (inlineCode === "") here.error("required", "is required: envoy_on_request, envoy_on_response or both");
      else if (inlineCode.length > longestCode)
        here.error("range", `must be at most ${longestCode} characters, got ${inlineCode.length}`);
      else if (!/\benvoy_on_(request|response)\b/.test(inlineCode))
        here.warning("no-effect", "defines neither envoy_on_request nor envoy_on_response, so it is never called");
    }
  },
});
