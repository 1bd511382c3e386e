import type * as ir from "@lateen/ir";
import type { Protocol } from "@lateen/model";
import { accessLogsFor } from "../access-logs.ts";
import type { LogRole } from "../access-log-kinds.ts";
import { networkProtocol } from "./network-protocol.ts";
import { authorizationFor } from "../authorization/policies.ts";
import type { AuthorizationSteps } from "../authorization/policies.ts";
import { tcpSettings } from "../clusters/tcp-settings.ts";
import { supports } from "../context.ts";
import type { Context } from "../context.ts";
import type { ConnectionPlan } from "../routes/connection-rules.ts";
import { setFilterState } from "../routes/destination.ts";
import { corsFilter, faultFilter } from "../routes/http-rules.ts";
import { connectionLookup, requestLookups } from "../lookups.ts";
import { rateLimitsFor } from "../rate-limits.ts";
import { inboundRetry } from "../routes/resilience.ts";
import { outboundStatName } from "../stat-names.ts";
import { httpConnection, tcpConnection } from "../proxy-wishes.ts";
import { tracingOf } from "../tracing/tracing.ts";
import type { TracingParts } from "../tracing/tracing.ts";

/** What the listeners of one proxy have in common, worked out once. */
export interface ListenerParts {
  readonly context: Context;
  /** Own ports of a sidecar, or all of a gateway. */
  readonly httpAuthorization: AuthorizationSteps;
  readonly tcpAuthorization: AuthorizationSteps;
  readonly tracing: TracingParts;
}

export function createParts(context: Context): ListenerParts {
  return {
    context,
    httpAuthorization: authorizationFor(context, false),
    tcpAuthorization: authorizationFor(context, true),
    tracing: tracingOf(context),
  };
}

const none: AuthorizationSteps = { external: [], steps: [], refuse: false };

/** Filters that routes may configure are always there, so that a first fault or CORS rule drains no listener. */
export function routeFilters(context: Context, outbound: boolean, grpcWeb = false): ir.HttpHandler["routeFilters"] {
  const wanted = [
    ["grpc-web", "envoy.filters.http.grpc_web", grpcWeb],
    ["grpc-stats", "envoy.filters.http.grpc_stats", true],
    ["alpn", setFilterState, outbound && context.scope.agent],
    ["fault", faultFilter, outbound],
    ["cors", corsFilter, outbound],
  ] as const;
  return wanted.filter(([, extension, needed]) => needed && supports(context, extension)).map(([name]) => name);
}

/** Calls the proxy's own application makes. */
export function outboundHttp({ context, tracing }: ListenerParts, table: ir.RouteTableRef): ir.HttpHandler {
  return {
    kind: "http",
    role: "outbound",
    routes: { from: "discovery", ref: table },
    externalAuthorization: [],
    authorization: [],
    rateLimiting: [],
    routeFilters: routeFilters(context, true, carriesGrpcWeb(context, table)),
    accessLogs: accessLogsFor(context, "outbound", {}, true),
    ...tracing.client,
    forwardPeer: false,
    ...requestLookups(context, table),
    ...httpConnection(context, "outbound"),
  };
}

function carriesGrpcWeb({ listed }: Context, table: ir.RouteTableRef): boolean {
  return (
    table.kind === "port" && (listed.byPort.get(table.port) ?? []).some(({ port }) => port.protocol === "grpc-web")
  );
}

export function outboundTcp({ context }: ListenerParts, cluster: ir.ClusterRef): ir.TcpHandler {
  return tcp(context, none, { cluster, role: "outbound", tags: {} });
}

/** Connections the proxy's own application makes, as a rule or its absence has them go. */
export function outboundConnections({ context }: ListenerParts, plan: ConnectionPlan): ir.TcpHandler {
  return planned(context, none, plan, "outbound");
}

/** Connections through a gateway. Those whose protection ends behind it are not its own to judge: `judged` false. */
export function gatewayConnections(
  { context, tcpAuthorization }: ListenerParts,
  plan: ConnectionPlan,
  judged: boolean,
): ir.TcpHandler {
  return planned(context, judged ? tcpAuthorization : none, plan, "gateway");
}

