/**
 * Every configuration kind: its schema, defaults, validation and analysis. One source for the TypeScript type, the
 * validator and the CRD: the protobuf descriptor, and per kind a small table of rules (`kinds/`).
 *
 * Owns: reading YAML and JSON with positions (`source/`), the generic reader over a descriptor (`schema/`), what each
 * kind refuses (`kinds/`, with `rules/` shared), CRDs (`crd/`), checks between objects (`analysis/`), the store form.
 * Never: I/O, a clock, Envoy, decisions about what a proxy does.
 * Next: `decode.ts` is the whole path of one object; `kinds/virtual-service.ts` is a typical kind;
 * `services/galley-validator` feeds it, `libs/compiler` takes what it accepts.
 */
export { analyze } from "./analysis/analyze.ts";
export type { AnalysisInput } from "./analysis/world.ts";
export { customResourceDefinitions } from "./crd/crds.ts";
export { decodeObject } from "./decode.ts";
export type { DecodeContext, DecodeResult } from "./decode.ts";
export { ingressControlOf, servesIngress, unservable } from "./ingress-control.ts";
export type { IngressControl, Unservable } from "./ingress-control.ts";
export type { KindDefinition, PrinterColumn } from "./kinds/definition.ts";
export { unbuiltKinds } from "./kinds/not-built.ts";
export type { UnbuiltKind } from "./kinds/not-built.ts";
export { kindOf, kinds, resolveKind } from "./kinds/registry.ts";
export type { Resolution } from "./kinds/registry.ts";
export { decodeMeshConfigMap, decodeMeshNetworksMap, isMeshConfigMap, meshConfigMapName } from "./mesh-config-map.ts";
export { gatewaySpec, virtualServiceSpec } from "./messages.ts";
export { readProxySettings } from "./proxy-settings.ts";
export { autoRegistrationGroup, healthChecksEnabled } from "./kinds/workload-entry.ts";
export { formatPath } from "./path.ts";
export type { Path } from "./path.ts";
export type { NotBuiltField } from "./schema/read-message.ts";
export { readDocuments } from "./source/documents.ts";
export type { SourceDocument, SourceDocuments } from "./source/documents.ts";
export type { Position, PositionIndex } from "./source/positions.ts";
export { fromConfigObject, toConfigObject } from "./store-form.ts";
export type { TrafficExtension } from "@lateen/protos/extensions/v1alpha1/traffic_extension_pb.js";
export type { WasmPlugin } from "@lateen/protos/extensions/v1alpha1/wasm_pb.js";
export type { Ingress, IngressBackend, IngressClass } from "@lateen/protos/kubernetes/networking/v1/ingress_pb.js";
export type { RateLimit } from "@lateen/protos/mesh/policy/v1alpha1/rate_limit_pb.js";
export type { MeshNetworks } from "@lateen/protos/mesh/v1alpha1/network_pb.js";
export type { ProxyConfig as ProxySettings } from "@lateen/protos/mesh/v1alpha1/proxy_pb.js";
export type { MeshConfig } from "@lateen/protos/mesh/v1alpha1/config_pb.js";
export type { DestinationRule } from "@lateen/protos/networking/v1alpha3/destination_rule_pb.js";
export type { EnvoyFilter } from "@lateen/protos/networking/v1alpha3/envoy_filter_pb.js";
export type { Gateway } from "@lateen/protos/networking/v1alpha3/gateway_pb.js";
export type { ServiceEntry } from "@lateen/protos/networking/v1alpha3/service_entry_pb.js";
export type { Sidecar } from "@lateen/protos/networking/v1alpha3/sidecar_pb.js";
export type { VirtualService } from "@lateen/protos/networking/v1alpha3/virtual_service_pb.js";
export type { WorkloadEntry } from "@lateen/protos/networking/v1alpha3/workload_entry_pb.js";
export type { ReadinessProbe, WorkloadGroup } from "@lateen/protos/networking/v1alpha3/workload_group_pb.js";
export type { ProxyConfig } from "@lateen/protos/networking/v1beta1/proxy_config_pb.js";
export type { AuthorizationPolicy } from "@lateen/protos/security/v1beta1/authorization_policy_pb.js";
export type { PeerAuthentication } from "@lateen/protos/security/v1beta1/peer_authentication_pb.js";
export type { Telemetry } from "@lateen/protos/telemetry/v1alpha1/telemetry_pb.js";
