import type * as ir from "@lateen/ir";
import { isIp, isLoopback, parseCidr } from "@lateen/model";
import type { ObjectRef } from "@lateen/model";
import { withListenerLogs } from "../access-logs.ts";
import { sharesMachine, usableAddresses } from "../addressing.ts";
import { behind, proxyRef } from "../context.ts";
import type { Context } from "../context.ts";
import { inboundPorts } from "../inbound-ports.ts";
import type { RecordPort, ServiceRecord } from "../index/service-record.ts";
import { isHttp, protocolOf } from "../istio-names.ts";
import { unknownCluster } from "../outbound-policy.ts";
import type { EgressView } from "../view/caller-view.ts";
import { claim, distinct } from "./chain-matches.ts";
import { egressListener, httpProxyListener, sharesPort } from "./egress-listeners.ts";
import { deadEnd, outboundHttp, outboundTcp } from "./handlers.ts";
import type { ListenerParts } from "./handlers.ts";
import { inspectorsFor, plainHttpMatch } from "./inbound-chains.ts";
import { connectionChains } from "./service-connections.ts";

/** Ports that an agent has its Envoy listen on, for probes and for Prometheus; no other listener may have them. */
const reservedPorts: ReadonlySet<number> = new Set([15021, 15090]);

/** What is collected for the one listener that all addresses of a port share. */
interface SharedPort {
  http: boolean;
  readonly chains: ir.FilterChain[];
  readonly taken: Map<string, ObjectRef>;
  fallback?: { readonly chain: ir.FilterChain; readonly owner: ObjectRef };
}

interface Plan {
  readonly shared: Map<number, SharedPort>;
  readonly own: Map<string, { readonly listener: ir.Listener; readonly owner: ObjectRef }>;
  /** Ports that a Sidecar has an egress listener for: only what that one imports is behind them. */
  readonly taken: Set<number>;
}

/** The listeners for calls the application makes. */
export function outboundListeners(parts: ListenerParts): readonly ir.Listener[] {
  const { context } = parts;
  const plan: Plan = { shared: new Map(), own: new Map(), taken: new Set() };
  const bound =
    context.view.sidecar === undefined
      ? addEgress(parts, plan, {})
      : context.view.egress.flatMap((egress) =>
          addEgress({ ...parts, context: behind(context, egress) }, plan, egress),
        );
  const listeners = [
    ...bound,
    ...[...plan.shared].map(([port, shared]) => sharedListener(parts, port, shared)),
    ...ownListeners(context, plan),
    ...httpProxyListener(parts),
  ].map((listener) => withListenerLogs(context, "outbound", listener));
  const balanced = context.scope.wishes?.balanceOutbound
    ? listeners.map((listener) => ({ ...listener, exactBalance: true as const }))
    : listeners;
  if (context.scope.interception === "none") return withoutCollisions(parts, balanced);
  return [virtualOutbound(parts), ...balanced];
}

/** Without capture a port may be taken by the one for all HTTP hosts. */
function ownListeners(context: Context, { own, shared }: Plan): readonly ir.Listener[] {
  return [...own.values()].flatMap(({ listener, owner }) => {
    const { bind, port } = listener;
    if (context.scope.interception !== "none" || bind !== localBind(context) || !shared.has(port)) return [listener];
    context.findings.warn(
      owner,
      "conflicting-address",
      `without traffic capture its port ${port} would be ${bind}:${port}, which HTTP services on that port have; it gets no listener`,
    );
    return [];
  });
}

/** What captured calls need goes into the plan; a listener that applications talk to themselves is the result. */
function addEgress(
  parts: ListenerParts,
  plan: Plan,
  { listener }: Pick<EgressView, "listener">,
): readonly ir.Listener[] {
  const services = parts.context.listed; // under the addresses this proxy meets them at
  const port = listener?.port;
  if (listener === undefined || port === undefined) {
    for (const service of services.all)
      for (const own of service.ports) if (!plan.taken.has(own.number)) addPort(parts, plan, service, own);
    return [];
  }
  if (!sharesPort(parts.context, listener)) return egressListener(parts, listener);
  plan.taken.add(port.number);
  const protocol = protocolOf(port.protocol);
  for (const service of services.all)
    for (const own of service.ports) addPort(parts, plan, service, { ...own, protocol });
  return [];
}

function addPort(parts: ListenerParts, plan: Plan, service: ServiceRecord, port: RecordPort): void {
  const { context } = parts;
  if (isHttp(port.protocol)) {
    const here = shared(parts, plan, { service, port });
    if (here !== undefined) here.http = true;
  } else if (context.scope.interception !== "none") addCaptured(parts, plan, service, port);
  else addBound(parts, plan, service, port);
}

/** Without capture only an agent's Envoy has listeners of its own. */
function isReserved({ scope, settings }: Context, port: number): boolean {
  if (scope.interception === "none") return scope.agent && reservedPorts.has(port);
  return port === settings.outboundPort || port === settings.inboundPort || reservedPorts.has(port);
}

