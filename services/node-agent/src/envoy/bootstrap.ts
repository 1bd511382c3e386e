import type { RuntimeValues, StatsConfig, TracerConfig } from "../proxy-config.ts";
import { compressors } from "./compressors.ts";
import { remoteCluster } from "./remote-service.ts";
import type { RemoteService } from "./remote-service.ts";
import { statsOf } from "./stats.ts";
import { tracingOf } from "./tracing.ts";

/** What one Envoy has to know before it can ask for the rest. */
export interface BootstrapOptions {
  readonly node: ProxyIdentity;
  /** Unix sockets of the agent. */
  readonly xdsSocket: string;
  readonly sdsSocket: string;
  readonly runtimeValues: RuntimeValues;
  readonly stats: StatsConfig;
  readonly tracer?: TracerConfig;
  /** The cluster that pilot names where the mesh has access logs sent to a service. */
  readonly accessLogService?: RemoteService;
  /** Connections that Envoy takes at one time. */
  readonly connectionLimit?: number;
  readonly admin: Address;
  /** Envoy's listeners for the kubelet and Prometheus. */
  readonly statusHost: string;
  readonly readinessPort: number;
  readonly prometheusPort: number;
  /** The agent's status server, which answers for both. */
  readonly agent: Address;
}

export interface ProxyIdentity {
  readonly type: "sidecar" | "router";
  readonly address: string;
  readonly name: string;
  readonly namespace: string;
  readonly dnsDomain: string;
  /** What its spans are grouped by. */
  readonly serviceCluster: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Envoy's bootstrap as JSON: delta ADS and SDS through the agent, and Istio's static listeners and cluster names. */
export function bootstrapOf(options: BootstrapOptions): object {
  const { node, admin, agent } = options;
  const stats = statsOf(options.stats, [node.address]);
  const spans = options.tracer && tracingOf(options.tracer, node.serviceCluster);
  return {
    node: envoyNode(node),
    dynamic_resources: {
      ads_config: {
        api_type: "DELTA_GRPC",
        transport_api_version: "V3",
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: "xds-grpc", retry_policy: reconnect } }],
      },
      cds_config: { ads: {}, initial_fetch_timeout: "0s", resource_api_version: "V3" },
      lds_config: { ads: {}, initial_fetch_timeout: "0s", resource_api_version: "V3" },
    },
    static_resources: {
      clusters: [
        socketCluster("xds-grpc", options.xdsSocket),
        socketCluster("sds-grpc", options.sdsSocket),
        addressCluster("prometheus_stats", admin),
        addressCluster("agent", agent),
        ...(spans?.clusters ?? []),
        ...stats.clusters,
        ...(options.accessLogService === undefined
          ? []
          : [remoteCluster("envoy_accesslog_service", options.accessLogService, true)]),
      ],
      listeners: [
        proxyListener(
          "readiness",
          { host: options.statusHost, port: options.readinessPort },
          { path: "/healthz/ready", cluster: "agent" },
        ),
        proxyListener(
          "prometheus",
          { host: options.statusHost, port: options.prometheusPort },
          {
            path: "/stats/prometheus",
            cluster: "prometheus_stats",
            filters: options.stats.compressed ? compressors : [],
          },
        ),
      ],
    },
    stats_config: stats.stats_config,
    stats_sinks: stats.stats_sinks,
    ...(spans && { tracing: spans.tracing }),
    admin: { address: socketAddress(admin), profile_path: "/dev/null" },
    overload_manager: {
      refresh_interval: "0.25s",
      resource_monitors: [
        {
          name: "envoy.resource_monitors.global_downstream_max_connections",
          typed_config: {
            "@type":
              "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
            max_active_downstream_connections: String(options.connectionLimit ?? 1_000_000),
          },
        },
      ],
    },
    layered_runtime: {
      layers: [
        ...(Object.keys(options.runtimeValues).length === 0
          ? []
          : [{ name: "proxy-config", static_layer: options.runtimeValues }]),
        { name: "admin", admin_layer: {} },
      ],
    },
  };
}

/** Who this proxy is, in Envoy's words. */
export function envoyNode({ type, address, name, namespace, dnsDomain, serviceCluster, metadata }: ProxyIdentity) {
  return {
    id: `${type}~${address}~${name}.${namespace}~${dnsDomain}`,
    cluster: serviceCluster,
    metadata,
  };
}

/** A pilot that restarts is back within a second: ask soon, and never wait long. */
const reconnect = { retry_back_off: { base_interval: "0.1s", max_interval: "0.5s" } };

const http2 = {
  "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    explicit_http_config: { http2_protocol_options: {} },
  },
};

function socketCluster(name: string, path: string): object {
  return {
    name,
    alt_stat_name: `${name};`,
    type: "STATIC",
    connect_timeout: "1s",
    typed_extension_protocol_options: http2,
    load_assignment: assignment(name, { pipe: { path } }),
  };
}

function addressCluster(name: string, address: Address): object {
  return {
    name,
    alt_stat_name: `${name};`,
    type: "STATIC",
    connect_timeout: "0.25s",
    load_assignment: assignment(name, socketAddress(address)),
  };
}

function assignment(name: string, address: object): object {
  return { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] };
}

function socketAddress({ host, port }: Address): object {
  return { socket_address: { address: host, port_value: port } };
}

interface Served {
  readonly path: string;
  readonly cluster: string;
  readonly filters?: readonly object[];
}

function proxyListener(name: string, address: Address, { path, cluster, filters = [] }: Served): object {
  return {
    name,
    address: socketAddress(address),
    bypass_overload_manager: true,
    filter_chains: [
      {
        filters: [
          {
            name: "envoy.filters.network.http_connection_manager",
            typed_config: {
              "@type":
                "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
              stat_prefix: name,
              route_config: {
                virtual_hosts: [{ name, domains: ["*"], routes: [{ match: { prefix: path }, route: { cluster } }] }],
              },
              http_filters: [
                ...filters,
                {
                  name: "envoy.filters.http.router",
                  typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
                },
              ],
            },
          },
        ],
      },
    ],
  };
}
