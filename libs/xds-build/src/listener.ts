import { create } from "@bufbuild/protobuf";
import { TrafficDirection } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import { ApiVersion } from "@lateen/protos/envoy/config/core/v3/config_source_pb.js";
import type {
  FilterChainMatchSchema,
  FilterChainSchema,
  FilterSchema,
} from "@lateen/protos/envoy/config/listener/v3/listener_components_pb.js";
import { type Listener, ListenerSchema } from "@lateen/protos/envoy/config/listener/v3/listener_pb.js";
import { HttpInspectorSchema } from "@lateen/protos/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js";
import { OriginalDstSchema } from "@lateen/protos/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.js";
import { TlsInspectorSchema } from "@lateen/protos/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js";
import { ExtAuthzSchema } from "@lateen/protos/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.js";
import {
  HttpConnectionManager_ForwardClientCertDetails,
  HttpConnectionManager_PathWithEscapedSlashesAction,
  HttpConnectionManagerSchema,
} from "@lateen/protos/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { RBACSchema } from "@lateen/protos/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import { TcpProxySchema } from "@lateen/protos/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { buildAccessLogs } from "./access-log.ts";
import { buildAuthorization, buildRules } from "./authorization.ts";
import { buildHttpFilters } from "./http-filters.ts";
import type { ir } from "./ir.ts";
import { clusterName, filterChainName, listenerName, routeTableName } from "./naming.ts";
import { buildRouteTable } from "./route-table.ts";
import { duration, extension, overAds, socketAddress, type Init } from "./spelling.ts";
import { downstreamSocket } from "./tls.ts";

type FilterInit = Init<typeof FilterSchema>;

const inspectors = {
  "original-destination": extension("envoy.filters.listener.original_dst", OriginalDstSchema, {}),
  tls: extension("envoy.filters.listener.tls_inspector", TlsInspectorSchema, {}),
  http: extension("envoy.filters.listener.http_inspector", HttpInspectorSchema, {}),
} as const;

export function buildListener(listener: ir.Listener): Listener {
  const { inspectionTimeoutMs, fallback } = listener;
  return create(ListenerSchema, {
    name: listenerName(listener.ref),
    address: socketAddress(listener.bind, listener.port),
    trafficDirection: listener.direction === "inbound" ? TrafficDirection.INBOUND : TrafficDirection.OUTBOUND,
    listenerFilters: listener.inspectors.map((name) => inspectors[name]),
    filterChains: listener.chains.map((chain) => buildFilterChain(chain, listener)),
    ...(fallback && { defaultFilterChain: buildFilterChain(fallback, listener) }),
    ...(!listener.bindToPort && { bindToPort: false }),
    ...(listener.useOriginalDestination === true && { useOriginalDst: true }),
    ...(listener.transparent === true && { transparent: true }),
    ...(inspectionTimeoutMs !== undefined && {
      listenerFiltersTimeout: duration(inspectionTimeoutMs),
      continueOnListenerFiltersTimeout: true,
    }),
  });
}

function buildFilterChain(chain: ir.FilterChain, listener: ir.Listener): Init<typeof FilterChainSchema> {
  const name = filterChainName(chain.name);
  return {
    ...(name !== "" && { name }),
    filterChainMatch: buildChainMatch(chain.match),
    filters:
      chain.handler.kind === "http"
        ? [buildHttpManager(chain.handler, name || listenerName(listener.ref))]
        : buildTcpFilters(chain.handler),
    ...(chain.tls && { transportSocket: downstreamSocket(chain.tls) }),
  };
}

function buildChainMatch(match: ir.ChainMatch): Init<typeof FilterChainMatchSchema> {
  return {
    ...(match.destinationPort !== undefined && { destinationPort: match.destinationPort }),
    ...(match.transport !== undefined && { transportProtocol: match.transport === "raw" ? "raw_buffer" : "tls" }),
    prefixRanges: (match.destinationRanges ?? []).map(({ address, length }) => ({
      addressPrefix: address,
      prefixLen: length,
    })),
    serverNames: [...(match.serverNames ?? [])],
    applicationProtocols: [...(match.applicationProtocols ?? [])],
  };
}

