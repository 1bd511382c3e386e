import type * as ir from "@lateen/ir";
import { proxyRef } from "../context.ts";
import { peerModeAt } from "../index/peer-modes.ts";
import type { PeerMode } from "../index/peer-modes.ts";
import { isHttp } from "../istio-names.ts";
import type { ServedPort } from "../scope.ts";
import { inboundHttp, inboundTcp, refusingTcp } from "./handlers.ts";
import type { ListenerParts } from "./handlers.ts";
import { inspectorsFor, waysIn } from "./inbound-chains.ts";

/** A port of the application with the service that gives it a protocol and a name. */
interface OwnPort {
  readonly targetPort: number;
  readonly service: ServedPort;
}

/** The listeners that take calls to the application: one for all captured ports, or one a port without capture. */
export function inboundListeners(parts: ListenerParts): readonly ir.Listener[] {
  const { context } = parts;
  const ports = ownPorts(parts);
  if (context.scope.interception !== "none") return [virtualInbound(parts, ports)];
  return ports.flatMap((port) => boundListener(parts, port));
}

function ownPorts({ context }: ListenerParts): readonly OwnPort[] {
  const byPort = Map.groupBy(context.scope.serves, (served) => served.targetPort);
  return [...byPort].flatMap(([targetPort, served]) => {
    const [service, ...others] = served;
    if (service === undefined) return [];
    const different = others.find((other) => other.protocol !== service.protocol);
    if (different !== undefined) {
      context.findings.warn(
        proxyRef(context),
        "conflicting-protocols",
        `the application's port ${targetPort} is ${service.protocol} for service "${service.host}" and ${different.protocol} for "${different.host}"; it is treated as ${service.protocol}`,
      );
    }
    return [{ targetPort, service }];
  });
}

function virtualInbound(parts: ListenerParts, ports: readonly OwnPort[]): ir.Listener {
  const { context } = parts;
  const { settings, scope } = context;
  const chains = [
    blackHoleChain(parts, settings.inboundPort),
    ...passthroughChains(parts, ports),
    ...ports.flatMap((port) => portChains(parts, port, { bind: "0.0.0.0", matchPort: true })),
  ];
  return {
    ref: { kind: "virtual-inbound" },
    bind: "0.0.0.0",
    port: settings.inboundPort,
    direction: "inbound",
    bindToPort: true,
    ...(scope.interception === "tproxy" ? { transparent: true } : {}),
    inspectors: ["original-destination", "tls", "http"],
    inspectionTimeoutMs: settings.protocolDetectionTimeoutMs,
    chains,
    origins: originsOf(parts),
  };
}

/** Nothing may be sent to the capturing port itself: it would go round in circles. */
function blackHoleChain({ context }: ListenerParts, port: number): ir.FilterChain {
  return {
    name: { kind: "fixed", name: "virtualInbound-blackhole" },
    match: { destinationPort: port },
    handler: refusingTcp(context),
  };
}

/** Ports no service speaks of; those with a mutual TLS mode of their own get chains of their own. */
function passthroughChains(parts: ListenerParts, ports: readonly OwnPort[]): readonly ir.FilterChain[] {
  const { peerModes } = parts.context.scope;
  const served = new Set(ports.map((port) => port.targetPort));
  const exceptions = Object.keys(peerModes.ports)
    .map(Number)
    .filter((port) => !served.has(port))
    .sort((left, right) => left - right);
  return [undefined, ...exceptions].flatMap((port) => {
    const mode = port === undefined ? peerModes.all : peerModeAt(peerModes, port);
    return chainsOf(parts, {
      mode,
      protocol: "sniff",
      cluster: { kind: "inbound-passthrough" },
      ...(port === undefined ? {} : { destinationPort: port }),
    });
  });
}

function portChains(
  parts: ListenerParts,
  port: OwnPort,
  where: { readonly bind: string; readonly matchPort: boolean },
): readonly ir.FilterChain[] {
  const { protocol } = port.service;
  return chainsOf(parts, {
    mode: peerModeAt(parts.context.scope.peerModes, port.targetPort),
    protocol: isHttp(protocol) ? "http" : protocol === "auto" ? "sniff" : "tcp",
    cluster: { kind: "inbound", port: port.targetPort },
    service: port.service,
    name: { kind: "address", bind: where.bind, port: port.targetPort },
    ...(where.matchPort ? { destinationPort: port.targetPort } : {}),
  });
}

interface ChainPlan {
  readonly mode: PeerMode;
  readonly protocol: "http" | "tcp" | "sniff";
  readonly cluster: ir.ClusterRef;
  readonly service?: ServedPort;
  readonly name?: ir.ChainName;
  readonly destinationPort?: number;
}

function chainsOf(parts: ListenerParts, plan: ChainPlan): readonly ir.FilterChain[] {
  const { context } = parts;
  const port = plan.destinationPort === undefined ? {} : { destinationPort: plan.destinationPort };
  if (context.scope.agent) return waysIn(plan.protocol, plan.mode).map((way) => chainOf(parts, plan, way, port));
  if (plan.mode !== "strict") return waysIn(plan.protocol, "disable").map((way) => chainOf(parts, plan, way, port));
  context.findings.warn(
    proxyRef(context),
    "strict-without-identity",
    "mutual TLS is required here (STRICT), but this proxy has no agent and so no certificate; connections to its application are refused. Run an agent beside it, or set PERMISSIVE or DISABLE for it",
  );
  return [{ name: plan.name ?? { kind: "fixed", name: "virtualInbound" }, match: port, handler: refusingTcp(context) }];
}

function chainOf(
  parts: ListenerParts,
  plan: ChainPlan,
  way: ReturnType<typeof waysIn>[number],
  port: ir.ChainMatch,
): ir.FilterChain {
  const { service, cluster } = plan;
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
    match: { ...port, ...way.match },
    ...(way.tls === undefined ? {} : { tls: way.tls }),
    handler:
      way.handler === "tcp"
        ? inboundTcp(parts, cluster, tags)
        : inboundHttp(parts, {
            cluster,
            tags,
            port: service?.port ?? 0,
            host: service?.host ?? "",
            grpc: service?.protocol === "grpc",
            identified: way.tls !== undefined,
          }),
  };
}

/** Without capture: a socket on the workload's own address in front of the application's on 127.0.0.1. */
function boundListener(parts: ListenerParts, port: OwnPort): readonly ir.Listener[] {
  const { context } = parts;
  const { bind } = context.scope;
  if (bind === "127.0.0.1") {
    context.findings.warn(
      proxyRef(context),
      "no-inbound-address",
      `the application listens on 127.0.0.1:${port.targetPort}, which is also this proxy's address, so calls to it do not pass the proxy. Give the workload another address (INSTANCE_IPS)`,
    );
    return [];
  }
  const chains = portChains(parts, port, { bind, matchPort: false });
  return [
    {
      ref: { kind: "address", bind, port: port.targetPort },
      bind,
      port: port.targetPort,
      direction: "inbound",
      bindToPort: true,
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
