import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import type * as ir from "@lateen/ir";
import { ApiVersion } from "@lateen/protos/envoy/config/core/v3/config_source_pb.js";
import { CorsSchema } from "@lateen/protos/envoy/extensions/filters/http/cors/v3/cors_pb.js";
import { HTTPFaultSchema } from "@lateen/protos/envoy/extensions/filters/http/fault/v3/fault_pb.js";
import { FilterConfigSchema as GrpcStatsSchema } from "@lateen/protos/envoy/extensions/filters/http/grpc_stats/v3/config_pb.js";
import { GrpcWebSchema } from "@lateen/protos/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.js";
import { RateLimitSchema } from "@lateen/protos/envoy/extensions/filters/http/ratelimit/v3/rate_limit_pb.js";
import { RBACSchema } from "@lateen/protos/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import { RouterSchema } from "@lateen/protos/envoy/extensions/filters/http/router/v3/router_pb.js";
import { ConfigSchema as SetFilterStateSchema } from "@lateen/protos/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.js";
import { HttpFilterSchema } from "@lateen/protos/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { HttpFilter } from "@lateen/protos/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { httpExternalAuthorization, shadowPrefix } from "./external-authorization.ts";
import { discovered } from "./extensions.ts";
import { requestLookup } from "./lookups.ts";
import { duration, grpcService, typed } from "./messages.ts";
import { extensionName } from "./naming.ts";
import { buildRules } from "./rbac.ts";
import { alpnFilter, corsFilter, faultFilter, lookupFilter } from "./route-filters.ts";

type FilterBuilder = (handler: ir.HttpHandler) => readonly HttpFilter[];

function filter(name: string, config: Any): HttpFilter {
  return create(HttpFilterSchema, { name, configType: { case: "typedConfig", value: config } });
}

const rbac = "envoy.filters.http.rbac";
/** Of what a policy that is only tried out says about a request. */
export const dryRunPrefixes = { allow: "istio_dry_run_allow_", deny: "istio_dry_run_deny_", log: "" } as const;

const externalAuthorization: FilterBuilder = ({ externalAuthorization: all }) =>
  all.flatMap((step) =>
    step.kind === "refuse"
      ? [filter(rbac, typed(RBACSchema, { rules: buildRules(step.rules) }))]
      : [
          filter(rbac, typed(RBACSchema, { shadowRules: buildRules(step.rules), shadowRulesStatPrefix: shadowPrefix })),
          filter("envoy.filters.http.ext_authz", httpExternalAuthorization(step)),
        ],
  );

const authorization: FilterBuilder = ({ authorization: steps }) =>
  steps.map(({ enforce, dryRun }) =>
    filter(
      rbac,
      typed(RBACSchema, {
        ...(enforce === undefined ? {} : { rules: buildRules(enforce) }),
        ...(dryRun === undefined
          ? {}
          : { shadowRules: buildRules(dryRun), shadowRulesStatPrefix: dryRunPrefixes[dryRun.action] }),
      }),
    ),
  );

const rateLimiting: FilterBuilder = ({ rateLimiting: calls }) =>
  calls.map((call) =>
    filter(
      "envoy.filters.http.ratelimit",
      typed(RateLimitSchema, {
        domain: "lateen",
        stage: call.stage,
        failureModeDeny: call.denyOnFailure,
        timeout: duration(call.timeoutMs),
        rateLimitService: { grpcService: grpcService(call.cluster), transportApiVersion: ApiVersion.V3 },
      }),
    ),
  );

const routeFilter =
  (name: ir.HttpHandler["routeFilters"][number], build: () => HttpFilter): FilterBuilder =>
  ({ routeFilters }) =>
    routeFilters.includes(name) ? [build()] : [];

const grpcWeb = routeFilter("grpc-web", () => filter("envoy.filters.http.grpc_web", typed(GrpcWebSchema, {})));
const grpcStats = routeFilter("grpc-stats", () =>
  filter(
    "envoy.filters.http.grpc_stats",
    typed(GrpcStatsSchema, {
      emitFilterState: true,
      perMethodStatSpecifier: { case: "statsForAllMethods", value: { value: false } },
    }),
  ),
);
const alpn = routeFilter("alpn", () => filter(alpnFilter, typed(SetFilterStateSchema, {})));
const fault = routeFilter("fault", () => filter(faultFilter, typed(HTTPFaultSchema, {})));
const cors = routeFilter("cors", () => filter(corsFilter, typed(CorsSchema, {})));
const lookups: FilterBuilder = ({ lookups: caches = [] }) =>
  caches.map((cache) => filter(lookupFilter, requestLookup(cache)));
const router: FilterBuilder = ({ headers }) => [
  filter(
    "envoy.filters.http.router",
    typed(RouterSchema, headers?.envoyHeaders === "none" ? { suppressEnvoyHeaders: true } : {}),
  ),
];

const extensions =
  (phase: ir.ExtensionPhase): FilterBuilder =>
  ({ extensions: placed = [] }) =>
    placed
      .filter((extension) => extension.phase === phase)
      .map((extension) =>
        create(HttpFilterSchema, {
          name: extensionName(extension),
          configType: { case: "configDiscovery", value: discovered(extension, "http") },
        }),
      );

/** Order matters: who may before how often, both before what routes ask for; the router ends the chain. The array is the order. */
export const httpFilters: readonly FilterBuilder[] = [
  externalAuthorization,
  extensions("authentication"),
  extensions("authorization"),
  authorization,
  extensions("telemetry"),
  extensions("last"),
  rateLimiting,
  grpcWeb,
  grpcStats,
  alpn,
  fault,
  cors,
  lookups,
  router,
];
