/**
 * Spells an IR as Envoy's messages.
 *
 *     ir.ProxyIr ──buildProxy──▶ clusters, listeners, routes (bytes)      ir.EndpointSet ──buildEndpoints──▶ bytes
 *
 * Owns: every name and message Envoy sees, the order of filters, what telemetry can read from them (README.md).
 * Never: a decision. The IR is the only input, which makes it the cache key; equal parts give equal bytes.
 * Next: `naming.ts` (all names, made and parsed), `resources.ts`, `http-filters.ts` (the order), `libs/compiler`.
 */
export { buildProxy, createBuilder } from "./builder.ts";
export { mergeBootstrap } from "./patches/bootstrap.ts";
export type { MergedBootstrap } from "./patches/bootstrap.ts";
export type { Beside } from "./patches/additions.ts";
export type { Builder, BuiltProxy } from "./builder.ts";
export {
  clusterName,
  configPath,
  listenerName,
  parseClusterName,
  parseFileSecret,
  parseListenerName,
  parseRouteTableName,
  parseSecretName,
  parseSniName,
  routeTableName,
  secretName,
  sniName,
  virtualHostName,
} from "./naming.ts";
export type { SecretRef } from "./naming.ts";
export { secretNames, verifyReferences } from "./references.ts";
export type { DanglingReference } from "./references.ts";
export { buildEndpoints, packResource } from "./resources.ts";
export type { BuiltResource } from "./resources.ts";
export { goneVirtualHost, splitRouteTable } from "./split-table.ts";
export type { SplitRouteTable } from "./split-table.ts";
export { builtTypes, typeUrls } from "./type-urls.ts";
