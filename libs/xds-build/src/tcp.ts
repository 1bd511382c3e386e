import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import type * as ir from "@lateen/ir";
import { FilterSchema } from "@lateen/protos/envoy/config/listener/v3/listener_components_pb.js";
import type { Filter } from "@lateen/protos/envoy/config/listener/v3/listener_components_pb.js";
import { MySQLProxySchema } from "@lateen/protos/contrib/envoy/extensions/filters/network/mysql_proxy/v3/mysql_proxy_pb.js";
import { MongoProxySchema } from "@lateen/protos/envoy/extensions/filters/network/mongo_proxy/v3/mongo_proxy_pb.js";
import { RBACSchema } from "@lateen/protos/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import { RedisProxySchema } from "@lateen/protos/envoy/extensions/filters/network/redis_proxy/v3/redis_proxy_pb.js";
import { TcpProxySchema } from "@lateen/protos/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { byContent } from "./by-content.ts";
import { buildAccessLog } from "./access-logs.ts";
import { discovered } from "./extensions.ts";
import { networkExternalAuthorization, shadowPrefix } from "./external-authorization.ts";
import { connectionLookup } from "./lookups.ts";
import { duration, optionalDuration, typed } from "./messages.ts";
import { clusterName, extensionName } from "./naming.ts";
import { buildRules } from "./rbac.ts";

const statPrefix = "tcp.";
const dryRunPrefixes = { allow: "istio_dry_run_allow_", deny: "istio_dry_run_deny_", log: "" } as const;

/** As for HTTP: who may first, then the proxy, which ends the chain. */
export const tcpFilters = byContent((handler: ir.TcpHandler): readonly Filter[] => {
  return [
    ...external(handler),
    ...extensions(handler, "authentication"),
    ...extensions(handler, "authorization"),
    ...authorization(handler),
    ...extensions(handler, "telemetry"),
    ...extensions(handler, "last"),
    ...(handler.lookup === undefined
      ? []
      : [filter("envoy.extensions.filters.network.sni_dynamic_forward_proxy", connectionLookup(handler.lookup))]),
    ...terminal(handler),
  ];
});

function extensions({ extensions: placed = [] }: ir.TcpHandler, phase: ir.ExtensionPhase): Filter[] {
  return placed
    .filter((extension) => extension.phase === phase)
    .map((extension) =>
      create(FilterSchema, {
        name: extensionName(extension),
        configType: { case: "configDiscovery", value: discovered(extension, "tcp") },
      }),
    );
}

function filter(name: string, config: Any): Filter {
  return create(FilterSchema, { name, configType: { case: "typedConfig", value: config } });
}

function external({ externalAuthorization }: ir.TcpHandler): Filter[] {
  return externalAuthorization.flatMap((step) => {
    if (step.kind === "refuse")
      return [filter("envoy.filters.network.rbac", typed(RBACSchema, { statPrefix, rules: buildRules(step.rules) }))];
    const config = networkExternalAuthorization(step);
    if (config === undefined) return [];
    const shadow = typed(RBACSchema, {
      statPrefix,
      shadowRules: buildRules(step.rules),
      shadowRulesStatPrefix: shadowPrefix,
    });
    return [filter("envoy.filters.network.rbac", shadow), filter("envoy.filters.network.ext_authz", config)];
  });
}

function authorization({ authorization: steps }: ir.TcpHandler): Filter[] {
  return steps.map(({ enforce, dryRun }) =>
    filter(
      "envoy.filters.network.rbac",
      typed(RBACSchema, {
        statPrefix,
        ...(enforce === undefined ? {} : { rules: buildRules(enforce) }),
        ...(dryRun === undefined
          ? {}
          : { shadowRules: buildRules(dryRun), shadowRulesStatPrefix: dryRunPrefixes[dryRun.action] }),
      }),
    ),
  );
}

function proxy(handler: ir.TcpHandler): Filter {
  const { targets, accessLogs, idleTimeoutMs, maxConnectionMs, hashSourceIp, tunnel } = handler;
  return filter(
    "envoy.filters.network.tcp_proxy",
    typed(TcpProxySchema, {
      statPrefix: statName(handler),
      clusterSpecifier:
        targets.length <= 1
          ? { case: "cluster", value: firstCluster(handler) }
          : {
              case: "weightedClusters",
              value: { clusters: targets.map(({ cluster, weight }) => ({ name: clusterName(cluster), weight })) },
            },
      accessLog: accessLogs.map((log) => buildAccessLog(log)),
      ...optionalDuration("idleTimeout", idleTimeoutMs),
      ...optionalDuration("maxDownstreamConnectionDuration", maxConnectionMs),
      ...(hashSourceIp ? { hashPolicy: [{ policySpecifier: { case: "sourceIp" as const, value: {} } }] } : {}),
      ...(tunnel === undefined ? {} : { tunnelingConfig: tunnelling(tunnel) }),
    }),
  );
}

function tunnelling({ host, port, method }: NonNullable<ir.TcpHandler["tunnel"]>) {
  return { hostname: host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`, usePost: method === "POST" };
}

function firstCluster({ targets: [first] }: ir.TcpHandler): string {
  return clusterName(first?.cluster ?? { kind: "black-hole" });
}

function statName(handler: ir.TcpHandler): string {
  return handler.statName ?? firstCluster(handler);
}

/** How long one Redis command may take, as Istio has it. */
const redisTimeoutMs = 5_000;

/** Filters that read a protocol come before the proxy, but for Redis', which takes its place. */
function terminal(handler: ir.TcpHandler): Filter[] {
  const statPrefix = statName(handler);
  switch (handler.protocol) {
    case "mongo":
      return [filter("envoy.filters.network.mongo_proxy", typed(MongoProxySchema, { statPrefix })), proxy(handler)];
    case "mysql":
      return [filter("envoy.filters.network.mysql_proxy", typed(MySQLProxySchema, { statPrefix })), proxy(handler)];
    case "redis":
      return [filter("envoy.filters.network.redis_proxy", redis(handler))];
    default:
      return [proxy(handler)];
  }
}

function redis(handler: ir.TcpHandler): Any {
  return typed(RedisProxySchema, {
    statPrefix: statName(handler),
    latencyInMicros: true,
    settings: { opTimeout: duration(redisTimeoutMs) },
    prefixRoutes: { catchAllRoute: { cluster: firstCluster(handler) } },
  });
}
