import { grpcStatusNames } from "@lateen/model";
import type { HTTPFaultInjection, HTTPRetry, Percent } from "@lateen/protos/networking/v1alpha3/virtual_service_pb.js";
import type { Cursor } from "../report.ts";
import { didYouMean } from "../schema/suggest.ts";
import { checkDuration } from "../rules/values.ts";

/** Envoy's x-envoy-retry-on and x-envoy-retry-grpc-on; a status code is allowed, too. */
const retryPolicies = [
  "5xx",
  "gateway-error",
  "reset",
  "reset-before-request",
  "connect-failure",
  "envoy-ratelimited",
  "retriable-4xx",
  "refused-stream",
  "retriable-status-codes",
  "retriable-headers",
  "http3-post-connect-failure",
  "cancelled",
  "deadline-exceeded",
  "internal",
  "resource-exhausted",
  "unavailable",
];

export function checkRetries(retries: HTTPRetry | undefined, at: Cursor): void {
  if (!retries) return;
  const { attempts, perTryTimeout, retryOn, retryRemoteLocalities } = retries;
  if (attempts < 0) at.at("attempts").error("range", `must not be negative, got ${attempts}; 0 turns retries off`);
  if (attempts === 0 && (perTryTimeout || retryOn !== "" || retryRemoteLocalities !== undefined)) {
    at.at("attempts").error(
      "required",
      "is 0, which turns retries off, but there are other retry settings; set it to 1 or more",
    );
  }
  checkDuration(perTryTimeout, at.at("perTryTimeout"));
  checkDuration(retries.backoff, at.at("backoff"));
  for (const policy of retryOn.split(",").map((each) => each.trim())) {
    if (policy === "" || retryPolicies.includes(policy) || /^[1-5]\d\d$/.test(policy)) continue;
    at.at("retryOn").error(
      "retry-on",
      `${JSON.stringify(policy)} is not a retry condition${didYouMean(policy, retryPolicies) || `; known: ${retryPolicies.join(", ")} and status codes`}`,
    );
  }
}

export function checkFault(fault: HTTPFaultInjection | undefined, at: Cursor): void {
  if (!fault) return;
  if (!fault.delay && !fault.abort) at.error("required", "needs a delay or an abort");
  if (fault.delay) checkDelay(fault.delay, at.at("delay"));
  if (fault.abort) checkAbort(fault.abort, at.at("abort"));
}

function checkDelay(delay: NonNullable<HTTPFaultInjection["delay"]>, at: Cursor): void {
  if (delay.httpDelayType.case === "fixedDelay") checkDuration(delay.httpDelayType.value, at.at("fixedDelay"));
  else if (delay.httpDelayType.case === "exponentialDelay")
    at.at("exponentialDelay").error("unsupported", "is not supported by Envoy; use fixedDelay");
  else at.warning("no-effect", "holds no request: set fixedDelay, or remove it");
  if (delay.percent !== 0) at.at("percent").warning("deprecated", "is deprecated; use percentage.value");
  checkFraction(delay.percentage, at.at("percentage"));
}

function checkAbort(abort: NonNullable<HTTPFaultInjection["abort"]>, at: Cursor): void {
  const { errorType } = abort;
  switch (errorType.case) {
    case "httpStatus":
      if (errorType.value < 200 || errorType.value > 599)
        at.at("httpStatus").error("status", `must be an HTTP status from 200 to 599, got ${errorType.value}`);
      break;
    case "grpcStatus":
      if (!grpcStatusNames.includes(errorType.value)) {
        at.at("grpcStatus").error(
          "status",
          `${JSON.stringify(errorType.value)} is not a gRPC status; expects one of ${grpcStatusNames.join(", ")}`,
        );
      }
      break;
    case "http2Error":
      at.at("http2Error").error("unsupported", "is not supported; use httpStatus or grpcStatus");
      break;
    case undefined:
      at.warning("no-effect", "aborts no request: set httpStatus or grpcStatus, or remove it");
      break;
  }
  checkFraction(abort.percentage, at.at("percentage"));
}

/** Envoy counts in millionths. */
function checkFraction(percentage: Percent | undefined, at: Cursor): void {
  if (!percentage) return;
  const { value } = percentage;
  if (value < 0 || value > 100 || (value > 0 && value < 0.0001))
    at.at("value").error("percent", `must be 0, or from 0.0001 to 100, got ${value}`);
}
