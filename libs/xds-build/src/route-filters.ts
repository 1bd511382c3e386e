import type { Any } from "@bufbuild/protobuf/wkt";
import type * as ir from "@lateen/ir";
import { CorsPolicySchema } from "@lateen/protos/envoy/extensions/filters/http/cors/v3/cors_pb.js";
import { PerRouteConfigSchema } from "@lateen/protos/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.js";
import { HTTPFaultSchema } from "@lateen/protos/envoy/extensions/filters/http/fault/v3/fault_pb.js";
import { ConfigSchema as SetFilterStateSchema } from "@lateen/protos/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.js";
import { duration, fraction, typed } from "./messages.ts";
import type { Init } from "./messages.ts";
import { stringMatcher } from "./matchers.ts";

/** Names under which a route configures filters of its listener. */
export const faultFilter = "envoy.filters.http.fault";
export const corsFilter = "envoy.filters.http.cors";
export const lookupFilter = "envoy.filters.http.dynamic_forward_proxy";
export const alpnFilter = "envoy.filters.http.set_filter_state";

/** In name order, so that equal routes have equal bytes. */
export function perRouteFilters(route: ir.Route): { [filter: string]: Any } {
  return {
    ...(route.cors === undefined ? {} : { [corsFilter]: cors(route.cors) }),
    ...lookup(route.action),
    ...(route.fault === undefined ? {} : { [faultFilter]: fault(route.fault) }),
    ...(route.action.kind === "forward" && route.action.announceHttp ? { [alpnFilter]: httpAnnouncement } : {}),
  };
}

function lookup(action: ir.RouteAction): { [filter: string]: Any } {
  if (action.kind !== "forward" || action.lookupHost === undefined) return {};
  const hostRewriteSpecifier = { case: "hostRewriteLiteral" as const, value: action.lookupHost };
  return { [lookupFilter]: typed(PerRouteConfigSchema, { hostRewriteSpecifier }) };
}

function fault({ delay, abort }: ir.Fault): Any {
  return typed(HTTPFaultSchema, { ...delayOf(delay), ...abortOf(abort) });
}

function delayOf(delay: ir.Fault["delay"]): Init<typeof HTTPFaultSchema> {
  if (delay === undefined) return {};
  return {
    delay: {
      percentage: fraction(delay.percent),
      faultDelaySecifier: { case: "fixedDelay", value: duration(delay.durationMs) },
    },
  };
}

function abortOf(abort: ir.Fault["abort"]): Init<typeof HTTPFaultSchema> {
  if (abort === undefined) return {};
  const percentage = fraction(abort.percent);
  return abort.kind === "http"
    ? { abort: { percentage, errorType: { case: "httpStatus", value: abort.status } } }
    : { abort: { percentage, errorType: { case: "grpcStatus", value: abort.status } } };
}

function cors(from: ir.Cors): Any {
  return typed(CorsPolicySchema, {
    allowOriginStringMatch: from.origins.map(stringMatcher),
    allowMethods: from.methods.join(","),
    allowHeaders: from.headers.join(","),
    exposeHeaders: from.exposeHeaders.join(","),
    maxAge: from.maxAgeSeconds === undefined ? "" : String(from.maxAgeSeconds),
    ...(from.credentials === undefined ? {} : { allowCredentials: from.credentials }),
    filterEnabled: { defaultValue: fraction(100) },
    forwardNotMatchingPreflights: from.forwardUnmatchedPreflights,
  });
}

/**
 * Replaces what the upstream connection offers by ALPN: the other proxy picks its HTTP chain by it. This key is one
 * Envoy's TLS sockets read: https://www.envoyproxy.io/docs/envoy/latest/configuration/advanced/well_known_filter_state
 */
const httpAnnouncement = typed(SetFilterStateSchema, {
  onRequestHeaders: [
    {
      key: { case: "objectKey", value: "envoy.network.application_protocols" },
      value: {
        case: "formatString",
        value: {
          format: {
            case: "textFormatSource",
            value: { specifier: { case: "inlineString", value: "istio-http/1.1,istio" } },
          },
        },
      },
    },
  ],
});
