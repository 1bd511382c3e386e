import { featureSuite } from "./feature-suite.ts";
import { wasmPluginRows } from "./wasm-plugin.rows.ts";

const reviews = { app: "reviews", version: "v1", bare: true } as const;

featureSuite(
  "WasmPlugin",
  { workloads: [{ app: "frontend", mutualTls: true }, reviews], gateways: [] },
  wasmPluginRows,
);
