import type * as ir from "@lateen/ir";
import { byHostSpecificity, compareText, formatRef } from "@lateen/model";
import type { Context } from "../context.ts";
import { nameOfGateway } from "../index/gateways.ts";
import type { VirtualServiceRecord } from "../index/virtual-services.ts";
import { sameList } from "../index/ordering.ts";
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
  /** Of the server that has the host first: what its virtual host is called after. */
  readonly port: number;
  readonly rules: BoundRules[];
  requireTls: boolean;
}

/**
 * The hosts that VirtualServices bind to these servers. Several for one host are merged, oldest first; hosts of the same
 * rules are one virtual host, under the name of the first, as Istio has it.
 */
export function gatewayTable(context: Context, plan: GatewayTablePlan): ir.RouteTable {
  const hosts = new Map<string, HostPlan>();
  const ruleSets: RuleSets = new Map();
  for (const server of plan.servers) addServer(context, { ...plan, ruleSets }, server, hosts);
  const virtualHosts = withoutRepetition([...hosts].sort(([left], [right]) => byHostSpecificity(left, right))).map(
    (own) => virtualHost(context, plan, own),
  );
  if (virtualHosts.length === 0) {
    const port = plan.servers[0]?.server.port?.number ?? plan.port;
    virtualHosts.push({ kind: "black-hole", host: "*", port, domains: ["*"], routes: [] });
  }
  const gateways = plan.servers.map((server) => formatRef(server.gateway.origin));
  return {
    ref: plan.ref,
    virtualHosts,
    origins: [...new Set([...originsOf(virtualHosts), ...gateways])].sort(compareText),
  };
}

/** What a VirtualService does at servers that are the same to it, so that equal rules are the same object. */
type RuleSets = Map<string, Map<VirtualServiceRecord, BoundRules>>;

function addServer(
  context: Context,
  plan: GatewayTablePlan & { readonly ruleSets: RuleSets },
  server: PlacedServer,
  hosts: Map<string, HostPlan>,
): void {
  const name = nameOfGateway(server.gateway);
  const redirect = server.server.tls?.httpsRedirect === true && !plan.tls;
  const port = server.server.port?.number ?? plan.port;
  const hostPlan = (host: string): HostPlan => {
    const known = hosts.get(host) ?? { port, rules: [], requireTls: false };
    hosts.set(host, known);
    known.requireTls ||= redirect;
    return known;
  };
  if (redirect) for (const { host } of server.hosts) hostPlan(host);
  const site = { port, gateways: new Set([name]), tls: plan.tls };
  const key = `${name} ${port}`;
  const ruleSets = plan.ruleSets.get(key) ?? new Map<VirtualServiceRecord, BoundRules>();
  plan.ruleSets.set(key, ruleSets);
  for (const record of context.boundTo(name)) {
    if (record.object.spec.http.length === 0) continue;
    const served = servedHosts(server, record.hosts, record.object.meta.namespace);
    if (served.length === 0) continue;
    const bound = ruleSets.get(record) ?? { record, routes: compileHttpRules(context, record, site) };
    ruleSets.set(record, bound);
    for (const host of served) {
      const { rules } = hostPlan(host);
      if (!rules.some((rule) => rule.record === record)) rules.push(bound);
    }
  }
}

interface SharedHost extends HostPlan {
  readonly hosts: readonly [string, ...string[]];
}

/** Most specific host first. */
function withoutRepetition(plans: readonly (readonly [string, HostPlan])[]): readonly SharedHost[] {
  const found: (HostPlan & { readonly hosts: [string, ...string[]] })[] = [];
  const byFirstRule = new Map<BoundRules | undefined, typeof found>();
  for (const [host, plan] of plans) {
    const rules = plan.rules.filter((each) => !isOutdone(each, plan.rules));
    const alike = byFirstRule.get(rules[0]) ?? [];
    byFirstRule.set(rules[0], alike);
    const same = alike.find((other) => other.requireTls === plan.requireTls && sameList(other.rules, rules));
    if (same !== undefined) same.hosts.push(host);
    else {
      const own = { ...plan, rules, hosts: [host] as [string, ...string[]] };
      found.push(own);
      alike.push(own);
    }
  }
  return found;
}

function virtualHost(
  context: Context,
  plan: GatewayTablePlan,
  { hosts, port, rules, requireTls }: SharedHost,
): ir.VirtualHost {
  const [host] = hosts;
  for (const each of hosts)
    reportMerge(
      context,
      each,
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
    port,
    domains: hosts.map(hostForm),
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
