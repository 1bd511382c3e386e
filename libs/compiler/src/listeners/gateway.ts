import type * as ir from "@lateen/ir";
import { formatRef } from "@lateen/model";
import { accessLogsFor, withListenerLogs } from "../access-logs.ts";
import type { Context } from "../context.ts";
import { gatewayTable } from "../routes/gateway-tables.ts";
import { requestLookups } from "../lookups.ts";
import { rateLimitsFor } from "../rate-limits.ts";
import { claim } from "./chain-matches.ts";
import { autoPassthroughChains, passthroughChains, tcpChains } from "./gateway-connections.ts";
import { describe, serverNameMatch, tableRef } from "./gateway-servers.ts";
import type { PlacedServer, ServerGroup } from "./gateway-servers.ts";
import { gatewayTls } from "./gateway-tls.ts";
import { routeFilters } from "./handlers.ts";
import type { ListenerParts } from "./handlers.ts";
import { httpConnection } from "../proxy-wishes.ts";
import { inspectorsFor } from "./inbound-chains.ts";

/** As Istio's: a client that stalls in the handshake costs memory. */
const handshakeTimeoutMs = 15_000;

export interface GatewayOutput {
  readonly listeners: readonly ir.Listener[];
  readonly routeTables: readonly ir.RouteTable[];
}

/** A listener for each socket that the proxy's Gateways ask for, and the route tables behind it. */
export function gatewayOutput(parts: ListenerParts, groups: readonly ServerGroup[]): GatewayOutput {
  const listeners: ir.Listener[] = [];
  const tables = new Map<string, ir.RouteTable>();
  for (const group of groups) {
    const chains = withDistinctMatches(parts.context, chainsOf(parts, group));
    if (chains.length === 0) continue;
    const listener = listenerOf(
      parts.context,
      { ...group, servers: [...group.servers, ...(group.plain?.servers ?? [])] },
      chains.map((chain) => chain.chain),
    );
    listeners.push(withListenerLogs(parts.context, "gateway", listener));
    // A server on two ports of the proxy has one table for both.
    for (const { table } of chains) if (table !== undefined) tables.set(JSON.stringify(table.ref), table);
  }
  return { listeners, routeTables: [...tables.values()] };
}

interface Chain {
  readonly chain: ir.FilterChain;
  readonly server: PlacedServer | undefined;
  readonly table?: ir.RouteTable;
}

function chainsOf(parts: ListenerParts, group: ServerGroup): readonly Chain[] {
  const chains =
    group.sharing === "http"
      ? [plainChain(parts, group)]
      : group.servers.flatMap((server) => serverChains(parts, group, server));
  return group.plain === undefined ? chains : [...chains, ...chainsOf(parts, group.plain)];
}

function serverChains(parts: ListenerParts, group: ServerGroup, server: PlacedServer): readonly Chain[] {
  const asBytes = (chains: readonly ir.FilterChain[]): readonly Chain[] => chains.map((chain) => ({ chain, server }));
  switch (server.kind) {
    case "passthrough":
      return asBytes(passthroughChains(parts, server));
    case "auto-passthrough":
      return asBytes(autoPassthroughChains(parts, server));
    case "tcp":
      return asBytes(tcpChains(parts, server));
    default:
      return terminatedChains(parts, group, server);
  }
}

function terminatedChains(parts: ListenerParts, group: ServerGroup, server: PlacedServer): readonly Chain[] {
  const tls = gatewayTls(parts.context, server);
  if (tls === undefined) return [];
  const secured = (chain: ir.FilterChain): ir.FilterChain => ({ ...chain, tls, handshakeTimeoutMs });
  if (server.kind === "tls") return tcpChains(parts, server, tls).map((chain) => ({ server, chain: secured(chain) }));
  const { table, chain } = secureChain(parts, group, { server, identified: tls.mode === "workload-identity" });
  return [{ server, table, chain: secured(chain) }];
}

/** Servers were told apart by their hosts; the server names that rules ask for may meet all the same. */
function withDistinctMatches(context: Context, chains: readonly Chain[]): readonly Chain[] {
  const taken = new Map<string, PlacedServer | null>();
  return chains.flatMap((entry) => {
    const { match, lost } = claim(entry.chain.match, taken, entry.server ?? null);
    for (const { what, owner } of lost) reportTaken(context, entry, what, owner ?? undefined);
    return match === undefined ? [] : [{ ...entry, chain: { ...entry.chain, match } }];
  });
}

