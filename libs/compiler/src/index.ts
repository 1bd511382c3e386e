/**
 * Decides what every proxy must do: precedence, merging, visibility, mutual TLS, authorization, limits, logs.
 *
 *     MeshState ──createSnapshot──▶ MeshSnapshot ──compileProxy(scope)──▶ ir.ProxyIr + findings
 *                                        └──────compileEndpoints(query)──▶ ir.EndpointSet   (a lane of its own)
 *
 * Owns: every decision. A conflict is a finding that names both objects; nothing is dropped in silence.
 * Never: Envoy messages or names, I/O, clocks, randomness, exceptions for what a user wrote.
 * Next: `snapshot.ts` (what is indexed), `proxy.ts` (one compilation), `libs/xds-build` (how an IR is spelled).
 */
export { compileEndpoints, endpointQueries, endpointsKey, sameEndpoints } from "./endpoints.ts";
export { compileInputs } from "./inputs.ts";
export { compileParts, compileProxy } from "./proxy.ts";
export type { Compiled } from "./proxy.ts";
export { bootstrapPatchesOf, credentialsOf, pullSecretsOf, sameScopes, scopeKey, scopeOf } from "./scope.ts";
export type { ProxyScope, ServedPort } from "./scope.ts";
export { defaultMeshSettings, withMeshConfig } from "./settings.ts";
export type { GatewayScoping, Installation, MeshSettings, NetworkFilters, VariableLookup } from "./settings.ts";
export { gatewayNames } from "./networks/index-networks.ts";
export type { ResolvedNames } from "./networks/index-networks.ts";
export { createSnapshot, trustBundleUrls } from "./snapshot.ts";
export type { FetchedBundles } from "./index/trust-anchors.ts";
export type { MeshSnapshot, MeshState } from "./snapshot.ts";
