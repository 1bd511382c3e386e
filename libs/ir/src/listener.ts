import type { AccessLog } from "./access-log.ts";
import type { DnsCache } from "./cluster.ts";
import type { PlacedExtension } from "./extension.ts";
import type { HeaderHandling } from "./headers.ts";
import type { Authorization, ExternalAuthorization, RateLimiting } from "./policy.ts";
import type { ClusterRef, ListenerRef, RouteTableRef, SniClusterRef } from "./refs.ts";
import type { RouteTable } from "./route.ts";
import type { Tracing } from "./tracing.ts";

export interface Listener {
  readonly ref: ListenerRef;
  /** An address, or `unix:///path` with port 0. */
  readonly bind: string;
  /** Other addresses it takes connections at, on the same port. */
  readonly alsoBind?: readonly string[];
  readonly port: number;
  readonly direction: "inbound" | "outbound";
  /** False: reached only through the virtual outbound listener. */
  readonly bindToPort: boolean;
  /** Hands connections to the listener of their original destination. */
  readonly useOriginalDestination?: boolean;
  readonly transparent?: boolean;
  /** Each worker gets the same share of connections. */
  readonly exactBalance?: true;
  /** Bytes of a connection that are held; absent: as many as Envoy likes. */
  readonly bufferLimitBytes?: number;
  /** In order. */
  readonly inspectors: readonly ("proxy-protocol" | "original-destination" | "original-source" | "tls" | "http")[];
  /** Destination ports on which an inspector must not wait for bytes: the server may speak first. */
  readonly uninspected?: { readonly tls: readonly number[]; readonly http: readonly number[] };
  /** How long inspectors wait for first bytes; 0: for ever. Afterwards the connection goes on undetected. */
  readonly inspectionTimeoutMs?: number;
  readonly chains: readonly FilterChain[];
  readonly fallback?: FilterChain;
  /** Of connections as such; absent: none. */
  readonly accessLogs?: readonly AccessLog[];
  readonly origins: readonly string[];
}

export interface FilterChain {
  readonly name: ChainName;
  readonly match: ChainMatch;
  readonly tls?: DownstreamTls;
  /** How long a client may take for the TLS handshake. */
  readonly handshakeTimeoutMs?: number;
  readonly handler: HttpHandler | TcpHandler;
  /** The rule behind it, as `Kind/namespace/name`. */
  readonly rule?: string;
}

export type ChainName =
  | { readonly kind: "address"; readonly bind: string; readonly port: number }
  | { readonly kind: "fixed"; readonly name: string }
  | { readonly kind: "none" };

export interface ChainMatch {
  readonly destinationPort?: number;
  readonly destinationRanges?: readonly { readonly address: string; readonly length: number }[];
  /** A cluster stands for its name as clients write it. */
  readonly serverNames?: readonly (string | SniClusterRef)[];
  readonly transport?: "tls" | "raw";
  readonly applicationProtocols?: readonly string[];
}

export type DownstreamTls =
  | {
      readonly mode: "workload-identity";
      readonly alpn: readonly string[];
      /** Empty or absent: everyone the mesh's roots vouch for. */
      readonly acceptedPeers?: readonly string[];
      readonly revocationList?: string;
      /** Callers' trust domains; absent: any that the roots are trusted for. */
      readonly trustDomains?: readonly string[];
      readonly minimumVersion?: TlsVersion;
      readonly cipherSuites?: readonly string[];
      /** Versions and ciphers are what Envoy takes by itself. */
      readonly parameters?: "unsaid";
    }
  | {
      readonly mode: "certificate";
      readonly certificates: readonly ServerCertificate[];
      readonly client: ClientVerification;
      readonly alpn: readonly string[];
      readonly minimumVersion?: TlsVersion;
      readonly maximumVersion?: TlsVersion;
      readonly cipherSuites?: readonly string[];
      readonly curves?: readonly string[];
    };

export type TlsVersion = "1.0" | "1.1" | "1.2" | "1.3";

/** Asked for by name of a service of the user's own. */
export interface ForeignSecret {
  readonly kind: "foreign-secret";
  readonly name: string;
  readonly from: ClusterRef;
  /** What the service is called when it is asked. */
  readonly authority: string;
}

export type ServerCertificate =
  /** Asked for by name over the xDS stream; the key never passes through here. */
  | { readonly kind: "secret"; readonly name: string }
  | ForeignSecret
  | { readonly kind: "files"; readonly certificate: string; readonly privateKey: string }
  /** The proxy's own, from its agent. */
  | { readonly kind: "workload-identity" };

