import type * as ir from "@lateen/ir";
import { withListenerLogs } from "../access-logs.ts";
import { proxyRef } from "../context.ts";
import type { Context } from "../context.ts";
import { inboundPorts } from "../inbound-ports.ts";
import type { InboundPort } from "../inbound-ports.ts";
import { peerModeAt } from "../index/peer-modes.ts";
import type { PeerMode } from "../index/peer-modes.ts";
import { isHttp } from "../istio-names.ts";
import { rememberedStep } from "../remembered-step.ts";
import type { ServedPort } from "../scope.ts";
import type { MeshSettings } from "../settings.ts";
import { sidecarTls } from "./gateway-tls.ts";
import { alsoWildcard } from "./sidecar-outbound.ts";
import { createParts, deadEnd, inboundHttp, inboundTcp, refusingTcp } from "./handlers.ts";
import type { ListenerParts } from "./handlers.ts";
import { servingTls } from "./mesh-tls.ts";
import { inspectorsFor, waysIn, waysInByTls, withOldHttp } from "./inbound-chains.ts";
import { inboundStatName } from "../stat-names.ts";

/** The listeners that take calls to the application: one for all captured ports, one for each other port. */
export function inboundListeners(parts: ListenerParts): readonly ir.Listener[] {
  const ports = inboundPorts(parts.context);
  const bound = ports.flatMap((port) => (port.bind === undefined ? [] : boundListener(parts, port, port.bind)));
  const captured = ports.filter((port) => port.bind === undefined);
  const all = parts.context.scope.interception === "none" ? bound : [virtualInbound(parts, captured), ...bound];
  return all.map((listener) => withListenerLogs(parts.context, "inbound", listener));
}

function virtualInbound(parts: ListenerParts, ports: readonly InboundPort[]): ir.Listener {
  const { context } = parts;
  const { settings, scope } = context;
  const chains = [...unservedChains(parts, ports), ...ports.flatMap((port) => portChains(parts, port, scope.bind))];
  return {
    ref: { kind: "virtual-inbound" },
    bind: scope.bind,
    ...alsoWildcard(context),
    port: settings.inboundPort,
    direction: "inbound",
    bindToPort: true,
    ...(scope.interception === "tproxy" ? { transparent: true } : {}),
    ...(scope.wishes?.balanceInbound ? { exactBalance: true } : {}),
    inspectors: [
      "original-destination",
      ...(scope.interception === "tproxy" ? ["original-source" as const] : []),
      ...inspectorsFor(chains),
    ],
    ...uninspected(chains),
    inspectionTimeoutMs: settings.protocolDetectionTimeoutMs,
    chains,
    origins: originsOf(parts),
  };
}

function blackHoleChain(port: number): ir.FilterChain {
  return {
    name: { kind: "fixed", name: "virtualInbound-blackhole" },
    match: { destinationPort: port },
    handler: deadEnd,
  };
}

/** Ports no service speaks of, and the capturing one; those with a mutual TLS mode of their own get chains of their own. */
function unservedChains(parts: ListenerParts, ports: readonly InboundPort[]): readonly ir.FilterChain[] {
  const { peerModes } = parts.context.scope;
  const served = new Set(ports.map((port) => port.number));
  const exceptions = Object.keys(peerModes.ports)
    .map(Number)
    .filter((port) => !served.has(port))
    .sort((left, right) => left - right);
  return [
    ...commonChains(parts.context, parts.context.settings, peerModes.all),
    ...exceptions.flatMap((port) =>
      chainsOf(parts, { ...unserved, mode: peerModeAt(peerModes, port), destinationPort: port }),
    ),
  ];
}

const unserved = { protocol: "sniff", cluster: { kind: "inbound-passthrough" } } as const;

/** The same objects for all workloads under the same rules: what is made of them needs to be made once. */
const commonChains = rememberedStep((context, settings: MeshSettings, mode): readonly ir.FilterChain[] => [
  blackHoleChain(settings.inboundPort),
  ...chainsOf(createParts(context), { ...unserved, mode: mode as PeerMode }),
]);

function portChains(parts: ListenerParts, port: InboundPort, bind: string): readonly ir.FilterChain[] {
  const { protocol } = port.service;
  return chainsOf(parts, {
    mode: peerModeAt(parts.context.scope.peerModes, port.number),
    protocol: isHttp(protocol) ? "http" : protocol === "auto" ? "sniff" : "tcp",
    cluster: { kind: "inbound", port: port.number },
    service: port.service,
    ...(port.called === undefined ? {} : { called: port.called }),
    ...(port.rule === undefined ? {} : { rule: port.rule }),
    name: { kind: "address", bind, port: port.number },
    destinationPort: port.number,
    ...(port.tls === undefined ? {} : { tls: sidecarTls(parts.context, port.tls) }),
  });
}

interface ChainPlan {
  readonly mode: PeerMode;
  readonly protocol: "http" | "tcp" | "sniff";
  readonly cluster: ir.ClusterRef;
  readonly service?: ServedPort;
  readonly called?: InboundPort["called"];
  readonly rule?: string;
  readonly name?: ir.ChainName;
  readonly destinationPort?: number;
  /** For callers outside the mesh. */
  readonly tls?: ir.DownstreamTls;
}

