/** Types of the resources built here, in the order in which a proxy should get them. */
export const typeUrls = {
  cluster: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
  endpoints: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
  listener: "type.googleapis.com/envoy.config.listener.v3.Listener",
  routes: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
  virtualHost: "type.googleapis.com/envoy.config.route.v3.VirtualHost",
  nameTable: "type.googleapis.com/istio.networking.nds.v1.NameTable",
  trustAnchors: "type.googleapis.com/mesh.identity.v1.TrustAnchors",
  proxyConfig: "type.googleapis.com/istio.mesh.v1alpha1.ProxyConfig",
  extension: "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
  secret: "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
} as const;

/** Types that `buildProxy` makes. All of them are served to every proxy, also those it has no resources of. */
export const builtTypes: readonly string[] = [
  typeUrls.cluster,
  typeUrls.listener,
  typeUrls.routes,
  typeUrls.extension,
  typeUrls.nameTable,
  typeUrls.trustAnchors,
  typeUrls.proxyConfig,
];
