import type { ClusterRef } from "./refs.ts";

export type AccessLog = FileAccessLog | GrpcAccessLog;

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
  readonly logName: string;
  readonly cluster: ClusterRef;
  /** Fixed facts about the listener that the log's reader cannot see otherwise. */
  readonly tags: Readonly<Record<string, string>>;
  /** Facts about each call that the protocol of the log has no field for, as Envoy's format strings. */
  readonly formats: Readonly<Record<string, string>>;
  readonly requestHeaders: readonly string[];
  readonly responseHeaders: readonly string[];
  readonly condition?: LogCondition;
}

/** A CEL expression, as Telemetry's `filter.expression`. */
export interface LogCondition {
  readonly expression: string;
}

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };
