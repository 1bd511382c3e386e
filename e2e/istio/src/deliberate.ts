/** A way in which Lateen differs from istiod on purpose. */
export interface Deliberate {
  /** Of `Difference.where`: type, resource and path. */
  readonly where: RegExp;
  /** Only in these cases; without it in all. */
  readonly cases?: readonly string[];
  /** For the reader: what is better so, or why it makes no difference. */
  readonly why: string;
}

/** Each must still occur: one that does not is to be taken out. */
export const deliberate: readonly Deliberate[] = [
  {
    where: /^cds inbound\S* common_lb_config$/,
    why: "An empty message says what none says.",
  },
  {
    where:
      /^eds outbound\S+ endpoints\[0 \{region:eu\S+ (lb_endpoints\S+address:10\.244\.\d\.3,|load_balancing_weight$)/,
    cases: ["readiness"],
    why: "istiod leaves a terminating endpoint out, too, once it knows the Service; here it read the slice first.",
  },
  {
    where: /\[istio\.(metadata_exchange|alpn|stats)\]|^cds \S+ filters$/,
    why: "These filters are only in Istio's own build of Envoy; a proxy is sent what its binary has (node.extensions).",
  },
  {
    where:
      /http_filters\[envoy\.filters\.http\.set_filter_state\]|typed_per_filter_config\.envoy\.filters\.http\.set_filter_state/,
    why: "Does with a filter of every Envoy what istio.alpn does in Istio's.",
  },
  {
    where: /alpn_protocols/,
    why: "Without istio.metadata_exchange there is no istio-peer-exchange to be agreed on.",
  },
  {
    where: /log_format\.json_format\.(downstream|upstream)_peer$/,
    why: "Istio's default JSON with two fields more: the certified identities of both ends.",
  },
  {
    where: /log_format\.json_format_options$/,
    why: "Empty: Envoy does not sort the fields unless told so.",
  },
  {
    where: /access_log\[envoy\.access_loggers\.open_telemetry\]\.typed_config\.resource_attributes$/,
    why: "Istio turns off all of Envoy's own labels, among them the log's name; who gave it one is told it.",
  },
  {
    where: /^lds virtualOutbound access_log$/,
    why: "It logs connections that no filter chain takes, and here one takes every connection.",
  },
  {
    where:
      /^lds (0\.0\.0\.0_9080 (default_filter_chain|filter_chains)|0\.0\.0\.0_4317 (default_filter_chain|filter_chains)|virtualOutbound filter_chains).*\.access_log$/,
    cases: ["access-logs"],
    why: "Of a Telemetry about servers, Istio's clients keep what a mesh-wide Telemetry says but lose defaultProviders; here they keep both.",
  },
  {
    where: /access_log\[envoy\.access_loggers\.(http|tcp)_grpc(#2)?\]$/,
    cases: ["telemetry", "old-envoy"],
    why: "What the mesh's metrics are made of, where istio.stats is not in the proxy's binary.",
  },
  {
    where: /match_(typed_)?subject_alt_names$/,
    why: "Envoy deprecates match_subject_alt_names; the typed form says the same of URIs.",
  },
  {
    where: /typed_config\.(tracing|request_id_extension)$|\.decorator$/,
    why: "Where nothing traces, istiod still configures sampling, and Envoy tells callers its decorator in a header.",
  },
  {
    where: /^lds \S+ (continue_on_listener_filters_timeout|listener_filters_timeout)$/,
    why: "No listener filter is there to be waited for.",
  },
  {
    where: /max_grpc_timeout$|route\.max_stream_duration$/,
    why: "A gRPC client keeps its own deadline and cancels; Envoy deprecates max_grpc_timeout and says 0 is no limit.",
  },
  {
    where: /virtual_hosts\[.*\]\.domains\["[^"]*\.(:\d+)?"\]$/,
    why: "Names with a trailing dot are matched by strip_trailing_host_dot, instead of by two more domains a host.",
  },
  {
    where: /strip_trailing_host_dot$/,
    why: "So that names with a trailing dot are matched without two more domains a host, as istiod writes them.",
  },
  {
    where: /default_filter_chain\.filter_chain_match$|typed_config\.http_protocol_options$/,
    why: "Empty, which is what its absence means.",
  },
  {
    where:
      /^lds \S+ (filter_chains\[\S*transport_protocol:raw_buffer\S*\]|default_filter_chain)\.transport_socket_connect_timeout$/,
    why: "Plaintext has no handshake that could take long.",
  },
  {
    where: /http_filters\[envoy\.filters\.http\.(fault|cors)\]$/,
    why: "Only routes of callers and gateways have faults and CORS; inbound these filters do nothing for each request.",
  },
  {
    where: /^cds \S+ common_lb_config$/,
    why: "Empty, which is what its absence means.",
  },
  {
    where: /^cds BlackHoleCluster circuit_breakers$/,
    why: "No connection is ever made there.",
  },
  {
    where: /^cds InboundPassthroughCluster alt_stat_name$/,
    why: "istiod counts what comes in and what goes out by one name.",
  },
];

/** Cases with objects that istiod refuses, and why Lateen takes them. */
export const refusedByIstiod: Readonly<Record<string, string>> = {};
