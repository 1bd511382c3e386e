import type { ClusterRef, OutboundClusterRef, SniClusterRef } from "./refs.ts";

/** One destination. Everything Envoy's cluster depends on is here, which makes it the cache key. */
export interface Cluster {
  readonly ref: ClusterRef;
  readonly discovery: Discovery;
  readonly connectTimeoutMs: number;
  readonly balancing: Balancing;
  /** What decides between localities of one priority: their weights, or where the proxy is. Absent: nothing. */
  readonly betweenLocalities?: { readonly by: "weight" } | { readonly by: "zone"; readonly minimumSize: number };
  /** A limit that is absent is infinite. */
  readonly limits: ConnectionLimits;
  /** Bytes of a connection that are held; absent: as many as Envoy likes. */
  readonly bufferLimitBytes?: number;
  readonly keepalive?: Keepalive;
  readonly outlierDetection?: OutlierDetection;
  /** Unless so many percent of the endpoints are healthy, the others get requests, too. Absent: Envoy's 50. */
  readonly panicPercent?: number;
  readonly http: UpstreamHttp;
  readonly tls: UpstreamTls;
  /** Connections begin with a PROXY header of this version. */
  readonly proxyProtocol?: 1 | 2;
  /** Services this cluster stands for: what telemetry reads. */
  readonly services: readonly ServiceName[];
  /** The DestinationRule that shaped it, as `Kind/namespace/name`. */
  readonly rule?: string;
  readonly subset?: string;
  /** What statistics call it; absent: its own name. */
  readonly statName?: string;
  /** Outside the mesh: telemetry does not wait for word of the peer. */
  readonly external?: true;
  readonly origin?: string;
}

export interface ServiceName {
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
}

export type Discovery =
  /** Endpoints come by the endpoints lane. */
  | { readonly kind: "endpoints"; readonly query: EndpointQuery }
  | {
      readonly kind: "dns";
      /** One resolved address at a time, or all of them. */
      readonly mode: "strict" | "logical";
      readonly refreshMs: number;
      readonly family: "v4" | "v6" | "all";
      readonly localities: readonly FixedLocality[];
    }
  | { readonly kind: "static"; readonly localities: readonly FixedLocality[] }
  /** Where the caller was going, on `port` instead of its own if there is one. */
  | {
      readonly kind: "original-destination";
      /** Connections come from here: one address for each family the proxy has. */
      readonly sourceAddresses?: readonly string[];
      readonly port?: number;
    }
  /** The host that a request or connection names, looked up when it comes. */
  | { readonly kind: "by-request"; readonly cache: DnsCache }
  | { readonly kind: "none" };

/** Names looked up for one service. Clusters and listeners that share it must say the same of it, so it holds nothing that changes. */
export interface DnsCache {
  /** `*.example.com`, or `*` for hosts nobody knows. */
  readonly host: string;
  readonly family: "v4" | "v6" | "all";
}

/** Endpoints of one place. */
export interface FixedLocality {
  readonly region: string;
  readonly zone: string;
  readonly subzone: string;
  /** Absent: 0, the first to get requests. The next is only for what those before it cannot take. */
  readonly priority?: number;
  /** Absent: as much as its endpoints have. */
  readonly weight?: number;
  readonly endpoints: readonly FixedEndpoint[];
}

export interface FixedEndpoint {
  /** An IP address, a name where names are resolved, or a socket as `unix:///path` or `unix://@name`. */
  readonly address: string;
  /** Other addresses of the same workload. */
  readonly alternates?: readonly string[];
  readonly port: number;
  readonly weight: number;
  /** It gets no requests; its place counts it. */
  readonly unready?: true;
  readonly mutualTls: boolean;
  /** `name;namespace;canonical name;canonical revision;cluster`, as Istio's telemetry has it; absent or empty: nothing is known. */
  readonly workload?: string;
}

/** Selects endpoints of one service port; the key of the endpoints lane. */
export interface EndpointQuery {
  readonly cluster: OutboundClusterRef | SniClusterRef;
  /** Namespace of the service: two namespaces may declare one host. */
  readonly namespace: string;
  /** Name of the service port, as endpoint ports carry it. */
  readonly portName: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Leaves out endpoints that do not speak mutual TLS. */
  readonly onlyMutualTls?: true;
  /** Leaves out endpoints that are not ready; otherwise they are marked so. */
  readonly onlyReady?: true;
  readonly spread?: Spread;
  /** Connections are no mutual TLS of the mesh, so gateways between networks cannot pass them on. */
  readonly stays?: true;
  /** Only endpoints of the caller's own cluster, where both are known. */
  readonly sameCluster?: true;
}