/** All addresses of the port, unless the proxy itself listens there. */
function shared({ context }: ListenerParts, plan: Plan, { service, port }: Served): SharedPort | undefined {
  const { number } = port;
  if (isReserved(context, number)) {
    context.findings.warn(
      service.origin,
      "reserved-port",
      `port ${number} of "${service.host}" is one of the proxy's own; calls to it do not pass through a listener`,
    );
    return undefined;
  }
  const here = plan.shared.get(number) ?? { http: false, chains: [], taken: new Map<string, ObjectRef>() };
  plan.shared.set(number, here);
  return here;
}

interface Served {
  readonly service: ServiceRecord;
  readonly port: RecordPort;
}

/** TCP, TLS and undeclared ports: by virtual address where there is one, else by range, server name or endpoint. */
function addCaptured(parts: ListenerParts, plan: Plan, service: ServiceRecord, port: RecordPort): void {
  const addresses = service.headless ? endpointAddresses(parts, service) : service.addresses.filter(isIp);
  for (const [address = "", ...others] of placesOf(service, addresses))
    addOwn(parts, plan, { service, port, address, others });
  const ranges = service.addresses.filter((address) => !isIp(address)).flatMap((address) => parseCidr(address) ?? []);
  if (service.headless || (addresses.length > 0 && ranges.length === 0)) return;
  const here = shared(parts, plan, { service, port });
  if (here === undefined) return;
  const undeclared = port.protocol === "auto";
  if (undeclared) here.http = true;
  const { chains, rest } = connectionChains(parts, { service, port, ranges, byName: true });
  for (const chain of chains) addChain(parts, here, service, chain);
  if (rest !== undefined && !(undeclared && rest.rule === undefined)) addFallback(parts, here, { service, port, rest });
}

/** One listener for each list of addresses: a dual-stack service has one, under all of its addresses. */
function placesOf({ dualStack }: ServiceRecord, addresses: readonly string[]): readonly (readonly string[])[] {
  return dualStack === true && addresses.length > 0 ? [addresses] : addresses.map((address) => [address]);
}

function addChain(parts: ListenerParts, here: SharedPort, service: ServiceRecord, chain: ir.FilterChain): void {
  const { match, lost } = claim(chain.match, here.taken, service.origin);
  if (match !== undefined) here.chains.push({ ...chain, match });
  for (const { what, owner } of lost) {
    parts.context.findings.warn(
      service.origin,
      "conflicting-address",
      `"${service.host}" cannot be told from another service with the same addresses and port; the other one gets ${what}`,
      [owner],
    );
  }
}

function endpointAddresses({ context }: ListenerParts, service: ServiceRecord): readonly string[] {
  const { scope, settings } = context;
  // Also of those that are not ready: a listener that goes away takes its connections with it.
  const addresses = (context.endpointsOf(service)?.records ?? []).flatMap((record) => {
    const usable = usableAddresses(record.addresses, scope);
    return settings.dualStack ? usable : usable.slice(0, 1);
  });
  return [...new Set(addresses)].filter(isIp);
}

/** Without capture a client has to address the listener itself: only loopback addresses can be bound for others. */
function addBound(parts: ListenerParts, plan: Plan, service: ServiceRecord, port: RecordPort): void {
  if (!sharesMachine(parts.context.scope)) {
    addOwn(parts, plan, { service, port, address: localBind(parts.context), others: [] });
    return;
  }
  const loopback = service.addresses.filter((address) => isIp(address) && isLoopback(address));
  for (const [address = "", ...others] of placesOf(service, loopback))
    addOwn(parts, plan, { service, port, address, others });
  if (port.protocol === "auto") {
    const here = shared(parts, plan, { service, port });
    if (here !== undefined) here.http = true;
  } else if (loopback.length === 0) {
    parts.context.findings.info(
      service.origin,
      "not-reachable-without-capture",
      `port ${port.number} (${port.protocol}) of "${service.host}" gets no listener in proxies without traffic capture (INTERCEPTION_MODE NONE), as it has no loopback address to bind`,
    );
  }
}

/** Where an application reaches the proxy without traffic capture. */
function localBind({ scope }: Context): string {
  if (scope.interception !== "none" || sharesMachine(scope)) return scope.bind;
  return scope.families === "v6" ? "::1" : "127.0.0.1";
}

interface Place extends Served {
  readonly address: string;
  /** Of the other address family. */
  readonly others: readonly string[];
}

function addOwn(parts: ListenerParts, plan: Plan, place: Place): void {
  const { service, port, address } = place;
  const key = `${address} ${port.number}`;
  const rival = plan.own.get(key);
  if (rival !== undefined) {
    parts.context.findings.warn(
      service.origin,
      "conflicting-address",
      `"${service.host}" has the address ${address}:${port.number}, which another service has too; the other one gets the traffic`,
      [rival.owner],
    );
    return;
  }
  plan.own.set(key, { listener: ownListener(parts, place), owner: service.origin });
}

