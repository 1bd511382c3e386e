import type { Labels, Origin } from "./object.ts";

/** What travels on a port. `auto`: undeclared, detected from the first bytes. */
export type Protocol =
  | "http"
  | "http2"
  | "grpc"
  | "grpc-web"
  | "https"
  | "tls"
  | "tcp"
  | "udp"
  | "mysql"
  | "mongo"
  | "redis"
  | "auto";

export interface ServicePort {
  readonly name: string;
  readonly number: number;
  readonly protocol: Protocol;
  /** 0 when the port is named by `targetPortName` or equals `number`. */
  readonly targetPort: number;
  readonly targetPortName: string;
}

/** One service of a platform registry. ServiceEntries become these in the compiler's snapshot, too. */
export interface Service {
  readonly registry: string;
  readonly namespace: string;
  readonly name: string;
  /** Fully qualified, lower case. */
  readonly host: string;
  /** Virtual addresses; none for a headless service. */
  readonly addresses: readonly string[];
  readonly ports: readonly ServicePort[];
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly selector: Labels;
  readonly createdAtMs: number;
  readonly externalName: string;
  /** Where callers outside find it: a load balancer's addresses or names, and external IPs. */
  readonly externalAddresses?: readonly string[];
  readonly headless: boolean;
  /** Endpoints get traffic before they are ready. */
  readonly publishNotReady?: true;
  /** Namespaces that may see it: names, `.` or `*`; empty means the mesh's default. */
  readonly exportTo: readonly string[];
  readonly origin: Origin;
}

export interface EndpointPort {
  readonly name: string;
  readonly number: number;
}

export interface Endpoint {
  readonly addresses: readonly string[];
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly node: string;
  readonly zone: string;
  /** Name of the pod in the slice's namespace; may be empty. */
  readonly target: string;
  readonly hostname: string;
}

export interface EndpointSlice {
  readonly registry: string;
  readonly namespace: string;
  readonly name: string;
  readonly serviceHost: string;
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly EndpointPort[];
}

export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subzone: string;
}

/** A pod, VM or other place where code runs. */
export interface Workload {
  readonly registry: string;
  readonly namespace: string;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly labels: Labels;
  readonly serviceAccount: string;
  readonly locality: Locality;
  readonly node: string;
  readonly network: string;
  readonly cluster: string;
  /** Speaks mutual TLS with its own identity (label `security.istio.io/tlsMode: istio`). */
  readonly mutualTls: boolean;
  /** Container ports by name. */
  readonly ports: Readonly<Record<string, number>>;
  readonly canonicalName: string;
  readonly canonicalRevision: string;
  /** The owner: Deployment, StatefulSet, ... */
  readonly workloadName: string;
  /** It runs and is not to get traffic. */
  readonly unready?: true;
  /** Its share of traffic, where its owner gave it one. */
  readonly weight?: number;
}