/** How each role treats the caller's certificate header and address, as Istio's sidecars and gateways do. */
const roles = {
  inbound: { useRemoteAddress: false, certificates: HttpConnectionManager_ForwardClientCertDetails.APPEND_FORWARD },
  outbound: { useRemoteAddress: false, certificates: HttpConnectionManager_ForwardClientCertDetails.SANITIZE },
  gateway: { useRemoteAddress: true, certificates: HttpConnectionManager_ForwardClientCertDetails.SANITIZE_SET },
} as const;

function buildHttpManager(handler: ir.HttpHandler, statName: string): FilterInit {
  const role = roles[handler.role];
  const direction = handler.role === "inbound" ? "inbound" : "outbound";
  return extension("envoy.filters.network.http_connection_manager", HttpConnectionManagerSchema, {
    statPrefix: `${direction}_${statName}`,
    routeSpecifier:
      handler.routes.from === "discovery"
        ? { case: "rds", value: { configSource: overAds, routeConfigName: routeTableName(handler.routes.ref) } }
        : { case: "routeConfig", value: buildRouteTable(handler.routes.table) },
    httpFilters: buildHttpFilters(handler),
    accessLog: buildAccessLogs(handler.accessLogs, "http"),
    useRemoteAddress: role.useRemoteAddress,
    serverName: "istio-envoy",
    streamIdleTimeout: duration(0),
    upgradeConfigs: [{ upgradeType: "websocket" }],
    normalizePath: true,
    pathWithEscapedSlashesAction: HttpConnectionManager_PathWithEscapedSlashesAction.KEEP_UNCHANGED,
    ...(handler.forwardPeer
      ? {
          forwardClientCertDetails: role.certificates,
          setCurrentClientCertDetails: { subject: true, uri: true, dns: true },
        }
      : { forwardClientCertDetails: HttpConnectionManager_ForwardClientCertDetails.SANITIZE }),
  });
}

/** Order matters: authorization before the bytes go on. */
function buildTcpFilters(handler: ir.TcpHandler): FilterInit[] {
  const [only, ...others] = handler.targets;
  if (only === undefined) throw new Error("a TCP handler needs a target");
  const statPrefix = clusterName(only.cluster);
  const clusterSpecifier =
    others.length === 0
      ? ({ case: "cluster", value: statPrefix } as const)
      : ({
          case: "weightedClusters",
          value: { clusters: handler.targets.map(({ cluster, weight }) => ({ name: clusterName(cluster), weight })) },
        } as const);
  return [
    ...handler.externalAuthorization.flatMap(buildTcpExternalAuthorization),
    ...handler.authorization.map((step) =>
      extension("envoy.filters.network.rbac", RBACSchema, { statPrefix: "tcp.", ...buildAuthorization(step) }),
    ),
    extension("envoy.filters.network.tcp_proxy", TcpProxySchema, {
      statPrefix,
      clusterSpecifier,
      accessLog: buildAccessLogs(handler.accessLogs, "tcp"),
      ...(handler.idleTimeoutMs !== undefined && { idleTimeout: duration(handler.idleTimeoutMs) }),
    }),
  ];
}

function buildTcpExternalAuthorization(external: ir.ExternalAuthorization): FilterInit[] {
  const { service } = external;
  if (service.kind !== "grpc")
    throw new Error(`provider ${external.provider} cannot be asked about TCP: it speaks HTTP`);
  const prefix = `istio-ext-authz-${external.provider}-`;
  return [
    extension("envoy.filters.network.rbac", RBACSchema, {
      statPrefix: "tcp.",
      shadowRules: buildRules({ ...external.rules, action: "deny" }, prefix),
      shadowRulesStatPrefix: "istio_ext_authz_",
    }),
    extension("envoy.filters.network.ext_authz", ExtAuthzSchema, {
      statPrefix: "tcp.",
      transportApiVersion: ApiVersion.V3,
      failureModeAllow: external.failOpen,
      includePeerCertificate: true,
      grpcService: {
        timeout: duration(service.timeoutMs),
        targetSpecifier: {
          case: "envoyGrpc",
          value: { clusterName: clusterName(service.cluster), authority: service.authority },
        },
      },
      filterEnabledMetadata: {
        filter: "envoy.filters.network.rbac",
        path: [{ segment: { case: "key", value: "istio_ext_authz_shadow_effective_policy_id" } }],
        value: { matchPattern: { case: "stringMatch", value: { matchPattern: { case: "prefix", value: prefix } } } },
      },
    }),
  ];
}
