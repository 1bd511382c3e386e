import type { StatsConfig } from "../proxy-config.ts";
import { remoteCluster } from "./remote-service.ts";

/**
 * Names become tags as in Istio, for the dashboards that know them:
 * https://github.com/istio/istio/blob/master/tools/packaging/common/envoy_bootstrap.json
 */
const prefixChars = "(?:[_.[:digit:]]*|[_\\[\\]aAbBcCdDeEfF[:digit:]]*)";
/** Pilot ends the names of clusters and connection managers with a semicolon, as they have dots inside. */
const tags = {
  cluster_name: "^cluster(\\.(.+);)",
  tcp_prefix: "^tcp\\.((.*?)\\.)\\w+?$",
  response_code: "_rq(_(\\d{3}))$",
  response_code_class: "_rq(_(\\dxx))$",
  http_conn_manager_listener_prefix: `^listener(?=\\.).*?\\.http\\.((${prefixChars})\\.)`,
  http_conn_manager_prefix: "^http(\\.(.+?);)",
  listener_address: `^listener\\.((${prefixChars})\\.)`,
  mongo_prefix: "^mongo\\.(.+?)\\.(collection|cmd|cx_|op_|delays_|decoding_)(.*?)$",
  cache: "(cache\\.(.+?)\\.)",
  component: "(component\\.(.+?)\\.)",
  tag: "(tag\\.(.+?);\\.)",
  wasm_filter: "(wasm_filter\\.(.+?)\\.)",
  authz_enforce_result: "rbac(\\.(allowed|denied))",
  authz_dry_run_action: "(\\.istio_dry_run_(allow|deny)_)",
  authz_dry_run_result: "(\\.shadow_(allowed|denied))",
} as const;

/** Of thousands of statistics few are looked at, and each costs memory: these, as in Istio, and what is asked for. */
const always = {
  prefixes: [
    "reporter=",
    "cluster_manager",
    "listener_manager",
    "server",
    "cluster.xds-grpc",
    "wasm",
    "component",
    "istio",
  ],
  suffixes: ["rbac.allowed", "rbac.denied", "shadow_allowed", "shadow_denied"],
  regexps: ["vhost\\.*\\.route\\.*"],
} as const;

const metricsService = "envoy_metrics_service";

export interface StatsPart {
  readonly clusters: readonly object[];
  readonly stats_config: object;
  readonly stats_sinks: readonly object[];
}

/** `addresses`: what `{pod_ip}` in a wished-for name stands for. */
export function statsOf(config: StatsConfig, addresses: readonly string[]): StatsPart {
  const named = (wished: readonly string[]): readonly string[] =>
    wished.flatMap((text) =>
      text.includes("{pod_ip}") ? addresses.map((address) => text.replaceAll("{pod_ip}", address)) : [text],
    );
  const patterns = [
    ...[...named(config.prefixes), ...always.prefixes].map((prefix) => ({ prefix })),
    ...[...named(config.suffixes), ...always.suffixes].map((suffix) => ({ suffix })),
    ...[...named(config.regexps), ...always.regexps].map((regex) => ({ safe_regex: { regex } })),
  ];
  const extra = config.extraTags.map((tag) => ({ tag_name: tag, regex: `(${tag}=\\.=(.*?);\\.;)` }));
  return {
    stats_config: {
      use_all_default_tags: false,
      stats_tags: [...Object.entries(tags).map(([tag_name, regex]) => ({ tag_name, regex })), ...extra],
      stats_matcher: { inclusion_list: { patterns } },
    },
    clusters: config.metricsService === undefined ? [] : [remoteCluster(metricsService, config.metricsService, true)],
    stats_sinks: [...statsd(config), ...service(config)],
  };
}

function statsd({ statsdAddress }: StatsConfig): readonly object[] {
  if (statsdAddress === undefined) return [];
  const split = statsdAddress.lastIndexOf(":");
  const address = statsdAddress.slice(0, split).replace(/^\[(.*)\]$/, "$1");
  const socket_address = { protocol: "UDP", address, port_value: Number(statsdAddress.slice(split + 1)) };
  return [
    {
      name: "envoy.stat_sinks.statsd",
      typed_config: { "@type": "type.googleapis.com/envoy.config.metrics.v3.StatsdSink", address: { socket_address } },
    },
  ];
}

function service({ metricsService: wanted }: StatsConfig): readonly object[] {
  if (wanted === undefined) return [];
  return [
    {
      name: "envoy.stat_sinks.metrics_service",
      typed_config: {
        "@type": "type.googleapis.com/envoy.config.metrics.v3.MetricsServiceConfig",
        transport_api_version: "V3",
        grpc_service: { envoy_grpc: { cluster_name: metricsService } },
      },
    },
  ];
}
