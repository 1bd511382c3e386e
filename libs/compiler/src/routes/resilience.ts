import { grpcStatusNames } from "@lateen/model";
import type * as ir from "@lateen/ir";
import { milliseconds, optionalMs } from "../durations.ts";
import type { CorsPolicy, HttpFault, HttpRetry } from "../istio.ts";
import { stringMatch } from "./match.ts";

/** Istio's default: twice, for failures that happened before the server can have acted on the request. */
const defaultRetry: ir.RetryPolicy = {
  attempts: 2,
  retryOn: "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
  avoidPreviousHosts: true,
  hostSelectionAttempts: 5,
};

/** Undefined when retries are switched off. `sticky` routes stay on the host that their hash chose. */
export function compileRetry(retry: HttpRetry | undefined, sticky: boolean): ir.RetryPolicy | undefined {
  const base = sticky ? { ...defaultRetry, avoidPreviousHosts: false } : defaultRetry;
  if (retry === undefined) return base;
  if (retry.attempts <= 0) return undefined;
  return {
    ...base,
    attempts: retry.attempts,
    ...(retry.retryOn === "" ? {} : conditions(retry.retryOn)),
    ...optionalMs("perTryTimeoutMs", retry.perTryTimeout),
    ...optionalMs("backoffMs", retry.backoff),
    ...(retry.retryIgnorePreviousHosts === undefined ? {} : { avoidPreviousHosts: retry.retryIgnorePreviousHosts }),
    ...(retry.retryRemoteLocalities ? { preferOtherPriorities: true } : {}),
  };
}

/** To the application beside the proxy, for what it cannot have begun to act on. */
export function inboundRetry(retry: HttpRetry | undefined): ir.RetryPolicy | undefined {
  const base: ir.RetryPolicy = {
    attempts: 2,
    retryOn: "reset-before-request",
    avoidPreviousHosts: false,
    hostSelectionAttempts: 0,
  };
  if (retry === undefined) return base;
  const asked = compileRetry(retry, true);
  if (asked === undefined) return undefined;
  return { ...asked, ...(retry.retryOn === "" ? { retryOn: base.retryOn } : {}), hostSelectionAttempts: 0 };
}

/** Numbers among the conditions are status codes. */
function conditions(text: string): { readonly retryOn: string; readonly statusCodes?: readonly number[] } {
  const parts = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  const codes = parts.filter((part) => /^[1-5]\d\d$/.test(part)).map(Number);
  const names = parts.filter((part) => !/^\d+$/.test(part));
  if (codes.length === 0) return { retryOn: names.join(",") };
  if (!names.includes("retriable-status-codes")) names.push("retriable-status-codes");
  return { retryOn: names.join(","), statusCodes: codes };
}

export function compileFault(fault: HttpFault | undefined): ir.Fault | undefined {
  if (fault === undefined) return undefined;
  const delay = compileDelay(fault.delay);
  const abort = compileAbort(fault.abort);
  if (delay === undefined && abort === undefined) return undefined;
  return { ...(delay === undefined ? {} : { delay }), ...(abort === undefined ? {} : { abort }) };
}

function compileDelay(delay: HttpFault["delay"]): ir.Fault["delay"] {
  if (delay?.httpDelayType.case !== "fixedDelay") return undefined;
  return { durationMs: milliseconds(delay.httpDelayType.value), percent: delay.percentage?.value ?? delay.percent };
}

function compileAbort(abort: HttpFault["abort"]): ir.Fault["abort"] {
  const percent = abort?.percentage?.value ?? 0;
  switch (abort?.errorType.case) {
    case "httpStatus":
      return { kind: "http", status: abort.errorType.value, percent };
    case "grpcStatus":
      return { kind: "grpc", status: Math.max(grpcStatusNames.indexOf(abort.errorType.value), 0), percent };
    default:
      return undefined;
  }
}

export function compileCors(cors: CorsPolicy | undefined): ir.Cors | undefined {
  if (cors === undefined) return undefined;
  const ignore = 2;
  return {
    origins:
      cors.allowOrigins.length > 0
        ? cors.allowOrigins.flatMap((origin) => stringMatch(origin) ?? [])
        : cors.allowOrigin.map((value) => ({ kind: "exact" as const, value })),
    methods: cors.allowMethods,
    headers: cors.allowHeaders,
    exposeHeaders: cors.exposeHeaders,
    ...(cors.maxAge === undefined ? {} : { maxAgeSeconds: Math.floor(milliseconds(cors.maxAge) / 1000) }),
    ...(cors.allowCredentials === undefined ? {} : { credentials: cors.allowCredentials }),
    forwardUnmatchedPreflights: cors.unmatchedPreflights !== ignore,
  };
}
