import { featureSuite } from "./feature-suite.ts";
import { wasmModulesRows } from "./wasm-modules.rows.ts";

const reviews = { app: "reviews", version: "v1", bare: true } as const;

featureSuite(
  "Modules of WasmPlugin and TrafficExtension",
  { workloads: [{ app: "frontend", mutualTls: true }, reviews], gateways: [] },
  wasmModulesRows,
);
