import type { JsonFields } from "../proxy-config.ts";

/** A service that a ProxyConfig names by address: a cluster of Envoy's bootstrap. */
export interface RemoteService {
  /** `host:port`; the host may be a DNS name. */
  readonly address: string;
  /** Istio's ClientTLSSettings, as written. */
  readonly tls?: JsonFields;
  /** Istio's TcpKeepalive, as written. */
  readonly keepalive?: JsonFields;
}

const http2 = {
  "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    explicit_http_config: { http2_protocol_options: {} },
  },
};

export function remoteCluster(name: string, { address, tls, keepalive }: RemoteService, grpc: boolean): object {
  const split = address.lastIndexOf(":");
  const host = address.slice(0, split).replace(/^\[(.*)\]$/, "$1");
  const socket = { socket_address: { address: host, port_value: Number(address.slice(split + 1)) } };
  return {
    name,
    alt_stat_name: `${name};`,
    type: "STRICT_DNS",
    respect_dns_ttl: true,
    dns_lookup_family: "ALL",
    connect_timeout: "1s",
    ...transportSocket(tls, host, grpc),
    ...keepaliveOf(keepalive),
    ...(grpc && { typed_extension_protocol_options: http2 }),
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socket } }] }],
    },
  };
}

function keepaliveOf(keepalive: JsonFields | undefined): object {
  if (keepalive === undefined) return {};
  const seconds = (value: unknown): number => Number.parseInt(String(value), 10);
  return {
    upstream_connection_options: {
      tcp_keepalive: {
        ...(keepalive["probes"] !== undefined && { keepalive_probes: keepalive["probes"] }),
        ...(keepalive["time"] !== undefined && { keepalive_time: seconds(keepalive["time"]) }),
        ...(keepalive["interval"] !== undefined && { keepalive_interval: seconds(keepalive["interval"]) }),
      },
    },
  };
}

const tlsType = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";

/** A server of gRPC may ask for its protocol by name. */
function transportSocket(tls: JsonFields | undefined, host: string, grpc: boolean): object {
  const mode = tls?.["mode"] ?? "DISABLE";
  if (tls === undefined || mode === "DISABLE") return {};
  const context = {
    "@type": tlsType,
    sni: tls["sni"] ?? host,
    common_tls_context: {
      ...(mode === "ISTIO_MUTUAL" ? meshTls(tls) : ownTls(tls)),
      ...(grpc && { alpn_protocols: ["h2"] }),
    },
  };
  return { transport_socket: { name: "envoy.transport_sockets.tls", typed_config: context } };
}

/** By the workload's own certificate and the mesh's roots. */
function meshTls(tls: JsonFields): object {
  return {
    tls_certificate_sds_secret_configs: [secret("default")],
    combined_validation_context: {
      default_validation_context: acceptedNames(tls),
      validation_context_sds_secret_config: secret("ROOTCA"),
    },
  };
}

function secret(name: string): object {
  const source = {
    api_type: "GRPC",
    transport_api_version: "V3",
    set_node_on_first_message_only: true,
    grpc_services: [{ envoy_grpc: { cluster_name: "sds-grpc" } }],
  };
  return { name, sds_config: { resource_api_version: "V3", api_config_source: source } };
}

/** By files, and without a file for roots by those of the system. */
function ownTls(tls: JsonFields): object {
  const file = (field: string): object => ({ filename: tls[field] });
  return {
    ...(tls["mode"] === "MUTUAL" && {
      tls_certificates: [{ certificate_chain: file("clientCertificate"), private_key: file("privateKey") }],
    }),
    validation_context: {
      ...(tls["caCertificates"] ? { trusted_ca: file("caCertificates") } : { system_root_certs: {} }),
      ...acceptedNames(tls),
    },
  };
}

function acceptedNames(tls: JsonFields): object {
  const names = tls["subjectAltNames"];
  if (!Array.isArray(names) || names.length === 0) return {};
  return {
    match_typed_subject_alt_names: names.flatMap((exact: unknown) =>
      ["DNS", "URI"].map((type) => ({ san_type: type, matcher: { exact } })),
    ),
  };
}
