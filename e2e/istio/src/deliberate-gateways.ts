import type { Deliberate } from "./deliberate.ts";

const gateways: readonly Deliberate[] = [
  {
    where:
      /^(lds 0\.0\.0\.0_(443|8443) filter_chains\[\{server_names:\[(b|rival)\.example\.com\]\}\]|rds https\.443\.https(-rival)?\.(second\.shop|rival\.edge) )$/,
    cases: ["gateway-merging", "gateway-https"],
    why: "Of a server one of whose hosts an older server has, istiod drops all hosts; here it keeps the others.",
  },
  {
    where:
      /^(lds 0\.0\.0\.0_15443 filter_chains\[\{server_names:\[late\.example\.com\]\}\]|rds https\.15443\.https-late\.second\.shop )$/,
    cases: ["gateway-merging"],
    why: "istiod gives two chains of a listener the same server name, so Envoy refuses the listener; here the older one has it.",
  },
  {
    where: /^rds http\.80 virtual_hosts\[shop\/a\.example\.com:80\]$/,
    cases: ["gateway-merging"],
    why: "A host with its namespace, as the Gateway writes it, is no domain: no request is for it.",
  },
  {
    where:
      /^lds 0\.0\.0\.0_443 filter_chains\[\{server_names:\[(\*\.example\.com|\*\.shop\.example\.com,vault\.example\.com)\]\}\]$/,
    cases: ["gateway-connections"],
    why: "A rule for *.example.com opens only what the Gateway's server has of it; istiod lets in names no Gateway has.",
  },
  {
    where: /^lds 0\.0\.0\.0_443 filter_chains\[\{server_names:\[e\.shop\.example\.com\]\}\]$/,
    cases: ["gateway-connections"],
    why: "Of a rule one of whose server names an older rule has, istiod drops all; here it keeps the others.",
  },
  {
    where: /^lds \S+ filter_chains\[\S*\]\.metadata$/,
    cases: ["gateway-connections", "gateway-merging", "dynamic-dns-gateway"],
    why: "The VirtualService behind a chain of bytes, as sidecars' chains have it.",
  },
  {
    where: /outbound_\.80_\._\.hidden\.bank\.svc\.cluster\.local/,
    cases: ["gateway-auto-passthrough"],
    why: "The server's host is shop/*: services of other namespaces are not opened by it.",
  },
  {
    where: /^cds outbound_\.\d+_\S+ typed_extension_protocol_options$/,
    cases: ["gateway-auto-passthrough"],
    why: "Only bytes go through these clusters, so settings of HTTP do nothing.",
  },
  {
    where: /^lds 0\.0\.0\.0_443 filter_chains\[\{server_names:\[optional\S+validation_context_sds_secret_config\.name$/,
    cases: ["gateway-tls-modes"],
    why: "Without -cacert istiod sends a pair of certificate and key where authorities are wanted, and Envoy refuses it.",
  },
  {
    where: /tls_params\.ecdh_curves$/,
    cases: ["gateway-tls-modes"],
    why: "The field is in Istio's API; istiod does not read it yet.",
  },
  {
    where:
      /(tls_certificate_sds_secret_configs\[file-cert:\S+\]|validation_context_sds_secret_config)\.sds_config\.(api_config_source|ads)$/,
    cases: [
      ...["gateway-tls-modes", "gateway-https", "sidecar-ingress", "destination-rule", "destination-rule-extras"],
      ...["dynamic-dns", "mesh-config-proxies", "unverified-servers"],
    ],
    why: "Which files a secret is made of, the control plane says: Envoy reads them, and again when they change, without Istio's agent, too.",
  },
  {
    where: /^cds \S+ transport_socket_matches$/,
    cases: ["gateway-topology", "gateway-foreign-secrets", "connection-settings-edge"],
    why: "This proxy has no agent that could give it a certificate of the mesh.",
  },
  {
    where: /\[undeclared\.apps\.example\.com:80\]\.routes\[\d\]\.typed_per_filter_config$/,
    cases: ["gateway-http"],
    why: "Tells a server that detects that this is HTTP, with a filter of every Envoy, as istio.alpn does in Istio's.",
  },
  {
    where: /sni_dynamic_forward_proxy\]$|dynamic_forward_proxy(\])?$|^rds http\.80 \S+\.typed_per_filter_config$/,
    cases: ["dynamic-dns-gateway"],
    why: "Hosts are looked up at gateways, too; without these filters Envoy has no host to connect to.",
  },
  {
    where:
      /^cds outbound\|(80|443)\|\|\*\.example\.com (metadata\.filter_metadata\.istio\.services|typed_extension_protocol_options)$/,
    cases: ["dynamic-dns-gateway"],
    why: "The service is named as others are, and servers are asked for, and held to, the name that was looked up.",
  },
  {
    where: /^lds \S+ filter_chains\[\S*\]\.transport_socket_connect_timeout$/,
    why: "Where TLS does not end, there is no handshake that could take long.",
  },
  {
    where: /^lds 0\.0\.0\.0_8443 filter_chains\S+tcp_proxy\]\.typed_config\.(cluster|stat_prefix)$/,
    cases: ["dynamic-dns-gateway"],
    why: "Of bytes whose TLS has ended here nobody knows the host that is to be looked up.",
  },
];

