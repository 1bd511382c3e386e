import type { OutboundClusterRef, SniClusterRef } from "./refs.ts";

/** The endpoints of one cluster that may be sent requests now. */
export interface EndpointSet {
  readonly cluster: OutboundClusterRef | SniClusterRef;
  readonly localities: readonly LocalityEndpoints[];
}

export interface LocalityEndpoints {
  readonly region: string;
  readonly zone: string;
  readonly subzone: string;
  readonly endpoints: readonly EndpointAddress[];
}

export interface EndpointAddress {
  /** An IP address, or a socket as `unix:///path` or `unix://@name`. */
  readonly address: string;
  /** Other addresses of the same workload. */
  readonly alternates?: readonly string[];
  readonly port: number;
  readonly weight: number;
  /** Speaks mutual TLS with the mesh's identities on this port. */
  readonly mutualTls: boolean;
  /** `name;namespace;canonical name;canonical revision;cluster`, as Istio's telemetry has it; may be empty. */
  readonly workload: string;
}
