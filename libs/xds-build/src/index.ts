/**
 * From the IR to Envoy's messages, as bytes.
 *
 * Owns: spelling. Envoy's names (`naming.ts`, made and parsed there and nowhere else), its message shapes, the order of
 * filters, the well-known extension names.
 * Never: decides. The IR is the only input, so it is the cache key; equal IR gives equal bytes.
 * Next: `resources.ts` (the entry), then `listener.ts`, `route-table.ts`, `cluster.ts`.
 */
export {
  clusterName,
  listenerName,
  parseClusterName,
  parseListenerName,
  routeTableName,
  serverNameOf,
  virtualHostName,
} from "./naming.ts";
export { verifyReferences } from "./references.ts";
export type { DanglingReference } from "./references.ts";
export { buildEndpoints, buildResources, createBuilder } from "./resources.ts";
export type { BuiltResource, ResourceBuilder } from "./resources.ts";
