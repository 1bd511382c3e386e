/**
 * The mesh's domain values: objects and their origin, services, endpoints, workloads.
 *
 * Owns: readonly plain types and the few pure functions that belong to them.
 * Never: YAML, protobuf, Envoy, I/O. Imports nothing.
 * Next: `libs/api` (how configuration becomes these), `libs/compiler` (what is decided from them).
 */
export type { Finding, Labels, MeshObject, ObjectMeta, ObjectRef, Origin, Violation } from "./object.ts";
export { formatRef } from "./object.ts";
export type {
  Endpoint,
  EndpointPort,
  EndpointSlice,
  Locality,
  Protocol,
  Service,
  ServicePort,
  Workload,
} from "./service.ts";
