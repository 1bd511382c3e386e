const prefix = "type.googleapis.com/";

export const clusterType = `${prefix}envoy.config.cluster.v3.Cluster`;
export const endpointType = `${prefix}envoy.config.endpoint.v3.ClusterLoadAssignment`;
export const listenerType = `${prefix}envoy.config.listener.v3.Listener`;
export const routeType = `${prefix}envoy.config.route.v3.RouteConfiguration`;
export const virtualHostType = `${prefix}envoy.config.route.v3.VirtualHost`;
export const secretType = `${prefix}envoy.extensions.transport_sockets.tls.v3.Secret`;
export const extensionConfigType = `${prefix}envoy.config.core.v3.TypedExtensionConfig`;
export const nameTableType = `${prefix}istio.networking.nds.v1.NameTable`;
/** A question: what goes over the bootstrap of the asker's proxy. Envoy itself never asks it. */
export const bootstrapPatchesType = "lateen.io/bootstrap-patches";
/** A question: the credentials for a registry of images that an extension of the asker's proxy names. */
export const pullSecretType = "lateen.io/pull-secret";
/** The agent's report of its workload's health: it travels to the control plane only and is not answered. */
export const healthInformationType = `${prefix}istio.v1.HealthInformation`;

const shortNames: ReadonlyMap<string, string> = new Map([
  [clusterType, "CDS"],
  [endpointType, "EDS"],
  [listenerType, "LDS"],
  [routeType, "RDS"],
  [virtualHostType, "VHDS"],
  [secretType, "SDS"],
  [extensionConfigType, "ECDS"],
  [nameTableType, "NDS"],
  [`${prefix}istio.mesh.v1alpha1.ProxyConfig`, "PCDS"],
  [`${prefix}mesh.identity.v1.TrustAnchors`, "TDS"],
  [bootstrapPatchesType, "BDS"],
]);

/** `CDS` for the cluster type; a type without a short name keeps its own. */
export function shortTypeName(typeUrl: string): string {
  return shortNames.get(typeUrl) ?? typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
}

/** Types that are only ever asked for by name; any other type without names asked for is all of it. */
export const namedTypes: ReadonlySet<string> = new Set([endpointType, routeType, secretType, extensionConfigType]);

/** State-of-the-world types whose every answer is the whole truth: what an answer leaves out is gone. */
export const fullStateTypes: ReadonlySet<string> = new Set([clusterType, listenerType]);