function chainsOf(parts: ListenerParts, plan: ChainPlan): readonly ir.FilterChain[] {
  const { context } = parts;
  const port = plan.destinationPort === undefined ? {} : { destinationPort: plan.destinationPort };
  const mode = plan.tls === undefined || context.scope.agent || plan.mode === "strict" ? plan.mode : "disable";
  if (plan.tls !== undefined && mode !== "strict")
    return waysInByTls(plan.protocol, mode, plan.tls).map((way) => chainOf(parts, plan, way, port));
  if (plan.tls !== undefined) tellOfStrict(context, plan);
  if (context.scope.agent) return waysIn(plan.protocol, plan.mode).map((way) => chainOf(parts, plan, way, port));
  if (plan.mode !== "strict") return waysIn(plan.protocol, "disable").map((way) => chainOf(parts, plan, way, port));
  context.findings.warn(
    proxyRef(context),
    "strict-without-identity",
    "mutual TLS is required here (STRICT), but this proxy has no agent and so no certificate; connections to its application are refused. Run an agent beside it, or set PERMISSIVE or DISABLE for it",
  );
  return [{ name: plan.name ?? { kind: "fixed", name: "virtualInbound" }, match: port, handler: refusingTcp(context) }];
}

function tellOfStrict(context: Context, { service }: ChainPlan): void {
  context.findings.warn(
    context.view.sidecar?.origin ?? proxyRef(context),
    "tls-under-strict",
    `ingress port ${service?.targetPort ?? 0} has tls for callers outside the mesh, but mutual TLS of the mesh is required there (STRICT), so they are refused. Set PERMISSIVE or DISABLE for the port in a PeerAuthentication`,
  );
}

function chainOf(
  parts: ListenerParts,
  plan: ChainPlan,
  way: ReturnType<typeof waysIn>[number],
  port: ir.ChainMatch,
): ir.FilterChain {
  const { service, cluster, called = service, rule } = plan;
  const tags: Record<string, string> =
    service === undefined
      ? {}
      : {
          destination_service: service.host,
          destination_service_name: service.name,
          destination_service_namespace: service.namespace,
        };
  const fixed = way.handler === "http" ? "virtualInbound-catchall-http" : "virtualInbound";
  return {
    name: plan.name ?? { kind: "fixed", name: fixed },
    match: { ...port, ...withOldHttp(parts.context.scope, way.match) },
    ...(rule === undefined ? {} : { rule }),
    ...(way.tls === undefined ? {} : { tls: servingTls(parts.context, way.tls) }),
    handler:
      way.handler === "tcp"
        ? inboundTcp(parts, cluster, {
            tags,
            protocol: service?.protocol ?? "auto",
            ...(service === undefined ? {} : inboundStatName(parts.context, service)),
          })
        : inboundHttp(parts, {
            cluster,
            tags,
            port: called?.port ?? 0,
            host: called?.host ?? "",
            grpc: service?.protocol === "grpc" || service?.protocol === "grpc-web",
            grpcWeb: service?.protocol === "grpc-web",
            identified: way.tls?.mode === "workload-identity",
          }),
  };
}

/** Ports where nothing depends on what comes first, so that a server may speak before its client. */
function uninspected(chains: readonly ir.FilterChain[]): Pick<ir.Listener, "uninspected"> {
  const byPort = Map.groupBy(chains, (chain) => chain.match.destinationPort);
  const without = (inspector: "tls" | "http"): readonly number[] =>
    [...byPort]
      .flatMap(([port, own]) => (port === undefined || inspectorsFor(own).includes(inspector) ? [] : [port]))
      .sort((left, right) => left - right);
  const ports = { tls: without("tls"), http: without("http") };
  return ports.tls.length + ports.http.length === 0 ? {} : { uninspected: ports };
}

/** Without capture: a socket of its own in front of the application's. */
function boundListener(parts: ListenerParts, port: InboundPort, bind: string): readonly ir.Listener[] {
  const { context } = parts;
  const { endpoint } = port;
  if (endpoint?.kind === "fixed" && bind === endpoint.address && port.number === endpoint.port) {
    context.findings.warn(
      proxyRef(context),
      "no-inbound-address",
      `the application listens on ${bind}:${port.number}, which is also this proxy's address, so calls to it do not pass the proxy. Give the workload another address (INSTANCE_IPS)`,
    );
    return [];
  }
  const chains = portChains(parts, port, bind);
  return [
    {
      ref: { kind: "address", bind, port: port.number },
      bind,
      port: port.number,
      direction: "inbound",
      bindToPort: true,
      ...(context.scope.wishes?.balanceInbound ? { exactBalance: true } : {}),
      inspectors: inspectorsFor(chains),
      inspectionTimeoutMs: context.settings.protocolDetectionTimeoutMs,
      chains,
      origins: originsOf(parts),
    },
  ];
}

function originsOf({ context }: ListenerParts): readonly string[] {
  return context.scope.policies;
}
