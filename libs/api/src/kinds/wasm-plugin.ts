import { WasmPluginSchema } from "@lateen/protos/extensions/v1alpha1/wasm_pb.js";
import { checkSelector } from "../rules/labels.ts";
import { checkTargets } from "../rules/target-refs.ts";
import { ageColumn, defineKind, extensionsVersions } from "./definition.ts";
import { checkTraffic, checkWasm, wasmNotBuilt } from "./wasm-module.ts";

export const wasmPlugin = defineKind({
  ...extensionsVersions,
  kind: "WasmPlugin",
  plural: "wasmplugins",
  shortNames: [],
  schema: WasmPluginSchema,
  columns: [ageColumn],
  notBuilt: wasmNotBuilt(""),
  check(spec, at) {
    checkSelector(spec.selector, at.at("selector"));
    checkTargets({ ...spec, selector: { field: "selector", value: spec.selector } }, at);
    checkWasm(spec, at);
    checkTraffic(spec.match, at.at("match"));
  },
});
