/**
 * Development only: the corpus of cases that every stage of the pipeline is tested with, and what tests build meshes of.
 *
 *     cases/<case>/config.yaml + proxy.yaml ──compiler──▶ findings.golden, ir.golden ──xds-build──▶ xds/*.golden
 *
 * A red case names its stage: `libs/xds-build` reads `ir.golden.yaml`, not the compiler's output. `validateCase` lets a
 * real Envoy judge the last stage.
 * Owns: the cases, golden files, builders of services and workloads, the way from golden to Envoy bootstrap.
 * Never: part of a service. Next: one folder under `cases/`, then `cases.ts`.
 */
export { validationBootstrap } from "./bootstrap.ts";
export { application, applicationVersion } from "./builders.ts";
export type { Application, ApplicationSpec, WorkloadSpec } from "./builders.ts";
export { binaryOf, casesFolder, listCases, runsOn } from "./cases.ts";
export type { Case, CaseProxy } from "./cases.ts";
export { envoyExtensions, envoyExtensionsPath } from "./envoy-extensions.ts";
export type { EnvoyExtensions } from "./envoy-extensions.ts";
export { fromEnvoyJson, toEnvoyJson } from "./envoy-json.ts";
export type { EncodedResource } from "./envoy-json.ts";
export { ImageRegistry } from "./image-registry.ts";
export type { RegistryRules } from "./image-registry.ts";
export { digestOf, imageIndex, moduleArtifact, moduleImage } from "./module-images.ts";
export type { TestImage } from "./module-images.ts";
export { reportModule } from "./report-module.ts";
export { headerModule } from "./wasm-module.ts";
export { validateCase } from "./envoy-validate.ts";
export type { EnvoyVerdict } from "./envoy-validate.ts";
export { expectGolden, expectNoOrphans, toStableYaml, updating } from "./goldens.ts";
export { readMesh } from "./mesh.ts";
export type { MeshObjects } from "./mesh.ts";