function ownListener(parts: ListenerParts, { service, port, address, others }: Place): ir.Listener {
  const { context } = parts;
  const to = connectionChains(parts, { service, port, ranges: [], byName: false });
  const ruled = distinct(to.chains);
  const http: ir.FilterChain = {
    name: { kind: "none" },
    match: plainHttpMatch(context),
    handler: outboundHttp(parts, { kind: "service", host: service.host, port: port.number }),
  };
  const chains = port.protocol === "auto" ? [http, ...ruled] : ruled;
  const rest = to.rest ?? passthroughChain(parts, { kind: "fixed", name: "PassthroughFilterChain" });
  const inspectors = inspectorsFor(chains);
  return {
    ref: { kind: "address", bind: address, port: port.number },
    bind: address,
    ...(others.length === 0 ? {} : { alsoBind: others }),
    port: port.number,
    direction: "outbound",
    bindToPort: context.scope.interception === "none",
    inspectors,
    ...(inspectors.length === 0 ? {} : { inspectionTimeoutMs: context.settings.protocolDetectionTimeoutMs }),
    ...(chains.length === 0 ? { chains: [rest] } : { chains, fallback: rest }),
    origins: rulesBehind([...chains, rest]),
  };
}

/** What a rejection may be about, besides the services. */
function rulesBehind(chains: readonly ir.FilterChain[]): readonly string[] {
  return [...new Set(chains.flatMap((chain) => chain.rule ?? []))].sort();
}

interface Rest extends Served {
  readonly rest: ir.FilterChain;
}

function addFallback(parts: ListenerParts, here: SharedPort, { service, port, rest }: Rest): void {
  if (here.fallback === undefined) here.fallback = { owner: service.origin, chain: rest };
  else {
    parts.context.findings.warn(
      service.origin,
      "conflicting-address",
      `port ${port.number} (${port.protocol}) of "${service.host}" has no address to tell it from another service's; the other one gets the traffic. Set addresses`,
      [here.fallback.owner],
    );
  }
}

/** A proxy of both families takes captured connections of both. */
export function alsoWildcard({ scope, settings }: Context): Pick<ir.Listener, "alsoBind"> {
  const both = settings.dualStack && scope.families === "dual" && scope.interception !== "none";
  return both ? { alsoBind: ["::"] } : {};
}

function sharedListener(parts: ListenerParts, port: number, { http, chains, fallback }: SharedPort): ir.Listener {
  const { context } = parts;
  const { interception } = context.scope;
  const bind = localBind(context);
  const handler = outboundHttp(parts, { kind: "port", port });
  const base = {
    ref: { kind: "address", bind, port },
    bind,
    ...alsoWildcard(context),
    port,
    direction: "outbound",
    bindToPort: interception === "none",
    origins: [],
  } as const;
  // Without capture only HTTP arrives here, so there is nothing to tell apart.
  if (interception === "none")
    return { ...base, inspectors: [], chains: [{ name: { kind: "none" }, match: {}, handler }] };
  const httpChain: ir.FilterChain = { name: { kind: "none" }, match: plainHttpMatch(context), handler };
  const all = [...(http ? [httpChain] : []), ...chains];
  const rest = fallback?.chain ?? passthroughChain(parts, { kind: "fixed", name: "PassthroughFilterChain" });
  const inspectors = inspectorsFor(all);
  return {
    ...base,
    origins: rulesBehind([...all, rest]),
    // Inspectors wait for the client's first bytes, and some servers speak first.
    inspectors,
    ...(inspectors.length === 0 ? {} : { inspectionTimeoutMs: context.settings.protocolDetectionTimeoutMs }),
    ...(all.length === 0 ? { chains: [rest] } : { chains: all, fallback: rest }),
  };
}

function passthroughChain(parts: ListenerParts, name: ir.ChainName): ir.FilterChain {
  return { name, match: {}, handler: outboundTcp(parts, unknownCluster(parts.context)) };
}

/** Gets every captured connection and hands it to the listener of its destination; what has none ends here. */
function virtualOutbound(parts: ListenerParts): ir.Listener {
  const { settings } = parts.context;
  return {
    ref: { kind: "virtual-outbound" },
    bind: parts.context.scope.bind,
    ...alsoWildcard(parts.context),
    port: settings.outboundPort,
    direction: "outbound",
    bindToPort: true,
    useOriginalDestination: true,
    ...(parts.context.scope.interception === "tproxy" ? { transparent: true } : {}),
    inspectors: [],
    chains: [
      {
        name: { kind: "fixed", name: "virtualOutbound-blackhole" },
        match: { destinationPort: settings.outboundPort },
        handler: deadEnd,
      },
      passthroughChain(parts, { kind: "fixed", name: "virtualOutbound-catchall-tcp" }),
    ],
    origins: [],
  };
}

/** A socket serves one purpose: the application's own ports come first. */
function withoutCollisions({ context }: ListenerParts, listeners: readonly ir.Listener[]): readonly ir.Listener[] {
  const own = new Set(inboundPorts(context).map((port) => `${port.bind} ${port.number}`));
  return listeners.filter((listener) => {
    const collides = own.has(`${listener.bind} ${listener.port}`);
    if (collides) {
      context.findings.warn(
        proxyRef(context),
        "port-taken",
        `${listener.bind}:${listener.port} is the application's own port, so calls it makes to services on port ${listener.port} do not pass the proxy. Use another target port`,
      );
    }
    return !collides;
  });
}