const ingresses: readonly Deliberate[] = [
  {
    where: /filter_metadata\.istio\.config$/,
    cases: ["ingress"],
    why: "The Ingress that the user wrote, not the VirtualService istiod makes of it.",
  },
  {
    where: /^rds http\.8080 virtual_hosts\[shop\.example\.com:80\]\.routes\[[1-8]\]/,
    cases: ["ingress"],
    why: "As Ingress has it: exact paths come before prefixes, and a backend that is not there answers 503.",
  },
  {
    where: /^rds http\.8080 virtual_hosts\[\*:80\]$/,
    cases: ["ingress"],
    why: "istiod leaves out defaultBackend.",
  },
  {
    where:
      /^(lds 0\.0\.0\.0_8443 filter_chains\[\{server_names:\[shop\.example\.com\]\}\]|rds https\.443\.https-443-ingress-)/,
    cases: ["ingress"],
    why: "Of two Ingresses with certificates for one host the older one's counts, and the host has its routes; istiod takes the first by name, and answers 404.",
  },
];

const grpc: readonly Deliberate[] = [
  {
    where:
      /^(lds \S+ (address|api_listener\.api_listener\.rds\.config_source\.\S+)|cds \S+ (eds_cluster_config\.eds_config\.\S+|alt_stat_name))$|\.include_request_attempt_count$|retry_policy\.retry_host_predicate$/,
    cases: ["proxyless-grpc"],
    why: "gRPC's libraries do not read this field.",
  },
  {
    where: /filters\[(inbound-hcmmtls|envoy\.filters\.network\.http_connection_manager)\]$/,
    cases: ["proxyless-grpc"],
    why: "The filter and the policy in it have the names that they have in sidecars.",
  },
  {
    where: /^lds ledger\.bank(\.svc)?:7000 $/,
    cases: ["proxyless-grpc"],
    why: "Short names that hold in all namespaces can be dialled from all.",
  },
  {
    where: /virtual_hosts\[\S+\]\.domains\[/,
    cases: ["proxyless-grpc"],
    why: "A table is for one service, whatever name its channel was made with.",
  },
  {
    where: /routes\[moved\]$|request_mirror_policies$|\.route\.timeout$/,
    cases: ["proxyless-grpc"],
    why: "gRPC ignores redirects, mirrors and timeouts; what it has for timeouts is set, the others are findings.",
  },
  {
    where:
      /routes\[split\]\.(route\.(hash_policy\[2\]|weighted_clusters\.clusters\[outbound\|7000\|v3\|\S+\])|typed_per_filter_config)$/,
    cases: ["proxyless-grpc"],
    why: "The share of a subset that is not there fails by itself; to gRPC a cluster that is not there fails the whole table.",
  },
  {
    where: /^(cds|eds) outbound\|443\|\|(one|several)\.example\.com /,
    cases: ["proxyless-grpc"],
    why: "gRPC resolves no names in endpoints; one name is a cluster of its own kind.",
  },
];

const routes: readonly Deliberate[] = [
  {
    where: /match\.case_sensitive$/,
    why: "istiod writes true, which is what Envoy takes by itself.",
  },
  {
    where: /redirect\.path_redirect$/,
    cases: ["virtual-service-actions"],
    why: "Empty, which is what its absence means.",
  },
  {
    where: /routes\[allow_any\]\.route\.append_x_forwarded_host$/,
    cases: ["proxy-headers"],
    why: "No host is rewritten there.",
  },
  {
    where:
      /^rds 9080 virtual_hosts\[reviews\.shop\.svc\.cluster\.local:9080\]\.routes\[\d\]\.(route\.cluster|route\.weighted_clusters\.clusters\[(outbound\|9080\|v9\|\S+|BlackHoleCluster)\]|decorator\.operation)$/,
    cases: ["virtual-service-conflicts", "virtual-service-delegate"],
    why: "Requests to a destination that is not there get 503, too; the cluster that answers them is there, so no reference dangles.",
  },
  {
    where:
      /^rds 80 virtual_hosts\[(\*\.)?bookinfo\.example\.com:80\]\.routes\[0\]\.(route\.cluster|decorator\.operation)$/,
    cases: ["virtual-service-conflicts"],
    why: "The Service's only port is reached from any port; istiod looks only among Services of port 80, and leads to a cluster that is not there.",
  },
  {
    where: /^rds 80 virtual_hosts\[reviews\.shop\.svc\.cluster\.local:80\]$/,
    cases: ["virtual-service-conflicts"],
    why: "The Service has no port 80; istiod puts its rules there all the same, leading to clusters that are not there.",
  },
  {
    where: /^rds 9080 \S+\.routes\[headers\]\.match\.(headers\[x-trace\]|query_parameters \(order\))$/i,
    cases: ["virtual-service-matches"],
    why: "Names of headers have no case, and all conditions of a match must hold, in whatever order.",
  },
  {
    where: /^rds (http_proxy|3128|unix:\S+) (ignore_port_in_host_matching|virtual_hosts\[\S+\]\.domains\[)/,
    cases: ["sidecar-egress", "sidecar-of-the-mesh", "transparent-proxy"],
    why: "A table of all ports finds a host by its port; with istiod's setting Envoy drops the port, and no domain with one is ever met.",
  },
  {
    where: /^rds (3128|unix:\S+) virtual_hosts\[reviews\.shop\.svc\.cluster\.local:8080\]\.routes\[0\]/,
    cases: ["sidecar-egress"],
    why: "A rule for port 8080 holds for requests to that port, through a listener for all ports, too.",
  },
  {
    where:
      /^rds 80 virtual_hosts\[(front\.example\.com|(reviews|ruled)\.shop\.svc\.cluster\.local):80\]\.(routes\[0\]\.route\.cluster|domains\["ruled|routes\[0\]\.decorator\.operation)/,
    cases: ["external-name"],
    why: "Aliases of aliases and aliases with rules of their own lead to their service; istiod sends their requests to clusters that are not there.",
  },
  {
    where:
      /^(rds 80 virtual_hosts\[wiki\.shop\.svc\.cluster\.local:80\]|cds outbound\|80\|\|wiki\.shop\.svc\.cluster\.local )$/,
    cases: ["external-name"],
    why: "A Service that stands for a name outside the mesh is one that can be called, also where unknown hosts are refused.",
  },
  {
    where: /^rds 9080 virtual_hosts\[rival\]$/,
    cases: ["envoy-filter-routes"],
    why: "A host that an EnvoyFilter adds has a domain that another one has; Envoy would refuse the whole table.",
  },
];

/** Of gateways and of routes. */
export const deliberateRouting: readonly Deliberate[] = [...gateways, ...ingresses, ...grpc, ...routes];
