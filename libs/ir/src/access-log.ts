import type { ClusterRef } from "./refs.ts";

export type AccessLog = FileAccessLog | GrpcAccessLog | OpenTelemetryAccessLog;

export interface FileAccessLog {
  readonly kind: "file";
  readonly path: string;
  readonly format:
    | { readonly kind: "text"; readonly value: string }
    | { readonly kind: "json"; readonly fields: Readonly<Record<string, JsonValue>> };
  readonly omitEmptyValues?: boolean;
  readonly condition?: LogCondition;
}

export interface GrpcAccessLog {
  readonly kind: "grpc";
  /** What its entries are like. A log of connections can be told of requests, and the other way round. */
  readonly entries: "http" | "tcp";
  readonly logName: string;
  readonly cluster: ClusterRef;
  /** Fixed facts about the listener that the log's reader cannot see otherwise. */
  readonly tags: Readonly<Record<string, string>>;
  /** Facts about each call that the protocol of the log has no field for, as Envoy's format strings. */
  readonly formats: Readonly<Record<string, string>>;
  readonly requestHeaders: readonly string[];
  readonly responseHeaders: readonly string[];
  readonly responseTrailers: readonly string[];
  /** What filters noted about a call, by the names they gave it; absent: none of it. */
  readonly filterState?: readonly string[];
  readonly condition?: LogCondition;
}

/** Records of OpenTelemetry. */
export interface OpenTelemetryAccessLog {
  readonly kind: "opentelemetry";
  readonly logName: string;
  readonly cluster: ClusterRef;
  /** As Envoy's format strings, each attribute too. */
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Facts about the log itself. */
  readonly resource: Readonly<Record<string, string>>;
  readonly filterState: readonly string[];
  readonly condition?: LogCondition;
}

/** What is logged; all of it has to hold. */
export interface LogCondition {
  /** CEL, as Telemetry's `filter.expression`. */
  readonly expression?: string;
  /** Only what nothing was found for: no filter chain, no route. */
  readonly unmatched?: true;
}

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };
