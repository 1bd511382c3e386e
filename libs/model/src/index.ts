/**
 * The mesh's domain values: objects and their origin, services, endpoints, workloads, proxies.
 *
 * Owns: readonly plain types and the few pure functions that belong to them (host wildcards, label selection,
 * addresses, what a proxy's node says).
 * Never: YAML, protobuf, Envoy messages, I/O. Imports nothing.
 * Next: `libs/api` (how configuration becomes these), `libs/compiler` (what is decided from them).
 */
export type { Cidr } from "./address.ts";
export { cidrContains, cidrsOverlap, isIp, isIpv4, isIpv6, isLoopback, parseCidr } from "./address.ts";
export { audienceOf, gatewayNameLabel, isForAll, isGatewayTarget, isMeant, targetsOf } from "./audience.ts";
export type { Attachments, Audience, TargetReference } from "./audience.ts";
export { giveAddresses, isGivenAddress } from "./given-addresses.ts";
export { grpcStatusNames } from "./grpc-status.ts";
export {
  byHostSpecificity,
  compareText,
  hostCovers,
  hostsOverlap,
  isWildcard,
  mostSpecificMatch,
  resolveHost,
} from "./host.ts";
export { isEmptyRecord, selects, sortedRecord } from "./labels.ts";
export type {
  Finding,
  HostAddress,
  Labels,
  MeshObject,
  ObjectMeta,
  ObjectRef,
  ObjectState,
  Origin,
  Violation,
} from "./object.ts";
export { formatRef } from "./object.ts";
export type { Interception, ParsedNode, ProxyBinary, ProxyNode, Release } from "./proxy-node.ts";
export { parseNode } from "./proxy-node.ts";
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
export { cipherSuites, ecdhCurves } from "./tls-names.ts";
