import { WasmPluginSchema } from "@lateen/protos/extensions/v1alpha1/wasm_pb.js";
import { checkSelector } from "../rules/labels.ts";
import { ageColumn, defineKind, extensionsVersions } from "./definition.ts";
import { checkTraffic, checkWasm, wasmNotBuilt } from "./wasm-module.ts";

export const wasmPlugin = defineKind({
  ...extensionsVersions,
  kind: "WasmPlugin",
  plural: "wasmplugins",
  shortNames: [],
  schema: WasmPluginSchema,
  columns: [ageColumn],
  notBuilt: [
    { path: "targetRef", severity: "error", reason: "it would apply to the whole namespace; use selector" },
    { path: "targetRefs", severity: "error", reason: "it would apply to the whole namespace; use selector" },
    ...wasmNotBuilt(""),
  ],
  check(spec, at) {
    checkSelector(spec.selector, at.at("selector"));
    checkWasm(spec, at);
    checkTraffic(spec.match, at.at("match"));
  },
});
