import {
  type Attributes,
  context,
  INVALID_SPAN_CONTEXT,
  propagation,
  type Span,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { toError } from "./errors.ts";

/** Facts about a stage; what is undefined is left out. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | bigint | undefined>>;

export interface Tracing {
  /** Sends what is buffered; bounded to 3 s. */
  shutdown(): Promise<void>;
}

/**
 * Exports spans by OTLP if `OTEL_EXPORTER_OTLP_ENDPOINT` (or its traces variant) is set, with W3C propagation; otherwise
 * does nothing and loads nothing: the SDK costs about 40 MB.
 */
export async function startTracing(service: string): Promise<Tracing> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces } = process.env;
  if (!endpoint && !traces) return { shutdown: async () => undefined };
  const { startExporter } = await import("./tracing-sdk.ts");
  exporting = true;
  return startExporter(service);
}

let exporting = false;
/** Takes everything and tells nobody. */
const noSpan = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);

/** Runs `work` in a span of its own, which records a throw. One span per stage; `revision` belongs to its attributes. */
export async function withSpan<T>(
  name: string,
  attributes: SpanAttributes,
  work: (span: Span) => Promise<T> | T,
): Promise<T> {
  if (!exporting) return await work(noSpan);
  return trace.getTracer("lateen").startActiveSpan(name, { attributes: spanAttributes(attributes) }, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      span.recordException(toError(error));
      span.setStatus({ code: SpanStatusCode.ERROR, message: toError(error).message });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** The active span as W3C headers, to be sent with a request or a message; empty without tracing. */
export function traceHeaders(): Record<string, string> {
  const headers: Record<string, string> = {};
  propagation.inject(context.active(), headers);
  return headers;
}

/** Runs `work` as a part of the trace that W3C headers (lower-case names) carry. */
export function withRemoteTrace<T>(headers: Readonly<Record<string, string>>, work: () => T): T {
  return context.with(propagation.extract(context.active(), headers), work);
}

function spanAttributes(attributes: SpanAttributes): Attributes {
  const plain: Attributes = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) plain[name] = typeof value === "bigint" ? value.toString() : value;
  }
  return plain;
}
