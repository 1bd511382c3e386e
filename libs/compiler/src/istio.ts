/** The message types of Istio's kinds and of Kubernetes' Ingress, and the parts of them that functions here take. Types only. */
import type {
  AuthorizationPolicy,
  DestinationRule,
  EnvoyFilter,
  Gateway,
  Ingress,
  IngressBackend,
  IngressClass,
  MeshConfig,
  MeshNetworks,
  PeerAuthentication,
  ProxySettings,
  RateLimit,
  ServiceEntry,
  Sidecar,
  Telemetry,
  TrafficExtension,
  VirtualService,
  WasmPlugin,
  WorkloadEntry,
} from "@lateen/api";

export type {
  AuthorizationPolicy,
  DestinationRule,
  EnvoyFilter,
  Gateway,
  Ingress,
  IngressBackend,
  IngressClass,
  MeshConfig,
  MeshNetworks,
  PeerAuthentication,
  ProxySettings,
  RateLimit,
  ServiceEntry,
  Sidecar,
  Telemetry,
  TrafficExtension,
  VirtualService,
  WasmPlugin,
  WorkloadEntry,
};

export type HttpRule = VirtualService["http"][number];
export type HttpMatch = HttpRule["match"][number];
export type HttpDestination = HttpRule["route"][number];
export type Destination = NonNullable<HttpDestination["destination"]>;
export type HeaderRules = NonNullable<HttpRule["headers"]>;
export type HeaderOperations = NonNullable<HeaderRules["request"]>;
export type IstioStringMatch = NonNullable<HttpMatch["uri"]>;
export type HttpRetry = NonNullable<HttpRule["retries"]>;
export type HttpFault = NonNullable<HttpRule["fault"]>;
export type CorsPolicy = NonNullable<HttpRule["corsPolicy"]>;
export type HttpRedirect = NonNullable<HttpRule["redirect"]>;
export type HttpRewrite = NonNullable<HttpRule["rewrite"]>;
export type DirectResponse = NonNullable<HttpRule["directResponse"]>;
export type TrafficPolicy = NonNullable<DestinationRule["trafficPolicy"]>;
export type Subset = DestinationRule["subsets"][number];
export type LoadBalancer = NonNullable<TrafficPolicy["loadBalancer"]>;
export type ConsistentHash = Extract<LoadBalancer["lbPolicy"], { case: "consistentHash" }>["value"];
export type BackendUtilization = Extract<LoadBalancer["lbPolicy"], { case: "backendUtilization" }>["value"];
export type LocalitySetting = NonNullable<LoadBalancer["localityLbSetting"]>;
export type LocalityChoice = Pick<LocalitySetting, "distribute" | "failover" | "failoverPriority" | "enabled">;
export type ZoneAwareSetting = NonNullable<LoadBalancer["zoneAwareLbSetting"]>;
export type RetryBudget = NonNullable<TrafficPolicy["retryBudget"]>;
export type Tunnel = NonNullable<TrafficPolicy["tunnel"]>;
export type ConnectionPool = NonNullable<TrafficPolicy["connectionPool"]>;
export type Outliers = NonNullable<TrafficPolicy["outlierDetection"]>;
export type ClientTls = NonNullable<TrafficPolicy["tls"]>;
export type GatewayServer = Gateway["servers"][number];
export type TlsRule = VirtualService["tls"][number];
export type TcpRule = VirtualService["tcp"][number];
export type TlsMatch = TlsRule["match"][number];
/** What matches of `tls` and `tcp` rules have in common. */
export type ConnectionMatch = TlsMatch | TcpRule["match"][number];
export type RouteTarget = TcpRule["route"][number];
export type ServerTls = NonNullable<GatewayServer["tls"]>;
export type AuthorizationRule = AuthorizationPolicy["rules"][number];
export type AuthorizationSource = NonNullable<AuthorizationRule["from"][number]["source"]>;
export type AuthorizationOperation = NonNullable<AuthorizationRule["to"][number]["operation"]>;
export type AuthorizationCondition = AuthorizationRule["when"][number];
export type AccessLogging = Telemetry["accessLogging"][number];
export type ExtensionProvider = MeshConfig["extensionProviders"][number];
export type EgressListener = Sidecar["egress"][number];
export type IngressListener = Sidecar["ingress"][number];
export type RateLimitObjectRule = RateLimit["rules"][number];
export type EnvoyFilterPatch = EnvoyFilter["configPatches"][number];
export type EnvoyFilterMatch = NonNullable<EnvoyFilterPatch["match"]>;
export type TrafficSelector = TrafficExtension["match"][number];
export type WasmConfig = Extract<TrafficExtension["filterConfig"], { case: "wasm" }>["value"];
export type TracingRule = Telemetry["tracing"][number];
/** Telemetry's, or a ProxyConfig's, which has no formatter. */
export type SpanTagRule =
  | Pick<TracingRule["customTags"][string], "type">
  | Pick<NonNullable<ProxySettings["tracing"]>["customTags"][string], "type">;
export type ZipkinTracer = Extract<ExtensionProvider["provider"], { case: "zipkin" }>["value"];
export type OpenTelemetryTracer = Extract<ExtensionProvider["provider"], { case: "opentelemetry" }>["value"];
export type CollectorHeaderRule = ZipkinTracer["headers"][number];
export type ProxyHeadersRule = NonNullable<ProxySettings["proxyHeaders"]>;