/** How endpoints are told apart by where they are, seen from the proxy. Places are `region/zone/subzone`. */
export type Spread =
  | { readonly kind: "distribute"; readonly rules: readonly DistributeRule[] }
  | {
      readonly kind: "failover";
      /** In this order; what differs in none comes first. */
      readonly labels: readonly LabelPreference[];
      /** What counts besides: how far the place is, only the region, or labels alone. */
      readonly by: "locality" | "region" | "labels";
      readonly regions: readonly RegionFailover[];
    };

export interface DistributeRule {
  readonly from: string;
  readonly to: readonly { readonly locality: string; readonly weight: number }[];
}

/** Wants the value given, else the proxy's own. */
export interface LabelPreference {
  readonly name: string;
  readonly value?: string;
}

export interface RegionFailover {
  readonly from: string;
  readonly to: string;
}

export type Balancing =
  | { readonly kind: "least-request" | "round-robin"; readonly warmup?: Warmup }
  | ({ readonly kind: "utilization"; readonly warmup?: Warmup } & UtilizationWeights)
  | { readonly kind: "random" | "by-cluster" }
  | { readonly kind: "ring-hash"; readonly minimumRingSize?: number }
  | { readonly kind: "maglev"; readonly tableSize?: number };

/** A new endpoint begins with a share of its requests and has all of them after `durationMs`. */
export interface Warmup {
  readonly durationMs: number;
  readonly minimumPercent?: number;
  readonly aggression?: number;
}

/** Weights follow what endpoints report of their load (ORCA). What is absent has Envoy's default. */
export interface UtilizationWeights {
  readonly stabilizationMs?: number;
  readonly expirationMs?: number;
  readonly updateMs?: number;
  readonly errorPenaltyPercent?: number;
  readonly metrics: readonly string[];
}

export interface ConnectionLimits {
  readonly maxConnections?: number;
  readonly maxPendingRequests?: number;
  readonly maxRequests?: number;
  readonly maxRetries?: number;
  /** Instead of `maxRetries`. */
  readonly retryBudget?: RetryBudget;
}

/** Retries at one time, as a share of the requests there are. */
export interface RetryBudget {
  readonly percent: number;
  readonly minimum?: number;
  readonly intervalMs?: number;
}

export interface Keepalive {
  readonly probes?: number;
  readonly timeMs?: number;
  readonly intervalMs?: number;
}

export interface OutlierDetection {
  readonly consecutive5xx?: number;
  readonly consecutiveGatewayErrors?: number;
  readonly splitLocalOriginErrors?: boolean;
  readonly consecutiveLocalOriginFailures?: number;
  readonly intervalMs?: number;
  readonly baseEjectionMs?: number;
  readonly maxEjectionPercent?: number;
  /** Responses that count as errors; absent: all 5xx. */
  readonly errorCodes?: readonly number[];
}

export interface UpstreamHttp {
  /** `downstream`: as the client speaks. */
  readonly protocol: "http1" | "http2" | "downstream" | "tcp";
  readonly maxRequestsPerConnection?: number;
  readonly maxConcurrentStreams?: number;
  readonly idleTimeoutMs?: number;
  readonly maxConnectionDurationMs?: number;
  readonly pingIntervalMs?: number;
  readonly pingTimeoutMs?: number;
  /** HTTP/1 headers go out in the case they came in. */
  readonly keepsCase?: true;
  readonly autoSni?: boolean;
  readonly autoSanValidation?: boolean;
}

export type UpstreamTls =
  | { readonly mode: "none" }
  | {
      readonly mode: "workload-identity";
      /** `endpoint-decides`: only to endpoints that are marked as speaking mutual TLS. */
      readonly when: "always" | "endpoint-decides";
      readonly sni: string | OutboundClusterRef;
      readonly acceptedPeers: readonly string[];
      readonly alpn: readonly string[];
    }
  | {
      readonly mode: "originate";
      readonly sni: string;
      readonly acceptedNames: readonly string[];
      readonly trust: UpstreamTrust;
      readonly client?: ClientCertificate;
      readonly alpn: readonly string[];
      readonly cipherSuites?: readonly string[];
      readonly curves?: readonly string[];
    };

export type UpstreamTrust =
  | { readonly kind: "unverified" }
  /** The machine's own roots, served by the agent. */
  | { readonly kind: "system" }
  | { readonly kind: "file"; readonly path: string; readonly revocationList?: string }
  | { readonly kind: "secret"; readonly name: string };

export type ClientCertificate =
  | { readonly kind: "files"; readonly certificate: string; readonly privateKey: string }
  | { readonly kind: "secret"; readonly name: string };
