import type * as ir from "@lateen/ir";
import { formatRef, hostCovers } from "@lateen/model";
import { sniClusters } from "../clusters/outbound.ts";
import type { Context } from "../context.ts";
import type { ServiceRecord } from "../index/service-record.ts";
import type { VirtualServiceRecord } from "../index/virtual-services.ts";
import { protocolOf } from "../istio-names.ts";
import type { TcpRule } from "../istio.ts";
import { appliesAt, planTo, ruledPlan } from "../routes/connection-rules.ts";
import type { ConnectionSite } from "../routes/connection-rules.ts";
import { servedHosts, serverNameMatch } from "./gateway-servers.ts";
import type { PlacedServer, ServerGroup } from "./gateway-servers.ts";
import { gatewayConnections } from "./handlers.ts";
import type { ListenerParts } from "./handlers.ts";
import { meshAlpn } from "./inbound-chains.ts";

/** Bytes of a TCP server, or of TLS that ends here (`tls`): the first `tcp` rule that applies has all of them. */
export function tcpChains(
  parts: ListenerParts,
  server: PlacedServer,
  tls?: ir.DownstreamTls,
): readonly ir.FilterChain[] {
  const { context } = parts;
  const [first, ...others] = tcpRules(context, server);
  if (first === undefined) {
    reportUnrouted(context, server, "tcp");
    return [];
  }
  for (const { record } of others) reportShadowed(context, server, record, first.record);
  const site: ConnectionSite = { ...siteOf(server), ...(tls === undefined ? {} : { terminated: true }) };
  const plan = ruledPlan(context, first.record, first.rule.route, site);
  const match = tls === undefined ? {} : serverNameMatch(server.hosts.map((host) => host.host));
  return [chainOf(gatewayConnections(parts, plan, true), match, plan.rule)];
}

function chainOf(handler: ir.TcpHandler, match: ir.ChainMatch, rule: string | undefined): ir.FilterChain {
  return { name: { kind: "none" }, match, handler, ...(rule === undefined ? {} : { rule }) };
}

function siteOf({ server, gateway }: PlacedServer): ConnectionSite {
  return {
    port: server.port?.number ?? 0,
    protocol: protocolOf(server.port?.protocol ?? ""),
    gateways: new Set([`${gateway.meta.namespace}/${gateway.meta.name}`]),
  };
}

/** VirtualServices bound to the server's Gateway that have one of its hosts, oldest first. */
function boundRules(context: Context, server: PlacedServer): readonly VirtualServiceRecord[] {
  const { meta } = server.gateway;
  return context
    .boundTo(`${meta.namespace}/${meta.name}`)
    .filter((record) => servedHosts(server, record.hosts, record.object.meta.namespace).length > 0);
}

function tcpRules(
  context: Context,
  server: PlacedServer,
): readonly { readonly record: VirtualServiceRecord; readonly rule: TcpRule }[] {
  const site = siteOf(server);
  return boundRules(context, server).flatMap((record) => {
    const rule = record.object.spec.tcp.find(
      ({ match }) => match.length === 0 || match.some((each) => appliesAt(context, record, each, site)),
    );
    if (rule === undefined) return [];
    if (rule.match.some((match) => match.destinationSubnets.length > 0)) reportSubnets(context, record);
    return [{ record, rule }];
  });
}

/** A chain for each match of `tls` rules, by the server names it and the server have in common. */
export function passthroughChains(parts: ListenerParts, server: PlacedServer): readonly ir.FilterChain[] {
  const { context } = parts;
  const site = siteOf(server);
  const chains = boundRules(context, server).flatMap((record) =>
    record.object.spec.tls.flatMap((rule) =>
      rule.match.flatMap((match) => {
        if (!appliesAt(context, record, match, site)) return [];
        if (match.destinationSubnets.length > 0) reportSubnets(context, record);
        const wanted = match.sniHosts.map((host) => host.toLowerCase());
        const names = servedHosts(server, wanted, record.object.meta.namespace);
        if (names.length === 0) return [];
        const plan = ruledPlan(context, record, rule.route, site);
        return [chainOf(gatewayConnections(parts, plan, true), serverNameMatch(names), plan.rule)];
      }),
    ),
  );
  if (chains.length === 0) reportUnrouted(context, server, "tls");
  return chains;
}

/** Services of the mesh that AUTO_PASSTHROUGH servers reach. */
export function autoPassthroughClusters(context: Context, groups: readonly ServerGroup[]): readonly ir.Cluster[] {
  const servers = groups.flatMap((group) => group.servers.filter((server) => server.kind === "auto-passthrough"));
  if (servers.length === 0) return [];
  return sniClusters(context, (service) => servers.some((server) => reaches(server, service)));
}

function reaches(server: PlacedServer, service: ServiceRecord): boolean {
  if (service.external) return false;
  return server.hosts.some(
    ({ host, namespace }) => (namespace === "*" || namespace === service.namespace) && hostCovers(host, service.host),
  );
}

/**
 * A chain for each cluster, by its name as server name. Only the ALPNs of the mesh's mutual TLS are let in: the
 * endpoints' own sidecars ask for client certificates on them, so nobody gets past this gateway without one.
 * https://github.com/istio/istio/blob/master/pilot/pkg/networking/core/gateway.go
 */
export function autoPassthroughChains(parts: ListenerParts, server: PlacedServer): readonly ir.FilterChain[] {
  const { context } = parts;
  return [...context.clusters.values()].flatMap(({ ref }) => {
    const service = ref.kind === "sni" ? context.services.byHost.get(ref.host) : undefined;
    if (ref.kind !== "sni" || service === undefined || !reaches(server, service)) return [];
    const plan = planTo(context, ref, "tls");
    const match: ir.ChainMatch = { serverNames: [ref], applicationProtocols: meshAlpn };
    return [chainOf(gatewayConnections(parts, plan, false), match, undefined)];
  });
}

function reportUnrouted(context: Context, { gateway, path, server }: PlacedServer, kind: "tcp" | "tls"): void {
  context.findings.info(
    gateway.origin,
    "server-without-routes",
    `${path} (port ${server.port?.number ?? 0}) serves nothing yet: no VirtualService with ${kind} routes that apply is bound to this Gateway for its hosts`,
  );
}

function reportShadowed(
  context: Context,
  { gateway, path }: PlacedServer,
  record: VirtualServiceRecord,
  winner: VirtualServiceRecord,
): void {
  context.findings.warn(
    record.object.origin,
    "shadowed-virtual-service",
    `its tcp routes do not apply at ${formatRef(gateway.origin)} ${path}: ${formatRef(winner.object.origin)} is older and gets all connections there`,
    [winner.object.origin, gateway.origin],
  );
}

function reportSubnets(context: Context, record: VirtualServiceRecord): void {
  context.findings.info(
    record.object.origin,
    "subnets-at-gateway",
    "destinationSubnets are not looked at in gateways, whose clients connect to the gateway itself; they count in sidecars",
  );
}
