import type { ClusterRef } from "./refs.ts";

/** Spans of the requests that a listener takes. */
export interface Tracing {
  /** Absent: the one of the proxy's bootstrap, if that has one. */
  readonly tracer?: Tracer;
  /** Of requests that nobody has decided about yet. */
  readonly randomPercent: number;
  /** Of the path as a tag; absent: 256. */
  readonly maxPathLength?: number;
  /** By name. */
  readonly tags: Readonly<Record<string, SpanTag>>;
  /** Whether spans say which workload of the mesh they are of. */
  readonly describesWorkload?: true;
  /** Who that is; known where `tracer` or `describesWorkload` asks for it. */
  readonly workload?: TracedWorkload;
  /** A span for the call to the server beside that for the request. */
  readonly spanPerCall?: true;
  /** Servers do not learn of the trace. */
  readonly keptFromServers?: true;
  /** What was decided about a request is not read from its id. */
  readonly ignoresRequestId?: true;
}

export type SpanTag =
  | { readonly kind: "literal"; readonly value: string }
  /** A variable of the proxy's, a header of the request; empty `otherwise`: no tag without it. */
  | { readonly kind: "environment" | "header"; readonly name: string; readonly otherwise: string }
  /** As Envoy's format strings. */
  | { readonly kind: "format"; readonly format: string };

export interface TracedWorkload {
  /** What spans are grouped by: the service that made them. */
  readonly service: string;
  /** The same by OpenTelemetry's conventions, where a tracer wants it so. */
  readonly conventionalService?: string;
  readonly canonicalService: string;
  readonly canonicalRevision: string;
  readonly meshId: string;
  readonly namespace: string;
  readonly clusterId: string;
}

export type Tracer =
  | {
      readonly kind: "zipkin";
      readonly collector: HttpCollector;
      readonly shortIds?: true;
      /** W3C headers beside B3's. */
      readonly alsoW3c?: true;
      /** The release knows a collector with headers and a timeout of its own. */
      readonly modern?: true;
    }
  | { readonly kind: "datadog"; readonly cluster: ClusterRef; readonly host: string }
  | { readonly kind: "skywalking"; readonly cluster: ClusterRef; readonly host: string; readonly token?: string }
  | {
      readonly kind: "opentelemetry";
      readonly collector: GrpcCollector | HttpCollector;
      readonly detectors: readonly ("environment" | "dynatrace")[];
      /** Spans are of the service that OpenTelemetry's conventions make of the workload. */
      readonly conventional?: true;
      readonly sampler?: DynatraceSampler;
    };

export interface GrpcCollector {
  readonly over: "grpc";
  readonly cluster: ClusterRef;
  readonly host: string;
  readonly timeoutMs?: number;
  readonly headers: readonly CollectorHeader[];
}

export interface HttpCollector {
  readonly over: "http";
  readonly cluster: ClusterRef;
  readonly host: string;
  readonly path: string;
  readonly timeoutMs: number;
  readonly headers: readonly CollectorHeader[];
}

export interface CollectorHeader {
  readonly name: string;
  readonly value: string;
}

/** Asks Dynatrace how many requests to trace. */
export interface DynatraceSampler {
  readonly tenant: string;
  readonly clusterId: number;
  readonly rootSpansPerMinute: number;
  readonly api: HttpCollector;
}