function reportTaken(context: Context, { chain, server }: Chain, what: string, rival: PlacedServer | undefined): void {
  if (server === undefined) return;
  const by = chain.rule === undefined ? "" : `, by ${chain.rule},`;
  context.findings.warn(
    server.gateway.origin,
    "conflicting-server-names",
    `${server.path} wants ${what}${by} on ${server.bind}:${server.port}, which ${describe(rival)} has; it does not get it`,
    rival === undefined ? [] : [rival.gateway.origin],
  );
}

function plainChain(parts: ListenerParts, group: ServerGroup): Chain {
  const limits = rateLimitsFor(parts.context, false);
  const table = gatewayTable(parts.context, {
    ref: tableRef(group),
    port: group.port,
    servers: group.servers,
    tls: false,
    rateLimits: limits.rules,
  });
  return {
    table,
    server: group.servers[0],
    chain: { name: { kind: "none" }, match: {}, handler: gatewayHttp(parts, table.ref, limits.filters) },
  };
}

function secureChain(
  parts: ListenerParts,
  group: ServerGroup,
  { server, identified }: { readonly server: PlacedServer; readonly identified: boolean },
): { readonly chain: ir.FilterChain; readonly table: ir.RouteTable } {
  const limits = rateLimitsFor(parts.context, identified);
  const table = gatewayTable(parts.context, {
    ref: tableRef(group, server),
    port: group.port,
    servers: [server],
    tls: true,
    rateLimits: limits.rules,
  });
  const match = serverNameMatch(server.hosts.map((host) => host.host));
  const statName = server.server.name === "" ? {} : { statName: server.server.name };
  const handler = { ...gatewayHttp(parts, table.ref, limits.filters), ...statName };
  return { table, chain: { name: { kind: "none" }, match, handler } };
}

function gatewayHttp(
  { context, httpAuthorization, tracing }: ListenerParts,
  ref: ir.RouteTableRef,
  rateLimiting: readonly ir.RateLimiting[],
): ir.HttpHandler {
  return {
    kind: "http",
    role: "gateway",
    routes: httpAuthorization.refuse ? { from: "inline", table: refusing(ref) } : { from: "discovery", ref },
    externalAuthorization: httpAuthorization.external,
    authorization: httpAuthorization.steps,
    rateLimiting,
    routeFilters: routeFilters(context, true),
    accessLogs: accessLogsFor(context, "gateway", {}, true),
    ...tracing.client,
    forwardPeer: true,
    ...requestLookups(context, ref),
    ...httpConnection(context, "gateway"),
  };
}

function refusing(ref: ir.RouteTableRef): ir.RouteTable {
  return {
    ref,
    origins: [],
    virtualHosts: [
      {
        kind: "block-all",
        host: "*",
        port: 0,
        domains: ["*"],
        routes: [
          {
            name: "refused",
            match: { path: { kind: "prefix", value: "/" } },
            operation: "",
            action: { kind: "respond", status: 403 },
          },
        ],
      },
    ],
  };
}

/** A gateway of both address families listens on both, unless its servers name an address. */
function alsoBind({ settings, scope }: Context, [server]: readonly PlacedServer[]): Pick<ir.Listener, "alsoBind"> {
  return settings.dualStack && scope.families === "dual" && server?.server.bind === "" ? { alsoBind: ["::"] } : {};
}

function listenerOf(
  context: Context,
  { bind, port, servers }: ServerGroup,
  chains: readonly ir.FilterChain[],
): ir.Listener {
  const proxyProtocol = context.scope.wishes?.headers?.proxyProtocol === true;
  // Policies and logs have the server name from the inspector, even where no chain asks for one.
  const ended = chains.some((chain) => chain.tls !== undefined);
  const inspectors = [...new Set([...(ended ? ["tls" as const] : []), ...inspectorsFor(chains)])];
  return {
    ref: { kind: "address", bind, port },
    bind,
    port,
    ...alsoBind(context, servers),
    direction: "outbound",
    bindToPort: true,
    // What the connection is for comes after who it is from.
    inspectors: [...(proxyProtocol ? ["proxy-protocol" as const] : []), ...inspectors],
    ...(proxyProtocol || inspectors.length > 0
      ? { inspectionTimeoutMs: context.settings.protocolDetectionTimeoutMs }
      : {}),
    chains,
    origins: [
      ...new Set([
        ...servers.map((server) => formatRef(server.gateway.origin)),
        ...chains.flatMap((chain) => (chain.rule === undefined ? [] : [chain.rule])),
      ]),
    ].sort(),
  };
}
