/**
 * What a cluster, listener or route table is, in mesh words. Envoy's names for them are made and parsed in
 * `libs/xds-build/src/naming.ts` and nowhere else.
 */
export type ClusterRef =
  | OutboundClusterRef
  | SniClusterRef
  /** The workload's own application on `port`. */
  | { readonly kind: "inbound"; readonly port: number }
  /** Refuses, forwards to where the client wanted to go, forwards to where the caller wanted to go. */
  | { readonly kind: "black-hole" | "passthrough" | "inbound-passthrough" }
  /** The host that a request names, whatever it is. */
  | { readonly kind: "any-host" }
  /** Of the proxy's bootstrap, not made here: who it sends access logs to. */
  | { readonly kind: "access-log-service" };

export interface OutboundClusterRef {
  readonly kind: "outbound";
  readonly host: string;
  readonly port: number;
  readonly subset: string;
}

/** The endpoints behind an AUTO_PASSTHROUGH gateway that speak mutual TLS; clients name the cluster as server name. */
export interface SniClusterRef {
  readonly kind: "sni";
  readonly host: string;
  readonly port: number;
  readonly subset: string;
}

export type ListenerRef =
  | { readonly kind: "virtual-outbound" | "virtual-inbound" }
  /** `bind` may be a Unix socket, `unix:///path`; its port is 0. */
  | { readonly kind: "address"; readonly bind: string; readonly port: number };

export type RouteTableRef =
  | { readonly kind: "port"; readonly port: number }
  | { readonly kind: "service"; readonly host: string; readonly port: number }
  /** Behind a Unix socket (`unix:///path`), and behind the proxy's HTTP proxy port. */
  | { readonly kind: "socket"; readonly path: string }
  | { readonly kind: "http-proxy" }
  | { readonly kind: "gateway-http"; readonly port: number; readonly bind: string }
  | {
      readonly kind: "gateway-https";
      readonly port: number;
      readonly portName: string;
      readonly gateway: string;
      readonly namespace: string;
      readonly bind: string;
    }
  | { readonly kind: "inbound"; readonly port: number };