export function inboundTcp(
  { context, tcpAuthorization }: ListenerParts,
  cluster: ir.ClusterRef,
  inbound: { readonly tags: Readonly<Record<string, string>>; readonly protocol: Protocol; readonly statName?: string },
): ir.TcpHandler {
  const { statName } = inbound;
  const handler = {
    ...tcp(context, tcpAuthorization, { cluster, role: "inbound", tags: inbound.tags }),
    ...(statName === undefined ? {} : { statName }),
  };
  // The application answers Redis itself; only the client's side can split what a connection asks.
  return inbound.protocol === "redis" ? handler : { ...handler, ...networkProtocol(context, inbound.protocol) };
}

/** For connections to a capturing port itself, which would go round in circles: closed, and nobody is told. */
export const deadEnd: ir.TcpHandler = {
  kind: "tcp",
  targets: [{ cluster: { kind: "black-hole" }, weight: 1 }],
  externalAuthorization: [],
  authorization: [],
  accessLogs: [],
};

/** Accepts and closes. */
export function refusingTcp(context: Context): ir.TcpHandler {
  return tcp(context, none, { cluster: { kind: "black-hole" }, role: "inbound", tags: {} });
}

function tcp(
  context: Context,
  authorization: AuthorizationSteps,
  target: { cluster: ir.ClusterRef; role: LogRole; tags: Readonly<Record<string, string>> },
): ir.TcpHandler {
  return {
    kind: "tcp",
    targets: [{ cluster: authorization.refuse ? { kind: "black-hole" } : target.cluster, weight: 1 }],
    externalAuthorization: authorization.external,
    authorization: authorization.steps,
    accessLogs: accessLogsFor(context, target.role, target.tags, false),
    ...tcpConnection(context),
    ...tcpSettings(context, target.cluster),
    ...outboundStatName(context, target.cluster),
  };
}

function planned(
  context: Context,
  authorization: AuthorizationSteps,
  { targets, protocol, tags, statName }: ConnectionPlan,
  role: LogRole,
): ir.TcpHandler {
  const [first] = targets;
  const handler = tcp(context, authorization, { cluster: first?.cluster ?? { kind: "black-hole" }, role, tags });
  return {
    ...handler,
    ...(authorization.refuse || first === undefined ? {} : { targets, ...connectionLookup(context, targets) }),
    ...networkProtocol(context, protocol),
    ...(statName === undefined ? {} : { statName }),
  };
}

export interface InboundHttp {
  readonly cluster: ir.ClusterRef;
  /** The port of the service; statistics and traces name it. */
  readonly port: number;
  readonly host: string;
  readonly grpc: boolean;
  readonly grpcWeb: boolean;
  readonly identified: boolean;
  readonly tags: Readonly<Record<string, string>>;
}

/** Calls to the proxy's own application. */
export function inboundHttp(parts: ListenerParts, inbound: InboundHttp): ir.HttpHandler {
  const { context, httpAuthorization, tracing } = parts;
  const limits = rateLimitsFor(context, inbound.identified);
  const table: ir.RouteTable = {
    ref: { kind: "inbound", port: inbound.cluster.kind === "inbound" ? inbound.cluster.port : 0 },
    origins: [],
    virtualHosts: [
      {
        kind: "inbound",
        host: "*",
        port: inbound.port,
        domains: ["*"],
        routes: [inboundRoute(context, inbound, httpAuthorization.refuse)],
        ...(limits.rules.length > 0 ? { rateLimits: limits.rules } : {}),
      },
    ],
  };
  return {
    kind: "http",
    role: "inbound",
    routes: { from: "inline", table },
    externalAuthorization: httpAuthorization.external,
    authorization: httpAuthorization.steps,
    rateLimiting: limits.filters,
    routeFilters: routeFilters(context, false, inbound.grpcWeb),
    accessLogs: accessLogsFor(context, "inbound", inbound.tags, true),
    ...tracing.server,
    forwardPeer: true,
    ...httpConnection(context, "inbound"),
  };
}

function inboundRoute({ settings }: Context, { cluster, host, port, grpc }: InboundHttp, refuse: boolean): ir.Route {
  const shared = {
    name: "default",
    match: { path: { kind: "prefix", value: "/" } },
    operation: host === "" ? "" : `${host}:${port}/*`,
  } as const;
  if (refuse) return { ...shared, action: { kind: "respond", status: 403 } };
  // A request stream that was already read cannot be sent again, so gRPC goes without.
  const retry = grpc ? undefined : inboundRetry(settings.inboundRetry);
  const targets = [{ cluster, weight: 1 }];
  return { ...shared, action: { kind: "forward", targets, timeoutMs: 0, ...(retry === undefined ? {} : { retry }) } };
}
