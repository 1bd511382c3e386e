import type * as ir from "@lateen/ir";
import type { Context } from "../context.ts";
import type { RecordPort, ServiceRecord } from "../index/service-record.ts";
import { captureModes, isHttp, isTlsPassthrough, protocolOf } from "../istio-names.ts";
import type { EgressListener } from "../istio.ts";
import { unknownCluster } from "../outbound-policy.ts";
import { isHttpProxy } from "../view/egress.ts";
import { distinct } from "./chain-matches.ts";
import { outboundHttp, outboundTcp } from "./handlers.ts";
import type { ListenerParts } from "./handlers.ts";
import { inspectorsFor } from "./inbound-chains.ts";
import { connectionChains } from "./service-connections.ts";

/** Whether a Sidecar's egress listener is one more view of a captured port, not a socket of its own. */
export function sharesPort({ scope }: Context, { bind, captureMode }: EgressListener): boolean {
  return bind === "" && scope.interception !== "none" && captureModes[captureMode] !== "none";
}

/** A listener at an address, port or Unix socket that a Sidecar names. */
export function egressListener(parts: ListenerParts, listener: EgressListener): readonly ir.Listener[] {
  const { scope } = parts.context;
  const number = listener.port?.number ?? 0;
  const bind = listener.bind || loopback;
  const captured = scope.interception !== "none" && captureModes[listener.captureMode] !== "none";
  const base = {
    ref: { kind: "address", bind, port: number },
    bind,
    port: number,
    direction: "outbound",
    bindToPort: !captured || bind.startsWith("unix:"),
    origins: [],
  } as const;
  const written = listener.port?.protocol ?? "";
  const protocol = protocolOf(written);
  if (isHttp(protocol) || isHttpProxy(written)) {
    const handler = outboundHttp(parts, egressTable(listener));
    return [{ ...base, inspectors: [], chains: [{ name: { kind: "none" }, match: {}, handler }] }];
  }
  return connections(parts, listener, isTlsPassthrough(protocol)).map((chains) => ({ ...base, ...chains }));
}

const loopback = "127.0.0.1";

/** The routes behind an HTTP listener of a Sidecar. */
export function egressTable({ port, bind }: EgressListener): ir.RouteTableRef {
  return port === undefined || port.number === 0 ? { kind: "socket", path: bind } : { kind: "port", port: port.number };
}

type Chains = Pick<ir.Listener, "inspectors" | "inspectionTimeoutMs" | "chains" | "fallback">;

/** To the one service, or by the server name clients ask for where they speak TLS; plain connections go to the first. */
function connections(parts: ListenerParts, listener: EgressListener, tls: boolean): readonly Chains[] {
  const { context } = parts;
  const targets = context.listed.all.flatMap((service) => service.ports.slice(0, 1).map((port) => ({ service, port })));
  const [first, ...others] = targets;
  if (first === undefined) return [];
  if (!tls) tellOfOthers(context, listener, first, others);
  const at = { port: listener.port?.number ?? 0, protocol: protocolOf(listener.port?.protocol ?? "") };
  const found = (tls ? targets : [first]).map((target) =>
    connectionChains(parts, { ...target, at, ranges: [], byName: tls && others.length > 0 }),
  );
  const chains = distinct(found.flatMap((one) => one.chains));
  const unknown: ir.FilterChain = {
    name: { kind: "none" },
    match: {},
    handler: outboundTcp(parts, unknownCluster(context)),
  };
  const rest = found.find((one) => one.rest !== undefined)?.rest ?? unknown;
  const inspectors = inspectorsFor(chains);
  return [
    {
      inspectors,
      ...(inspectors.length === 0 ? {} : { inspectionTimeoutMs: context.settings.protocolDetectionTimeoutMs }),
      ...(chains.length === 0 ? { chains: [rest] } : { chains, fallback: rest }),
    },
  ];
}

interface Target {
  readonly service: ServiceRecord;
  readonly port: RecordPort;
}

function tellOfOthers(context: Context, { port }: EgressListener, first: Target, others: readonly Target[]): void {
  const { sidecar } = context.view;
  for (const { service } of sidecar === undefined ? [] : others) {
    context.findings.warn(
      sidecar?.origin ?? service.origin,
      "conflicting-address",
      `its egress listener for port ${port?.number ?? 0} imports several services, which plain ${port?.protocol ?? ""} connections cannot be told apart for: "${first.service.host}" gets them, "${service.host}" none. Give each a listener`,
    );
  }
}

/** Where applications send requests for any host, as to an HTTP proxy. */
export function httpProxyListener(parts: ListenerParts): readonly ir.Listener[] {
  const { scope, settings } = parts.context;
  const port = scope.wishes?.httpProxyPort ?? settings.httpProxyPort;
  if (port === 0) return [];
  return [
    {
      ref: { kind: "address", bind: loopback, port },
      bind: loopback,
      port,
      direction: "outbound",
      bindToPort: true,
      inspectors: [],
      chains: [{ name: { kind: "none" }, match: {}, handler: outboundHttp(parts, { kind: "http-proxy" }) }],
      origins: [],
    },
  ];
}
