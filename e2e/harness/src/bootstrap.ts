/** What an Istio user tells a proxy about itself. */
export interface NodeIdentity {
  readonly type: "sidecar" | "router";
  readonly address: string;
  readonly pod: string;
  readonly namespace: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** `region/zone/subzone` */
  readonly locality?: string;
  /** Added to the usual metadata, or replacing it. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

export interface AdsBootstrapOptions {
  readonly node: NodeIdentity;
  /** Where pilot's plaintext gRPC listens. */
  readonly xds: { readonly address: string; readonly port: number };
  /** State-of-the-world or incremental. */
  readonly protocol: "GRPC" | "DELTA_GRPC";
}

/** `router~10.0.0.1~edge-1.shop~shop.svc.cluster.local` */
export function nodeId(node: NodeIdentity): string {
  return `${node.type}~${node.address}~${node.pod}.${node.namespace}~${node.namespace}.svc.cluster.local`;
}

/** The bootstrap an Istio user writes for an upstream Envoy: a node, an ADS cluster, and nothing else. */
export function adsBootstrap({ node, xds, protocol }: AdsBootstrapOptions): object {
  return {
    admin: { address: socketAddress("127.0.0.1", 0) },
    node: {
      id: nodeId(node),
      cluster: `${node.pod}.${node.namespace}`,
      metadata: nodeMetadata(node),
      ...localityOf(node),
    },
    dynamic_resources: {
      ads_config: {
        api_type: protocol,
        transport_api_version: "V3",
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: "xds-grpc" } }],
      },
      cds_config: { ads: {}, resource_api_version: "V3" },
      lds_config: { ads: {}, resource_api_version: "V3" },
    },
    static_resources: { clusters: [xdsCluster(xds)] },
  };
}

function localityOf({ locality = "" }: NodeIdentity): object {
  const [region = "", zone = "", subZone = ""] = locality.split("/");
  return locality === "" ? {} : { locality: { region, zone, sub_zone: subZone } };
}

function nodeMetadata(node: NodeIdentity): object {
  return {
    NAMESPACE: node.namespace,
    CLUSTER_ID: "Kubernetes",
    INSTANCE_IPS: node.address,
    ISTIO_VERSION: "1.31.0",
    LABELS: node.labels ?? {},
    ...(node.type === "sidecar" && { INTERCEPTION_MODE: "NONE" }),
    ...node.metadata,
  };
}

function xdsCluster(xds: AdsBootstrapOptions["xds"]): object {
  return {
    name: "xds-grpc",
    type: "STATIC",
    connect_timeout: "1s",
    load_assignment: {
      cluster_name: "xds-grpc",
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(xds.address, xds.port) } }] }],
    },
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config: { http2_protocol_options: { connection_keepalive: { interval: "30s", timeout: "10s" } } },
      },
    },
  };
}

function socketAddress(address: string, port: number): object {
  return { socket_address: { address, port_value: port } };
}
