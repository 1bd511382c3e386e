import type { Deliberate } from "./deliberate.ts";

/** Of clusters and endpoints everywhere, and of all that the cases about them show. */
export const aboutClusters: readonly Deliberate[] = [
  {
    where: /^eds outbound\|80\|\|(selected|unaddressed)\.example\.com endpoints\[0 \{\}\]\.lb_endpoints$/,
    cases: ["networks"],
    istio: /^nothing$/,
    why: "registryServiceName is found in every registry, not only in one that fromRegistry puts into the network.",
  },
  {
    where: /^cds outbound\|443\|\|bare\.example\.com \S+\.combined_validation_context$/,
    cases: ["unverified-servers"],
    why: "The case runs with VERIFY_CERTIFICATE_AT_CLIENT=false, istiod here without.",
  },
  {
    where: /^eds outbound\|(5432|9080)\|v1\|reviews\.shop\.svc\.cluster\.local $/,
    cases: ["envoy-filter-clusters"],
    why: "Endpoints of a cluster that a patch removed: nobody asks for them.",
  },
  {
    where: /^cds \S+\|\|\*\.\S+ (metadata\.filter_metadata\.istio\.services|typed_extension_protocol_options)$/,
    cases: ["dynamic-dns", "dynamic-dns-gateway"],
    istio: /^nothing$/,
    why: "What telemetry names the destination by, and two options that Envoy sets by itself where such a cluster has none.",
  },
  {
    where: /^cds outbound\|9080\|\|\*\.elsewhere\.internal \S+(allow_insecure_cluster_options|auto_san_validation)$/,
    cases: ["dynamic-dns"],
    why: "Certificates of the mesh hold no host names: checked for the request's host none would ever be right.",
  },
  {
    where: /^cds outbound\|80\|careless\|\*\.api\.example\.org $/,
    cases: ["dynamic-dns"],
    why: "Subsets of hosts that are looked up have clusters, so their settings and routes to them work.",
  },
  {
    where: /dns_cache_config\.max_hosts$/,
    istio: /^1024$/,
    ours: /^nothing$/,
    why: "Envoy's own default.",
  },
  {
    where:
      /^cds AllowAnyDynamicDNSCluster typed_extension_protocol_options\S+\.(explicit_http_config|use_downstream_protocol_config)$/,
    cases: ["dynamic-dns"],
    why: "To hosts nobody knows a request goes on as it came, gRPC too; istiod makes HTTP/1.1 of it.",
  },
  {
    where:
      /http_filters\[envoy\.filters\.http\.dynamic_forward_proxy(#[234])?\](\.typed_config\.dns_cache_config\.name)?$/,
    cases: ["dynamic-dns", "dynamic-dns-gateway"],
    why: "A filter for each set of hosts that routes of the listener may lead to, also where a VirtualService sends there.",
  },
  {
    where: /routes\[\d\]\.(typed_per_filter_config|route\.request_mirror_policies)$/,
    cases: ["dynamic-dns", "dynamic-dns-gateway"],
    why: "A rewritten host is the one that is looked up; a mirror has only the request's own, so it is left out with a finding.",
  },
  {
    where:
      /filters\[envoy\.filters\.network\.tcp_proxy\]\.typed_config\.(cluster|stat_prefix|weighted_clusters\.clusters\[\S+\])$|server_names:\[\*\.(wikipedia\.org|example\.com)\]\}\]\.filters\[envoy\.extensions\.filters\.network\.sni_dynamic_forward_proxy\]$/,
    cases: ["dynamic-dns", "dynamic-dns-gateway"],
    why: "Bytes name no host to look up, so the connection is closed with a finding; where they do (SNI) it is looked up on every port.",
  },
  {
    where: /^lds virtualOutbound (filter_chains\[\{application_protocols:\[h2c,http\/1\.1\]\}\]|listener_filters)$/,
    cases: ["dynamic-dns"],
    why: "On ports that no service has connections go on to the address that the application looked up itself.",
  },
  {
    where: /^rds 80 virtual_hosts\[reviews\.shop\.svc\.cluster\.local:80\]\.domains\["10\.96\.0\.20"\]$/,
    cases: ["workload-entries"],
    why: "A ServiceEntry for a Service's host adds endpoints to it; in istiod it takes the Service's address from its domains.",
  },
  {
    where: /lb_endpoints\[\S+\]\.health_status$/,
    istio: /^nothing$/,
    ours: /^"HEALTHY"$/,
    why: "istiod leaves the health of ServiceEntries' endpoints and of gateways open; Envoy takes unknown for healthy.",
  },
  {
    where: /metadata\.filter_metadata\.istio$/,
    istio: /^\{"workload":";;;;(Kubernetes)?"\}$/,
    why: "Of a gateway between networks nothing is known that could be told.",
  },
  {
    where: /^eds \S+ endpoints\[\d+ \{\S*\}\]$/,
    istio: /^\{("load_balancing_weight":\d+,)?"locality":\{[^}]*\}(,"priority":\d+)?\}$/,
    why: "A locality that gets nothing; Envoy does not need to hear of it.",
  },
  {
    where: /filter_metadata\.istio\.alpn_override$/,
    why: "Only istio.alpn reads it. The filter that does its work here is told by the cluster's own TLS.",
  },
  {
    where: /metadata\.filter_metadata\.envoy\.transport_socket_match$/,
    cases: ["destination-rule", "destination-rule-extras", "mesh-config-proxies", "networks"],
    istio: /^nothing$/,
    why: "A rule settles how all endpoints are spoken to, so the cluster has no socket to choose; endpoints stay the same bytes.",
  },
  {
    where: /load_assignment\.endpoints\[0 \{\}\]\.(locality|load_balancing_weight)$/,
    ours: /^nothing$/,
    why: "The only locality of a cluster needs no name and no share.",
  },
  {
    where: /^cds inbound\S+ load_assignment\.endpoints\[0 \{\}\]\.lb_endpoints\[\S+\]\.load_balancing_weight$/,
    ours: /^1$/,
    why: "One is Envoy's own default.",
  },
  {
    where: /retry_budget\.min_retry_concurrency$/,
    istio: /^3$/,
    ours: /^nothing$/,
    why: "Three is Envoy's own default.",
  },
  {
    where: /slow_start_config\.(aggression|aggression\.runtime_key|min_weight_percent)$/,
    istio: /^("\("|\{"default_value":1,"runtime_key":"\("\}|\{"value":10\})$/,
    ours: /^nothing$/,
    why: "Envoy's own defaults; no runtime has a key called (.",
  },
  {
    where: /initial_fetch_timeout$/,
    istio: /^nothing$/,
    ours: /^"0s"$/,
    cases: ["destination-rule", "service-entry", "dynamic-dns", "unverified-servers", "proxyless-grpc"],
    why: "For what its own agent or ADS has, a proxy waits as long as for the workload's certificate, where istiod gives up after 15 s.",
  },
  {
    where: /transport_socket\.name$/,
    istio: /^"raw_buffer"$/,
    why: "Its type says which extension it is.",
  },
  {
    where: /outbound\|80\|\|codes\.\S+ typed_extension_protocol_options$/,
    cases: ["destination-rule-extras"],
    why: "istiod does not read outlierDetectionHttpErrorCodes yet.",
  },
  {
    where: /outbound\|8[01]\|\w*\|ports\.\S+ (circuit_breakers\.thresholds\[0\]\.retry_budget|outlier_detection)$/,
    cases: ["destination-rule-extras"],
    why: "Settings by port cannot name a retry budget, nor the mesh's default for outliers; istiod takes them away with the rest.",
  },
  {
    where: /merged\.shop\.svc\.cluster\.local (metadata\.filter_metadata\.istio\.config)?$/,
    cases: ["destination-rule-extras"],
    why: 'exportTo ["*"] is what none is: the two rules are merged, where istiod drops the older with its subset.',
  },
  {
    where:
      /outbound\|80\|\|(utilization|weighed)\.\S+ (lb_policy|load_balancing_policy|common_lb_config\.locality_weighted_lb_config)$/,
    cases: ["load-balancers", "locality-distribute"],
    why: "istiod does not read backendUtilization yet and balances by least requests.",
  },
  {
    where: /^eds \S+ endpoints\[\d \{\S*\}\](\.load_balancing_weight|\.lb_endpoints\[\S+\]\.load_balancing_weight)$/,
    cases: ["networks"],
    why: "Shares are even for three times as many gateways: a name and a Service without fromRegistry lead to some, too.",
  },
  {
    where: /^eds \S+ endpoints\[\d \{\S*\}\]\.lb_endpoints\[\S+address:(10\.5\.0\.47|192\.0\.2\.8|192\.0\.2\.9),\S+\]$/,
    cases: ["networks"],
    why: "The gateway of this network is a name, which the comparison's istiod cannot look up.",
  },
  {
    where:
      /^eds \S+ endpoints\[\d \{region:us,zone:east\}\](\.lb_endpoints\[\S+address:(10\.3\.0\.\d+|192\.0\.2\.4),\S+\])?$/,
    cases: ["networks"],
    why: "registryServiceName is found in every registry, not only in one that fromRegistry puts into the network.",
  },
  {
    where:
      /^eds outbound\|5432\|\|\*\.several\.example\.com endpoints\[0 \{\}\]\.(lb_endpoints\[\S+#[23]\]|load_balancing_weight)$/,
    cases: ["dns-capture"],
    why: "istiod lists an endpoint once for each address of its ServiceEntry.",
  },
  {
    where: /per_connection_buffer_limit_bytes$/,
    cases: ["connection-settings", "connection-settings-edge"],
    why: "istiod does not read ProxyConfig's connectionSettings yet.",
  },
  {
    where: /^cds outbound\|443\|\|\w+\.example\.com typed_extension_protocol_options\S*\.auto_san_validation$/,
    cases: ["unverified-servers"],
    why: "The case runs with VERIFY_CERTIFICATE_AT_CLIENT=false, istiod here without.",
  },
  {
    where: /transport_socket(_matches)?$/,
    cases: ["no-agent", "connection-settings-edge", "extensions-without-agent"],
    ours: /^nothing$/,
    why: "A proxy without an agent has no certificate; istiod gives it a socket that never gets one.",
  },
  {
    where: /^cds (PassthroughCluster|InboundPassthroughCluster|inbound\|18080\|\|) $/,
    cases: ["no-interception"],
    why: "Without capture there is no original destination to pass on to, and the application is at its own port.",
  },
  {
    where: /^cds inbound\|8443\|\| upstream_bind_config$/,
    cases: ["sidecar-ingress"],
    why: "A Unix socket is reached from no address.",
  },
  {
    where: /^cds inbound\|9000\|\| (load_assignment|type|cleanup_interval|lb_policy|original_dst_lb_config)$/,
    cases: ["sidecar-ingress"],
    why: "The workload's own address is where the connection was going: with the port replaced, all its replicas share one cluster.",
  },
  {
    where: /^cds (inbound\|\d+\|\||InboundPassthroughCluster) upstream_bind_config$/,
    cases: ["transparent-proxy"],
    why: "A transparent proxy calls its application from the caller's address, not from its own.",
  },
  {
    where: /^cds outbound\|9080\|(v2)?\|reviews\.shop\.svc\.cluster\.local connect_timeout$/,
    cases: ["envoy-filter-clusters"],
    why: "The patch says 0.5s. istiod's merge loses what is less than a second.",
  },
  {
    where:
      /^eds outbound\S+ endpoints\[0 \{region:eu\S*\}\]\.(lb_endpoints\S+address:10\.244\.\d\.3,\S+|load_balancing_weight)$/,
    cases: ["readiness"],
    sometimes: true,
    why: "istiod leaves a terminating endpoint out, too, once it knows the Service; here it read the slice first.",
  },
];
