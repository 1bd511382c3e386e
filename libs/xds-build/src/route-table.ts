import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  type RateLimitSchema,
  type RouteMatchSchema,
  type RouteSchema,
  VirtualHost_TlsRequirementType,
  type VirtualHostSchema,
} from "@lateen/protos/envoy/config/route/v3/route_components_pb.js";
import { type RouteConfiguration, RouteConfigurationSchema } from "@lateen/protos/envoy/config/route/v3/route_pb.js";
import { CorsPolicySchema } from "@lateen/protos/envoy/extensions/filters/http/cors/v3/cors_pb.js";
import { HTTPFaultSchema } from "@lateen/protos/envoy/extensions/filters/http/fault/v3/fault_pb.js";
import { ConfigSchema as SetFilterStateSchema } from "@lateen/protos/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.js";
import { DescriptorSchema as ExpressionDescriptorSchema } from "@lateen/protos/envoy/extensions/rate_limit_descriptors/expr/v3/expr_pb.js";
import type { ir } from "./ir.ts";
import { headerMatcher, queryMatcher, stringMatcher } from "./matching.ts";
import { routeTableName, virtualHostName } from "./naming.ts";
import { buildAction, headerChanges } from "./route-action.ts";
import { duration, extension, fraction, typed, unreachable, type Init } from "./spelling.ts";

/** One route configuration, for RDS or inline in a listener. */
export function buildRouteTable(table: ir.RouteTable): RouteConfiguration {
  return create(RouteConfigurationSchema, {
    name: routeTableName(table.ref),
    virtualHosts: table.virtualHosts.map(buildVirtualHost),
    validateClusters: false,
    maxDirectResponseBodySizeBytes: 1_048_576,
    ignorePortInHostMatching: true,
  });
}

function buildVirtualHost(host: ir.VirtualHost): Init<typeof VirtualHostSchema> {
  return {
    name: virtualHostName(host),
    domains: [...host.domains],
    includeRequestAttemptCount: true,
    routes: host.routes.map(buildRoute),
    rateLimits: (host.rateLimits ?? []).map(buildRateLimit),
    ...(host.requireTls === true && { requireTls: VirtualHost_TlsRequirementType.ALL }),
  };
}

function buildRoute(route: ir.Route): Init<typeof RouteSchema> {
  const filters = filterConfigs(route);
  return {
    name: route.name,
    match: buildMatch(route.match),
    action: buildAction(route.action),
    ...headerChanges(route),
    ...(route.operation !== "" && { decorator: { operation: route.operation } }),
    ...(route.statPrefix !== undefined && { statPrefix: route.statPrefix }),
    ...(route.rule !== undefined && { metadata: { filterMetadata: { istio: { config: route.rule } } } }),
    typedPerFilterConfig: filters,
  };
}

function buildMatch(match: ir.RouteMatch): Init<typeof RouteMatchSchema> {
  const { kind, value } = match.path;
  const paths = {
    prefix: { case: "prefix", value },
    exact: { case: "path", value },
    regex: { case: "safeRegex", value: { regex: value } },
  } as const;
  return {
    pathSpecifier: paths[kind],
    caseSensitive: match.ignorePathCase !== true,
    headers: (match.headers ?? []).map(headerMatcher),
    queryParameters: (match.query ?? []).map(queryMatcher),
  };
}

/** What filters of the chain do differently on this route, by their names, in name order. */
function filterConfigs(route: ir.Route): Record<string, Any> {
  const announce = route.action.kind === "forward" && route.action.announceHttp === true;
  return {
    ...(route.cors && { "envoy.filters.http.cors": buildCors(route.cors) }),
    ...(route.fault && { "envoy.filters.http.fault": buildFault(route.fault) }),
    ...(announce && { "envoy.filters.http.set_filter_state": announceHttp }),
  };
}

/**
 * The ALPN of the upstream connection, for a server that sniffs. Istio has a filter of its own for it; upstream Envoy
 * reads it from this filter state object:
 * https://github.com/envoyproxy/envoy/blob/v1.36.0/source/common/network/application_protocol.h
 */
const announceHttp = typed(SetFilterStateSchema, {
  onRequestHeaders: [
    {
      key: { case: "objectKey", value: "envoy.network.application_protocols" },
      value: {
        case: "formatString",
        value: {
          format: { case: "textFormatSource", value: { specifier: { case: "inlineString", value: "istio-http/1.1" } } },
        },
      },
    },
  ],
});

function buildFault({ delay, abort }: ir.Fault): Any {
  return typed(HTTPFaultSchema, {
    ...(delay && {
      delay: {
        faultDelaySecifier: { case: "fixedDelay", value: duration(delay.durationMs) },
        percentage: fraction(delay.percent),
      },
    }),
    ...(abort && {
      abort: {
        errorType:
          abort.kind === "http"
            ? { case: "httpStatus", value: abort.status }
            : { case: "grpcStatus", value: abort.status },
        percentage: fraction(abort.percent),
      },
    }),
  });
}

function buildCors(cors: ir.Cors): Any {
  return typed(CorsPolicySchema, {
    allowOriginStringMatch: cors.origins.map(stringMatcher),
    allowMethods: cors.methods.join(","),
    allowHeaders: cors.headers.join(","),
    exposeHeaders: cors.exposeHeaders.join(","),
    filterEnabled: { defaultValue: fraction(100) },
    forwardNotMatchingPreflights: cors.forwardUnmatchedPreflights,
    ...(cors.maxAgeSeconds !== undefined && { maxAge: String(cors.maxAgeSeconds) }),
    ...(cors.credentials !== undefined && { allowCredentials: cors.credentials }),
  });
}

/**
 * One descriptor a rule: `rule` = its id, then one entry for each thing it counts by. An entry that a request does not
 * have keeps the whole descriptor from being sent, so such requests are not counted.
 */
function buildRateLimit(rule: ir.RateLimitRule): Init<typeof RateLimitSchema> {
  const identify =
    rule.headers.length === 0
      ? ({ case: "genericKey", value: { descriptorKey: "rule", descriptorValue: rule.id } } as const)
      : ({
          case: "headerValueMatch",
          value: { descriptorKey: "rule", descriptorValue: rule.id, headers: rule.headers.map(headerMatcher) },
        } as const);
  return { stage: rule.stage, actions: [{ actionSpecifier: identify }, ...rule.countBy.map(buildCountBy)] };
}

type CountBy = ir.RateLimitRule["countBy"][number];

function buildCountBy(by: CountBy): NonNullable<Init<typeof RateLimitSchema>["actions"]>[number] {
  switch (by.kind) {
    case "header":
      return {
        actionSpecifier: { case: "requestHeaders", value: { headerName: by.name, descriptorKey: by.name } },
      };
    case "client-address":
      return { actionSpecifier: { case: "remoteAddress", value: {} } };
    case "principal":
      return {
        actionSpecifier: {
          case: "extension",
          value: extension("envoy.rate_limit_descriptors.expr", ExpressionDescriptorSchema, {
            descriptorKey: "principal",
            skipIfError: true,
            exprSpecifier: { case: "text", value: "connection.uri_san_peer_certificate" },
          }),
        },
      };
    default:
      return unreachable(by);
  }
}
