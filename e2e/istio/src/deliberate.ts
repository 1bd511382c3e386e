import { aboutClusters } from "./deliberate-clusters.ts";
import { deliberateRouting } from "./deliberate-gateways.ts";

/** A way in which Lateen differs from istiod on purpose. */
export interface Deliberate {
  /** Of `Difference.where`: type, resource and path. */
  readonly where: RegExp;
  /** Only where this is what istiod says, as JSON; `nothing` where it says nothing. */
  readonly istio?: RegExp;
  /** Only where this is what Lateen says. */
  readonly ours?: RegExp;
  /** It need not occur: what istiod says of it depends on the order in which it reads its mesh. */
  readonly sometimes?: true;
  /** Only in these cases; without it in all. */
  readonly cases?: readonly string[];
  /** For the reader: what is better so, or why it makes no difference. */
  readonly why: string;
}

/** Each must still occur: one that does not is to be taken out. */
export const deliberate: readonly Deliberate[] = [
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
    where: /log_format\.text_format_source\.inline_string$/,
    cases: ["target-refs"],
    why: "Istio's default line with two fields more at its end: the certified identities of both ends.",
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
    where: /^lds (virtualOutbound|0\.0\.0\.0_8080) access_log$/,
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
    where: /\.access_log$/,
    cases: ["authorization-custom", "rate-limit"],
    why: "What the mesh's metrics are made of, where istio.stats is not in the proxy's binary.",
  },
  {
    where: /ext_authz(#2)?\]\.typed_config\.filter_enabled_metadata\.value\.string_match\.prefix$/,
    cases: ["authorization-custom"],
    why: "istiod's prefix for a provider `a` also fits the rules of a provider `a-b`.",
  },
  {
    where: /ext_authz(#2)?\]\.typed_config\.include_peer_certificate$/,
    cases: ["authorization-custom"],
    why: "An authorizer sees who calls, too; the message has a field for it that istiod leaves empty.",
  },
  {
    where:
      /\[envoy\.filters\.(network\.rbac#3|http\.rbac#4)\]\.typed_config\.(rules|shadow_rules|shadow_rules_stat_prefix)$|\[envoy\.filters\.(network\.ext_authz#2|http\.ext_authz#3)\]$/,
    cases: ["authorization-custom"],
    why: "lateen-policy, the mesh's own policy service, is a provider without an entry in MeshConfig; istiod knows none of that name.",
  },
  {
    where: /\.shadow_rules_stat_prefix$/,
    why: "istiod names the prefix for the results of a dry run also where there is none.",
  },
  {
    where: /http_filters\[envoy\.filters\.http\.ratelimit(#2)?\]$|\.virtual_hosts\[[^\]]+\]\.rate_limits$/,
    cases: ["rate-limit"],
    why: "What a RateLimit asks for, a kind that Istio has not.",
  },
  {
    where: /filter_chains\[\{server_names:\[\*\.wikipedia\.org\]\}\].*\.(cluster|stat_prefix)$/,
    cases: ["connection-routes"],
    why: "The service of the destination en.wikipedia.org is *.wikipedia.org; istiod names a cluster that does not exist.",
  },
  {
    where: /filter_chains\[\{prefix_ranges:\S+\]\.metadata$/,
    cases: ["connection-routes"],
    why: "A chain says which VirtualService it is of also where that is about subnets.",
  },
  {
    where:
      /http_filters\[extensions\.istio\.io\/trafficextension\/[^\]]+\]\.(typed_config|config_discovery)$|^ecds extensions\.istio\.io\/trafficextension\/(istio-system\.high|shop\.(low|callers)|edge\.mark) $/,
    cases: ["extensions", "extensions-without-agent", "target-refs"],
    why: "Lua comes by extension discovery as Wasm does, so that a change of the code drains no listener.",
  },
  {
    where: /^ecds \S+ typed_config\.config\.configuration$/,
    why: "Nothing is in it: the extension has no configuration.",
  },
  {
    where: /key_values(\.ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION)?$/,
    why: "The comparison gives istiod objects without a version, so it tells the time.",
  },
  {
    where: /key_values\.ISTIO_META_WASM_IMAGE_PULL_SECRET$/,
    cases: ["extensions"],
    why: "istiod puts the login itself there, which the comparison has none of; here it stays where it is until an agent asks for it.",
  },
  {
    where:
      /^lds virtualInbound (filter_chains\[\{(\S*transport_protocol:tls|destination_port:\d+)?\}\]|listener_filters\[envoy\.filters\.listener\.tls_inspector\])$/,
    cases: ["no-agent", "extensions-without-agent"],
    why: "A proxy without an agent has no certificate, so nothing is terminated, and refused where STRICT asks for it; istiod knows no such proxies.",
  },
  {
    where:
      /\[envoy\.filters\.(network\.rbac|http\.(rbac|grpc_stats))\]$|tcp_proxy\]\.typed_config\.(cluster|stat_prefix)$|routes\[default\]\.(route|direct_response)$|routes\[0\]\.typed_per_filter_config$/,
    cases: ["missing-extensions"],
    why: "The proxy's binary does not have these filters and would refuse the listener: what is safe to leave out is left out, what is not refuses.",
  },
  {
    where: /shop\.(may|must)~istio-translated-wasmplugin(\]$| )|^ecds \S+\/shop\.here $/,
    cases: ["extensions-without-agent"],
    why: "The agent is what fetches Wasm: without one such an extension is left out where it may fail, and refuses where it must not. Lua needs no agent.",
  },
  {
    where: /http_connection_manager\]\.typed_config\.http2_protocol_options$/,
    why: "Empty: these are what Envoy does for HTTP/2 unless told otherwise.",
  },
  {
    where: /http_protocol_options\.allow_absolute_url$/,
    why: "Envoy takes absolute URLs unless told otherwise.",
  },
  {
    where:
      /filter_chains\[\{\S*destination_port:\d+,\S+\]\.(name|\S+http_connection_manager\]\.typed_config\.stat_prefix)$/,
    cases: ["sidecar-ingress"],
    why: "istiod names a Sidecar's ports after the pod's address, so that all replicas differ; here they are named as a service's ports are.",
  },
  {
    where: /^lds virtualInbound filter_chains\[\{destination_port:8443,transport_protocol:(tls|raw_buffer)\}\]$/,
    cases: ["sidecar-ingress"],
    why: "istiod ends a Sidecar's TLS only where mutual TLS is disabled; here also beside PERMISSIVE, told apart by what callers of the mesh announce.",
  },
  {
    where: /^lds 0\.0\.0\.0_9002 listener_filters\[envoy\.filters\.listener\.tls_inspector\]\.filter_disabled$/,
    cases: ["sidecar-ingress"],
    why: "Of a listener with one port, istiod says that its inspector is for that port.",
  },
  {
    where: /\.filters (\(order\))$|\.http_filters (\(order\))$/,
    cases: ["envoy-filter-http-filters", "envoy-filter-listeners"],
    why: "An added filter goes before the one that ends the chain (and among the mesh's own if it names a filterClass); where istiod puts it, behind, Envoy refuses the listener.",
  },
  {
    where: /destination_port:9080,transport_protocol:tls\}\]\.transport_socket_connect_timeout$/,
    cases: ["envoy-filter-listeners"],
    why: "Of a patch that also changes the transport socket istiod forgets the rest.",
  },
  {
    where: /\.routes\[default\]\.route\.retry_policy\.num_retries$/,
    cases: ["mesh-config-proxies"],
    why: "MeshConfig.defaultInboundHttpRetryPolicy is in Istio's API; this istiod does not read it yet.",
  },
  {
    where: /\.grpc_service\.initial_metadata$/,
    cases: ["tracing-conventions"],
    why: "A header whose value is in a variable that is not there: istiod sends it empty.",
  },
  {
    where: /^(lds 127\.0\.0\.1_15021|rds 15021) $/,
    cases: ["no-interception", "no-interception-pod"],
    why: "The agent's Envoy listens on 15021 at all addresses.",
  },
  {
    where: /^rds \S+ virtual_hosts\[(allow_any|block_all)\]$/,
    cases: ["no-interception", "no-interception-pod"],
    why: "Without capture the original destination is the proxy itself: istiod lets requests for unknown hosts go round in circles.",
  },
  {
    where: /^cds (Inbound)?PassthroughCluster $/,
    cases: ["no-interception-pod"],
    why: "Without capture the original destination is the proxy itself.",
  },
  {
    where:
      /^lds \S+ filter_chains\[\{application_protocols:\[h2c,(http\/1\.0,)?http\/1\.1\],(destination_port:7000,)?transport_protocol:raw_buffer\}\]$/,
    cases: ["transparent-proxy"],
    why: "A proxy that is to take HTTP/1.0 takes it also where it has to find out what is spoken; istiod has it pass there as bytes.",
  },
  {
    where: /^rds (\S+:\d+|http_proxy) virtual_hosts\[\S+\]\.routes\[(default|\d)\]\.typed_per_filter_config$/,
    cases: [
      "no-interception",
      "no-interception-pod",
      "connection-routes",
      "strict-mtls",
      "tcp-and-sniffed-ports",
      "transparent-proxy",
    ],
    why: "Does with a filter of every Envoy what istio.alpn does in Istio's.",
  },
  {
    where: /^lds 127\.0\.0\.(1|2|103)_\d+ $|^rds (18080|9001|9101|far\.shop\.svc\.cluster\.local:9101) $/,
    cases: ["no-interception"],
    why: "Proxies that share a machine have loopback addresses of their own, and bind those; istiod has all of them bind 127.0.0.1, where there is room for one.",
  },
  {
    where: /http_filters\[behind-the-end\]$/,
    cases: ["envoy-filter-http-filters"],
    why: "Behind the router Envoy refuses a filter, and with it the listener.",
  },
  {
    where:
      /^lds virtualInbound filter_chains\[\{destination_port:9080,transport_protocol:raw_buffer\}\]\.transport_socket$/,
    cases: ["envoy-filter-listeners"],
    why: "The patch is for chains with TLS; istiod gives TLS without a certificate to the plain one as well.",
  },
  {
    where:
      /^lds (nowhere|taken|echo) $|^lds virtualInbound filter_chains\[\{destination_port:8888\}(#2)?\]|suppress_envoy_headers$/,
    cases: ["envoy-filter-mistakes"],
    why: "What Envoy would refuse is left out and all else applied; istiod sends it, or stops at it.",
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
  ...deliberateRouting,
  ...aboutClusters,
];

/** Cases with objects that istiod refuses, and why Lateen takes them. */
export const refusedByIstiod: Readonly<Record<string, string>> = {};
