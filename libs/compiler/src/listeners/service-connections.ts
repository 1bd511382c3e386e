import type * as ir from "@lateen/ir";
import { hostsOverlap, isWildcard, parseCidr } from "@lateen/model";
import type { Cidr } from "@lateen/model";
import type { Context } from "../context.ts";
import type { RecordPort, ServiceRecord } from "../index/service-record.ts";
import type { VirtualServiceRecord } from "../index/virtual-services.ts";
import { isTlsPassthrough } from "../istio-names.ts";
import type { ConnectionMatch } from "../istio.ts";
import { appliesAt, planTo, ruledPlan } from "../routes/connection-rules.ts";
import type { ConnectionPlan, ConnectionSite } from "../routes/connection-rules.ts";
import { meshSite } from "../routes/http-rules.ts";
import { outboundConnections } from "./handlers.ts";
import type { ListenerParts } from "./handlers.ts";

/** A port of a service, and how a listener tells connections to it from others. */
export interface ConnectionsTo {
  readonly service: ServiceRecord;
  readonly port: RecordPort;
  /** The port and protocol of the listener, where a Sidecar gave it others; rules are about them. */
  readonly at?: Pick<ConnectionSite, "port" | "protocol">;
  /** Its address ranges, where the listener is shared by them. */
  readonly ranges: readonly Cidr[];
  /** Nothing but the server name distinguishes it. */
  readonly byName: boolean;
}

export interface ConnectionChains {
  /** In order; what matches none of them is not the service's, unless there is `rest`. */
  readonly chains: readonly ir.FilterChain[];
  readonly rest?: ir.FilterChain;
}

/** As VirtualServices say, else to the service. TLS follows `tls` rules, everything else `tcp` rules. */
export function connectionChains(parts: ListenerParts, to: ConnectionsTo): ConnectionChains {
  const { number: port, protocol } = to.port;
  const site: ConnectionSite = { port, protocol, ...to.at, gateways: meshSite };
  const rules = rulesFor(parts.context, to.service);
  return isTlsPassthrough(site.protocol)
    ? tlsChains(parts, to, { site, rules })
    : tcpChains(parts, to, { site, rules });
}

/** What no rule is about. */
function ownPlan({ context }: ListenerParts, { service, port }: ConnectionsTo, site: ConnectionSite): ConnectionPlan {
  const cluster: ir.OutboundClusterRef = { kind: "outbound", host: service.host, port: port.number, subset: "" };
  return planTo(context, cluster, site.protocol);
}

interface Rules {
  readonly site: ConnectionSite;
  readonly rules: readonly VirtualServiceRecord[];
}

function rulesFor({ routing }: Context, { host }: ServiceRecord): readonly VirtualServiceRecord[] {
  const records = isWildcard(host)
    ? routing.all.filter((record) => record.hosts.some((own) => hostsOverlap(own, host)))
    : routing.rulesFor(host);
  return records.filter(({ object }) => object.spec.tls.length + object.spec.tcp.length > 0);
}

function tlsChains(parts: ListenerParts, to: ConnectionsTo, { site, rules }: Rules): ConnectionChains {
  const { context } = parts;
  const chains = rules.flatMap((record) =>
    record.object.spec.tls.flatMap(({ match, route }) =>
      match
        .filter((each) => appliesAt(context, record, each, site))
        .map((each) => {
          const names = each.sniHosts.map((host) => host.toLowerCase());
          const ranges = each.destinationSubnets.length > 0 ? rangesOf(each) : to.ranges;
          return chainOf(parts, ruledPlan(context, record, route, site), tlsMatch(names, ranges));
        }),
    ),
  );
  if (chains.length > 0) return { chains };
  const { service } = to;
  const plan = ownPlan(parts, to, site);
  // What is looked up is the server name, and not any one will do.
  const named = (to.ranges.length > 0 || to.byName || service.resolution === "by-request") && service.host !== "*";
  return named
    ? { chains: [chainOf(parts, plan, tlsMatch([service.host], to.ranges))] }
    : everything(parts, plan, to.ranges);
}

function tlsMatch(names: readonly string[], ranges: readonly Cidr[]): ir.ChainMatch {
  return {
    ...(ranges.length === 0 ? {} : { destinationRanges: ranges }),
    ...(names.includes("*") ? { transport: "tls" } : { serverNames: names }),
  };
}

/** The first rule for every destination ends the list; those before it are about some subnets only. */
function tcpChains(parts: ListenerParts, to: ConnectionsTo, { site, rules }: Rules): ConnectionChains {
  const { context } = parts;
  const chains: ir.FilterChain[] = [];
  for (const record of rules) {
    for (const { match, route } of record.object.spec.tcp) {
      const applying = match.filter((each) => appliesAt(context, record, each, site));
      if (match.length > 0 && applying.length === 0) continue;
      const plan = ruledPlan(context, record, route, site);
      if (applying.every((each) => each.destinationSubnets.length > 0) && match.length > 0)
        chains.push(chainOf(parts, plan, { destinationRanges: applying.flatMap(rangesOf) }));
      else return withRest(chains, everything(parts, plan, to.ranges));
    }
  }
  return withRest(chains, everything(parts, ownPlan(parts, to, site), to.ranges));
}

function withRest(chains: readonly ir.FilterChain[], last: ConnectionChains): ConnectionChains {
  return { ...last, chains: [...chains, ...last.chains] };
}

function everything(parts: ListenerParts, plan: ConnectionPlan, ranges: readonly Cidr[]): ConnectionChains {
  return ranges.length > 0
    ? { chains: [chainOf(parts, plan, { destinationRanges: ranges })] }
    : { chains: [], rest: chainOf(parts, plan, {}) };
}

function chainOf(parts: ListenerParts, plan: ConnectionPlan, match: ir.ChainMatch): ir.FilterChain {
  return {
    name: { kind: "none" },
    match,
    handler: outboundConnections(parts, plan),
    ...(plan.rule === undefined ? {} : { rule: plan.rule }),
  };
}

function rangesOf({ destinationSubnets }: ConnectionMatch): readonly Cidr[] {
  return destinationSubnets.flatMap((subnet) => parseCidr(subnet) ?? []);
}
