import type * as ir from "@lateen/ir";
import { byHostSpecificity, compareText, formatRef } from "@lateen/model";
import type { Context } from "../context.ts";
import { nameOfGateway } from "../index/gateways.ts";
import type { VirtualServiceRecord } from "../index/virtual-services.ts";
import { servedHosts } from "../listeners/gateway-servers.ts";
import type { PlacedServer } from "../listeners/gateway-servers.ts";
import { compileHttpRules } from "./http-rules.ts";
import { hostForm } from "./domains.ts";
import { matchesEverything } from "./match.ts";
import { originsOf } from "./virtual-hosts.ts";

export interface GatewayTablePlan {
  readonly ref: ir.RouteTableRef;
  readonly port: number;
  readonly servers: readonly PlacedServer[];
  readonly tls: boolean;
  readonly rateLimits: readonly ir.RateLimitRule[];
}

interface BoundRules {
  readonly record: VirtualServiceRecord;
  readonly routes: readonly ir.Route[];
}

interface HostPlan {
  readonly rules: BoundRules[];
  requireTls: boolean;
}

/** The hosts that VirtualServices bind to these servers. Several for one host are merged, oldest first. */
export function gatewayTable(context: Context, plan: GatewayTablePlan): ir.RouteTable {
  const hosts = new Map<string, HostPlan>();
  for (const server of plan.servers) addServer(context, plan, server, hosts);
  const virtualHosts = [...hosts]
    .sort(([left], [right]) => byHostSpecificity(left, right))
    .map(([host, own]) => virtualHost(context, plan, host, own));
  if (virtualHosts.length === 0) {
    virtualHosts.push({ kind: "black-hole", host: "*", port: plan.port, domains: ["*"], routes: [] });
  }
  const gateways = plan.servers.map((server) => formatRef(server.gateway.origin));
  return {
    ref: plan.ref,
    virtualHosts,
    origins: [...new Set([...originsOf(virtualHosts), ...gateways])].sort(compareText),
  };
}

function addServer(context: Context, plan: GatewayTablePlan, server: PlacedServer, hosts: Map<string, HostPlan>): void {
  const name = nameOfGateway(server.gateway);
  const redirect = server.server.tls?.httpsRedirect === true && !plan.tls;
  const hostPlan = (host: string): HostPlan => {
    const known = hosts.get(host) ?? { rules: [], requireTls: false };
    hosts.set(host, known);
    known.requireTls ||= redirect;
    return known;
  };
  if (redirect) for (const { host } of server.hosts) hostPlan(host);
  const site = { port: server.server.port?.number ?? plan.port, gateways: new Set([name]), tls: plan.tls };
  for (const record of context.boundTo(name)) {
    if (record.object.spec.http.length === 0) continue;
    const served = servedHosts(server, record.hosts, record.object.meta.namespace);
    if (served.length === 0) continue;
    const routes = compileHttpRules(context, record, site);
    for (const host of served) {
      const { rules } = hostPlan(host);
      if (!rules.some((rule) => rule.record === record)) rules.push({ record, routes });
    }
  }
}

function virtualHost(
  context: Context,
  plan: GatewayTablePlan,
  host: string,
  { rules: all, requireTls }: HostPlan,
): ir.VirtualHost {
  const rules = all.filter((each) => !isOutdone(each, all));
  reportMerge(
    context,
    host,
    rules.map((rule) => rule.record),
  );
  const routes = rules.flatMap((rule) => rule.routes);
  // A rule that matches everything would hide the rules of VirtualServices merged after it.
  const ordered = [
    ...routes.filter((route) => !matchesEverything(route.match)),
    ...routes.filter((route) => matchesEverything(route.match)),
  ];
  return {
    kind: "service",
    host,
    port: plan.port,
    domains: [hostForm(host)],
    routes: ordered,
    ...(requireTls ? { requireTls } : {}),
    ...(plan.rateLimits.length > 0 ? { rateLimits: plan.rateLimits } : {}),
  };
}

/** Of Ingresses only the one host that is nearest counts, whichever hosts a server has. */
function isOutdone({ record }: BoundRules, all: readonly BoundRules[]): boolean {
  if (record.ofIngress !== true) return false;
  const [host = ""] = record.hosts;
  return all.some((other) => other.record.ofIngress && byHostSpecificity(other.record.hosts[0] ?? "", host) < 0);
}

function reportMerge(context: Context, host: string, records: readonly VirtualServiceRecord[]): void {
  const [oldest, ...others] = records;
  if (oldest === undefined) return;
  for (const record of others) {
    context.findings.info(
      record.object.origin,
      "merged-virtual-services",
      `its routes for host "${host}" come after those of the older ${formatRef(oldest.object.origin)}, except that routes matching everything come last`,
      [oldest.object.origin],
    );
  }
}
