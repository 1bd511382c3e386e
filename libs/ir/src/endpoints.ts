import type { FixedEndpoint, FixedLocality } from "./cluster.ts";
import type { OutboundClusterRef, SniClusterRef } from "./refs.ts";

/** The endpoints of one cluster: those that may be sent requests now, and those that are not ready, marked as such. */
export interface EndpointSet {
  readonly cluster: OutboundClusterRef | SniClusterRef;
  readonly localities: readonly LocalityEndpoints[];
}

export interface LocalityEndpoints extends FixedLocality {
  readonly endpoints: readonly EndpointAddress[];
}

export interface EndpointAddress extends FixedEndpoint {
  readonly workload: string;
}
