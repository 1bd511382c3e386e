import type * as ir from "@lateen/ir";
import { formatRef } from "@lateen/model";
import { accessLogsFor } from "../access-logs.ts";
import type { Context } from "../context.ts";
import { gatewayTable } from "../routes/gateway-tables.ts";
import { rateLimitsFor } from "../rate-limits.ts";
import { serverGroups, tableRef } from "./gateway-servers.ts";
import type { PlacedServer, ServerGroup } from "./gateway-servers.ts";
import { gatewayTls } from "./gateway-tls.ts";
import { routeFilters } from "./handlers.ts";
import type { ListenerParts } from "./handlers.ts";
import { inspectorsFor } from "./inbound-chains.ts";

export interface GatewayOutput {
  readonly listeners: readonly ir.Listener[];
  readonly routeTables: readonly ir.RouteTable[];
}

/** A listener for each socket that the proxy's Gateways ask for, and the route tables behind it. */
export function gatewayOutput(parts: ListenerParts): GatewayOutput {
  const listeners: ir.Listener[] = [];
  const routeTables: ir.RouteTable[] = [];
  for (const group of serverGroups(parts.context)) {
    const chains = group.secure
      ? group.servers.flatMap((server) => secureChain(parts, group, server))
      : [plainChain(parts, group)];
    if (chains.length === 0) continue;
    listeners.push(
      listenerOf(
        parts.context,
        group,
        chains.map((chain) => chain.chain),
      ),
    );
    routeTables.push(...chains.map((chain) => chain.table));
  }
  return { listeners, routeTables };
}

interface Chain {
  readonly chain: ir.FilterChain;
  readonly table: ir.RouteTable;
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
    chain: { name: { kind: "none" }, match: {}, handler: gatewayHttp(parts, table.ref, limits.filters) },
  };
}

function secureChain(parts: ListenerParts, group: ServerGroup, server: PlacedServer): readonly Chain[] {
  const tls = gatewayTls(parts.context, server);
  if (tls === undefined) return [];
  const limits = rateLimitsFor(parts.context, tls.mode === "workload-identity");
  const table = gatewayTable(parts.context, {
    ref: tableRef(group, server),
    port: group.port,
    servers: [server],
    tls: true,
    rateLimits: limits.rules,
  });
  const names = server.hosts.map((host) => host.host);
  const serverNames = names.includes("*") ? {} : { serverNames: [...names].sort() };
  return [
    {
      table,
      chain: {
        name: { kind: "none" },
        match: serverNames,
        tls,
        handler: gatewayHttp(parts, table.ref, limits.filters),
      },
    },
  ];
}

function gatewayHttp(
  { context, httpAuthorization }: ListenerParts,
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
    forwardPeer: true,
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

function listenerOf(
  context: Context,
  { bind, port, servers }: ServerGroup,
  chains: readonly ir.FilterChain[],
): ir.Listener {
  return {
    ref: { kind: "address", bind, port },
    bind,
    port,
    direction: "outbound",
    bindToPort: true,
    inspectors: inspectorsFor(chains),
    ...(chains.some((chain) => chain.tls !== undefined)
      ? { inspectionTimeoutMs: context.settings.protocolDetectionTimeoutMs }
      : {}),
    chains,
    origins: [...new Set(servers.map((server) => formatRef(server.gateway.origin)))].sort(),
  };
}
