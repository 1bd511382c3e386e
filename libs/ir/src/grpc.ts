import type { EndpointQuery } from "./cluster.ts";
import type { Authorization } from "./policy.ts";
import type { OutboundClusterRef } from "./refs.ts";
import type { Route } from "./route.ts";

/**
 * What a gRPC library that speaks xDS itself is told, in place of Envoy's clusters, listeners and route tables. Only
 * what such a library can do is here: https://grpc.github.io/grpc/core/md_doc_grpc_xds_features.html
 */
export interface GrpcIr {
  readonly clients: readonly GrpcClient[];
  readonly servers: readonly GrpcServer[];
  readonly tables: readonly GrpcTable[];
  readonly clusters: readonly GrpcCluster[];
}

/** One name that a channel's target may have after `xds:///`, as `reviews.shop:7070`. */
export interface GrpcClient {
  readonly target: string;
  readonly service: GrpcServiceRef;
}

export interface GrpcServiceRef {
  readonly host: string;
  readonly port: number;
}

/** A server of the proxy's own application, which listens on `bind` and `port`. */
export interface GrpcServer {
  readonly bind: string;
  readonly port: number;
  /** Takes only callers with a certificate of the mesh; otherwise only plaintext: gRPC has no way to take both. */
  readonly mutualTls: boolean;
  /** Enforced rule sets, in order; `allow` or `deny`. */
  readonly authorization: readonly Authorization[];
}

export interface GrpcTable {
  readonly service: GrpcServiceRef;
  /** Each one forwards. */
  readonly routes: readonly Route[];
  /** What a rejection of this table may be about, as `Kind/namespace/name`. */
  readonly origins: readonly string[];
}

export interface GrpcCluster {
  readonly ref: OutboundClusterRef;
  readonly discovery:
    | { readonly kind: "endpoints"; readonly query: EndpointQuery }
    | { readonly kind: "dns"; readonly address: string; readonly port: number };
  readonly balancing:
    | { readonly kind: "round-robin" }
    | { readonly kind: "ring-hash"; readonly minimumRingSize?: number };
  /** Mutual TLS with the certificates the library's own bootstrap names; absent: plaintext. */
  readonly mutualTls?: { readonly acceptedPeers: readonly string[] };
  readonly maxRequests?: number;
  readonly origin?: string;
}