export type ClientVerification =
  | { readonly mode: "none" }
  | {
      readonly mode: "required" | "optional";
      readonly trust:
        | { readonly kind: "secret"; readonly name: string }
        | ForeignSecret
        | { readonly kind: "file"; readonly path: string; readonly revocationList?: string }
        /** The mesh's own roots, from the proxy's agent. */
        | { readonly kind: "mesh" };
      /** Looks at what the client shows and lets it in whatever comes of that. */
      readonly acceptsUntrusted?: true;
      readonly acceptedNames: readonly string[];
      readonly spkiHashes: readonly string[];
      readonly certificateHashes: readonly string[];
    };

/** Filters and their order follow from these fields: `libs/xds-build/src/http-filters.ts`. */
/** What holds of connections and of the requests on them. What is absent is as usual, and 0 ms is no limit. */
export interface HttpConnections {
  readonly idleTimeoutMs?: number;
  readonly maxDurationMs?: number;
  /** How long a client may use a connection that it was told to leave. */
  readonly drainTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  readonly requestHeadersTimeoutMs?: number;
  readonly streamIdleTimeoutMs?: number;
  readonly maxStreamMs?: number;
  /** Of HTTP/2, as the next two. */
  readonly maxStreams?: number;
  readonly streamWindow?: number;
  readonly connectionWindow?: number;
  /** What becomes of headers whose names have underscores. */
  readonly underscores?: "allow" | "reject" | "drop";
  /** Counts before the mesh's normalization of paths, as does the next. */
  readonly mergeSlashes?: boolean;
  readonly escapedSlashes?: "keep" | "reject" | "redirect" | "forward";
}

export interface HttpHandler {
  readonly kind: "http";
  readonly role: "inbound" | "outbound" | "gateway";
  /** What statistics call it; absent: its listener. */
  readonly statName?: string;
  readonly routes:
    | { readonly from: "discovery"; readonly ref: RouteTableRef }
    | { readonly from: "inline"; readonly table: RouteTable };
  readonly externalAuthorization: readonly ExternalAuthorization[];
  readonly authorization: readonly Authorization[];
  readonly rateLimiting: readonly RateLimiting[];
  readonly routeFilters: readonly ("grpc-web" | "grpc-stats" | "alpn" | "fault" | "cors")[];
  readonly accessLogs: readonly AccessLog[];
  /** Absent: nobody wants to hear of requests. */
  readonly tracing?: Tracing;
  /** Users' code on the way, in order; absent when there is none. */
  readonly extensions?: readonly PlacedExtension[];
  /** Whether the caller's certificate is described to the application. */
  readonly forwardPeer: boolean;
  /** Absent: as all proxies do. */
  readonly headers?: HeaderHandling;
  /** Proxies before a gateway whose word on the client's address counts; absent: none. */
  readonly trustedProxies?: number;
  /** What is done to paths besides removing dot segments; absent: nothing more. */
  readonly pathNormalization?: "as-is" | "merge-slashes" | "decode-and-merge-slashes";
  readonly acceptHttp10?: true;
  /** Ends a connection on which nothing happens. */
  readonly idleTimeoutMs?: number;
  /** What holds of connections and requests; absent: as usual. */
  readonly connections?: HttpConnections;
  /** Where the hosts of requests are looked up on the way to clusters of the same cache. */
  readonly lookups?: readonly DnsCache[];
}

export interface TcpHandler {
  readonly kind: "tcp";
  readonly targets: readonly { readonly cluster: ClusterRef; readonly weight: number }[];
  readonly authorization: readonly Authorization[];
  readonly externalAuthorization: readonly ExternalAuthorization[];
  readonly accessLogs: readonly AccessLog[];
  /** Users' code on the way, in order; absent when there is none. */
  readonly extensions?: readonly PlacedExtension[];
  /** A protocol that is read for statistics; `redis` is also answered request by request. */
  readonly protocol?: "mongo" | "mysql" | "redis";
  /** What statistics call it; absent: its first target. */
  readonly statName?: string;
  readonly idleTimeoutMs?: number;
  readonly maxConnectionMs?: number;
  /** Connections of one client address go to one endpoint. */
  readonly hashSourceIp?: boolean;
  /** The server name that the client asks for is looked up, and reached at `port`. */
  readonly lookup?: { readonly cache: DnsCache; readonly port: number };
  /** Bytes travel inside an HTTP request to the target, which goes on to `host`. */
  readonly tunnel?: { readonly host: string; readonly port: number; readonly method: "CONNECT" | "POST" };
}
