import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { ApiVersion } from "@lateen/protos/envoy/config/core/v3/config_source_pb.js";
import { CorsSchema } from "@lateen/protos/envoy/extensions/filters/http/cors/v3/cors_pb.js";
import { ExtAuthzSchema } from "@lateen/protos/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js";
import { HTTPFaultSchema } from "@lateen/protos/envoy/extensions/filters/http/fault/v3/fault_pb.js";
import { FilterConfigSchema as GrpcStatsSchema } from "@lateen/protos/envoy/extensions/filters/http/grpc_stats/v3/config_pb.js";
import { RateLimitSchema } from "@lateen/protos/envoy/extensions/filters/http/ratelimit/v3/rate_limit_pb.js";
import { RBACSchema } from "@lateen/protos/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import { RouterSchema } from "@lateen/protos/envoy/extensions/filters/http/router/v3/router_pb.js";
import { ConfigSchema as SetFilterStateSchema } from "@lateen/protos/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.js";
import {
  type HttpFilter,
  HttpFilterSchema,
} from "@lateen/protos/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { StatusCode } from "@lateen/protos/envoy/type/v3/http_status_pb.js";
import { buildAuthorization, buildRules } from "./authorization.ts";
import type { ir } from "./ir.ts";
import { stringMatcher } from "./matching.ts";
import { clusterName } from "./naming.ts";
import { duration, extension, sorted, type Init } from "./spelling.ts";

type FilterBuilder = (handler: ir.HttpHandler) => readonly HttpFilter[];

const rbac = "envoy.filters.http.rbac";

/** Who is asked, and about which requests: the first filter only marks them, nothing is denied by it. */
const externalAuthorization: FilterBuilder = (handler) =>
  handler.externalAuthorization.flatMap((external) => {
    const prefix = `istio-ext-authz-${external.provider}-`;
    return [
      filter(rbac, RBACSchema, {
        shadowRules: buildRules({ ...external.rules, action: "deny" }, prefix),
        shadowRulesStatPrefix: "istio_ext_authz_",
      }),
      filter("envoy.filters.http.ext_authz", ExtAuthzSchema, {
        transportApiVersion: ApiVersion.V3,
        services: askedService(external.service),
        failureModeAllow: external.failOpen,
        clearRouteCache: external.clearRouteCache,
        includePeerCertificate: true,
        filterEnabledMetadata: {
          filter: rbac,
          path: [{ segment: { case: "key", value: "istio_ext_authz_shadow_effective_policy_id" } }],
          value: {
            matchPattern: { case: "stringMatch", value: { matchPattern: { case: "prefix", value: prefix } } },
          },
        },
        ...(external.statusOnError !== undefined && { statusOnError: { code: external.statusOnError as StatusCode } }),
        ...(external.body && {
          withRequestBody: {
            maxRequestBytes: external.body.maxBytes,
            allowPartialMessage: external.body.allowPartial,
            packAsBytes: external.body.asBytes,
          },
        }),
      }),
    ];
  });

const authorization: FilterBuilder = (handler) =>
  handler.authorization.map((step) => filter(rbac, RBACSchema, buildAuthorization(step)));

const rateLimiting: FilterBuilder = (handler) =>
  handler.rateLimiting.map((limiting) =>
    filter("envoy.filters.http.ratelimit", RateLimitSchema, {
      domain: "lateen",
      stage: limiting.stage,
      timeout: duration(limiting.timeoutMs),
      failureModeDeny: limiting.denyOnFailure,
      rateLimitService: {
        transportApiVersion: ApiVersion.V3,
        grpcService: { targetSpecifier: { case: "envoyGrpc", value: { clusterName: clusterName(limiting.cluster) } } },
      },
    }),
  );

/** Filters whose work is told by each route. */
const routeFilters = {
  "grpc-stats": filter("envoy.filters.http.grpc_stats", GrpcStatsSchema, {
    emitFilterState: true,
    perMethodStatSpecifier: { case: "statsForAllMethods", value: { value: false } },
  }),
  alpn: filter("envoy.filters.http.set_filter_state", SetFilterStateSchema, {}),
  fault: filter("envoy.filters.http.fault", HTTPFaultSchema, {}),
  cors: filter("envoy.filters.http.cors", CorsSchema, {}),
} as const;

const perRoute: FilterBuilder = (handler) => handler.routeFilters.map((name) => routeFilters[name]);

const router: FilterBuilder = () => [filter("envoy.filters.http.router", RouterSchema, {})];

/** Order matters: who may be asked, who may pass, how often, then what routes do; router last. The array is the order. */
const httpFilters: readonly FilterBuilder[] = [externalAuthorization, authorization, rateLimiting, perRoute, router];

export function buildHttpFilters(handler: ir.HttpHandler): HttpFilter[] {
  return httpFilters.flatMap((build) => build(handler));
}

function filter<D extends DescMessage>(name: string, schema: D, message: MessageInitShape<D>): HttpFilter {
  return create(HttpFilterSchema, extension(name, schema, message));
}

function askedService(service: ir.ExternalService): NonNullable<Init<typeof ExtAuthzSchema>["services"]> {
  if (service.kind === "grpc")
    return {
      case: "grpcService",
      value: {
        timeout: duration(service.timeoutMs),
        targetSpecifier: {
          case: "envoyGrpc",
          value: { clusterName: clusterName(service.cluster), authority: service.authority },
        },
      },
    };
  const { upstreamHeadersOnAllow, downstreamHeadersOnDeny, downstreamHeadersOnAllow } = service;
  return {
    case: "httpService",
    value: {
      pathPrefix: service.pathPrefix,
      serverUri: {
        uri: `http://${service.host}:${service.port}`,
        timeout: duration(service.timeoutMs),
        httpUpstreamType: { case: "cluster", value: clusterName(service.cluster) },
      },
      authorizationRequest: {
        ...(service.requestHeaders.length > 0 && {
          allowedHeaders: { patterns: service.requestHeaders.map(stringMatcher) },
        }),
        headersToAdd: Object.entries(sorted(service.addedHeaders)).map(([key, value]) => ({ key, value })),
      },
      authorizationResponse: {
        ...(upstreamHeadersOnAllow.length > 0 && {
          allowedUpstreamHeaders: { patterns: upstreamHeadersOnAllow.map(stringMatcher) },
        }),
        ...(downstreamHeadersOnDeny.length > 0 && {
          allowedClientHeaders: { patterns: downstreamHeadersOnDeny.map(stringMatcher) },
        }),
        ...(downstreamHeadersOnAllow.length > 0 && {
          allowedClientHeadersOnSuccess: { patterns: downstreamHeadersOnAllow.map(stringMatcher) },
        }),
      },
    },
  };
}
