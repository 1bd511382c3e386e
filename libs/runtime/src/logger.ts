import { isSpanContextValid, trace } from "@opentelemetry/api";
import { type DestinationStream, type Logger as PinoLogger, pino, stdTimeFunctions } from "pino";
import { fields } from "./field-names.ts";

export type Logger = PinoLogger;

export interface LoggerOptions {
  readonly service: string;
  /** trace, debug, info (default), warn, error, fatal or silent. */
  readonly level?: string;
  /** Default: standard output, written synchronously: else lines are lost or change places at exit. */
  readonly destination?: DestinationStream;
}

/** JSON lines: `time` (ISO), `level` (word), `service`, `msg`, and `trace_id` while a span is active. BigInts become strings. */
export function createLogger(options: LoggerOptions): Logger {
  const settings = {
    level: options.level ?? "info",
    base: { [fields.service]: options.service },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    mixin: activeTrace,
  };
  return pino(settings, options.destination ?? pino.destination({ fd: 1, sync: true }));
}

/** A logger that writes nothing: for tests and for callers that want none. */
export function silentLogger(): Logger {
  return pino({ level: "silent" });
}

function activeTrace(): object {
  const context = trace.getActiveSpan()?.spanContext();
  return context !== undefined && isSpanContextValid(context) ? { [fields.traceId]: context.traceId } : {};
}
