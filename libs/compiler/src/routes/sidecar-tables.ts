import type * as ir from "@lateen/ir";
import { formatRef, hostCovers, isWildcard, mostSpecificMatch } from "@lateen/model";
import type { Context } from "../context.ts";
import { byIdentity } from "../index/remember.ts";
import type { RecordPort, ServiceRecord } from "../index/service-record.ts";
import type { VisibleServices } from "../index/services.ts";
import type { VirtualServiceRecord } from "../index/virtual-services.ts";
import { isHttp } from "../istio-names.ts";
import { rememberedSteps } from "../remembered-step.ts";
import { unknownRequests } from "../outbound-policy.ts";
import { callerKey } from "../scope.ts";
import { alternateDomains, shortNames } from "./domains.ts";
import { compileHttpRules, defaultRoute, meshSite } from "./http-rules.ts";
import { fallbackHost, originsOf, rememberedPlaces, withUniqueDomains } from "./virtual-hosts.ts";
import type { Candidate } from "./virtual-hosts.ts";

/** Of hosts no registry knows, unless the same rules are about services: then theirs. */
const portOfUnknownHosts = 80;

/** The routes of everything that speaks HTTP, or may, on `port`. */
export function portTable(context: Context, port: number): ir.RouteTable {
  const services = httpServicesOn(context.listed)(port);
  const own = ownHosts(context, services, { variant: String(port), asker: callerKey(context.scope) });
  const known = services.flatMap((service, index) => hostsOf(context, service, { port, own: own[index] }));
  const extra = [...(unknownHosts(context).get(port) ?? [])].flatMap((host) => ruledHost(context, host, port));
  const hosts = placesIn(context.listed)(`${port} ${context.scope.namespace}`)([...known, ...extra]);
  return tableOf(context, { kind: "port", port }, hosts);
}

/** The same list for the same port. */
const httpServicesOn = byIdentity(({ byPort }: VisibleServices) => {
  const lists = new Map<number, readonly ServiceRecord[]>();
  return (port: number): readonly ServiceRecord[] => {
    const list =
      lists.get(port) ??
      (byPort.get(port) ?? []).filter((entry) => mayBeHttp(entry.port)).map(({ service }) => service);
    lists.set(port, list);
    return list;
  };
});

/** By the services and what tells apart their tables. */
const placesIn = byIdentity((_services: VisibleServices) => {
  const known = new Map<string, ReturnType<typeof rememberedPlaces>>();
  return (variant: string) => {
    const places = known.get(variant) ?? rememberedPlaces();
    known.set(variant, places);
    return places;
  };
});

/**
 * The routes of all ports in one: where an application talks to a proxy instead of a service. A host without a port
 * means its port 80, else its first.
 */
export function openTable(context: Context, ref: ir.RouteTableRef): ir.RouteTable {
  const known = context.listed.all.flatMap((service) => {
    const ports = service.ports.filter(mayBeHttp).map((port) => port.number);
    const main = ports.includes(portOfUnknownHosts) ? portOfUnknownHosts : ports[0];
    return ports.flatMap((port) =>
      hostsOf(context, service, { port, own: serviceHost(context, service, port) }).map((host) =>
        withPort(host, port, port === main),
      ),
    );
  });
  const extra = [...unknownHosts(context)].flatMap(([port, hosts]) =>
    [...hosts].flatMap((host) => ruledHost(context, host, port).map((one) => withPort(one, port, true))),
  );
  return { ...tableOf(context, ref, withUniqueDomains([...known, ...extra])), matchPorts: true };
}

function tableOf(context: Context, ref: ir.RouteTableRef, hosts: readonly ir.VirtualHost[]): ir.RouteTable {
  const port = ref.kind === "port" ? ref.port : 0;
  const virtualHosts = [...hosts, fallbackHost(unknownRequests(context), port)];
  return { ref, virtualHosts, origins: originsOf(virtualHosts) };
}

function mayBeHttp({ protocol }: RecordPort): boolean {
  return isHttp(protocol) || protocol === "auto";
}

function withPort({ host, alternates }: Candidate, port: number, main: boolean): Candidate {
  const forms = (domains: readonly string[]): readonly string[] =>
    domains.flatMap((domain) => [...(main ? [domain] : []), `${domain}:${port}`]);
  return { host: { ...host, domains: forms(host.domains) }, alternates: forms(alternates) };
}

/** The routes of one service behind a listener of its own, whatever host requests name. */
export function serviceTable(context: Context, service: ServiceRecord, port: number): ir.RouteTable {
  const host = serviceHost(context, service, port);
  const virtualHosts = [{ ...host, domains: ["*"] }];
  return { ref: { kind: "service", host: service.host, port }, virtualHosts, origins: originsOf(virtualHosts) };
}

/** The routes of one service on one of its ports. */
export function serviceHost(context: Context, service: ServiceRecord, port: number): ir.VirtualHost {
  const rules = rulesOf(context, service.host);
  const routes = rules === undefined ? [] : compileHttpRules(context, rules, { port, gateways: meshSite, tls: false });
  return {
    kind: "service",
    host: service.host,
    port,
    domains: [service.host],
    // A VirtualService none of whose rules can apply here leaves the service as it is.
    routes: routes.length > 0 ? routes : [defaultRoute(context, service, port)],
  };
}

/** The service's own host, and those of its other names that have rules of their own. */
function hostsOf(
  context: Context,
  service: ServiceRecord,
  { port, own }: { readonly port: number; readonly own: ir.VirtualHost | undefined },
): readonly Candidate[] {
  if (own === undefined) return [];
  const { dnsDomain } = context.scope;
  if (service.aliases === undefined) return [{ host: own, alternates: namesOf(service)(dnsDomain) }];
  const ruled = aliasHosts(context, service, port);
  const aliases = service.aliases.filter((alias) => !ruled.some(({ host }) => host.host === alias));
  return [...ruled, { host: own, alternates: alternateDomains({ ...service, aliases }, dnsDomain) }];
}

/** The same for callers of most namespaces. */
const ownHosts = rememberedSteps((context, service: ServiceRecord, port) =>
  serviceHost(context, service, Number.parseInt(port, 10)),
);

/** By the domain of who asks; the same list where that makes no difference. */
const namesOf = byIdentity((service: ServiceRecord) => {
  const byDomain = new Map<string, readonly string[]>();
  const lists = new Map<string, readonly string[]>();
  return (domain: string): readonly string[] => {
    const known = byDomain.get(domain);
    if (known !== undefined) return known;
    const names = alternateDomains(service, domain);
    const key = names.join(" ");
    const list = lists.get(key) ?? names;
    lists.set(key, list);
    byDomain.set(domain, list);
    return list;
  };
});

/** Other names of a service that have rules of their own. */
function aliasHosts(context: Context, { aliases = [] }: ServiceRecord, port: number): readonly Candidate[] {
  return aliases.flatMap((alias) => {
    const alternates = shortNames(alias, context.scope.dnsDomain);
    return ruledHost(context, alias, port).map(({ host }) => ({ host, alternates }));
  });
}

/** A host as rules have it; none where they have no route here. */
function ruledHost(context: Context, host: string, port: number): readonly Candidate[] {
  const rules = rulesOf(context, host);
  const routes = rules === undefined ? [] : compileHttpRules(context, rules, { port, gateways: meshSite, tls: false });
  if (routes.length === 0) return [];
  return [{ host: { kind: "service", host, port, domains: [host], routes }, alternates: [] }];
}

/** The oldest of the most specific VirtualServices for a host; the others of that host are told. */
function rulesOf(context: Context, host: string): VirtualServiceRecord | undefined {
  const [winner, ...others] = context.routing.rulesFor(host).filter((record) => record.object.spec.http.length > 0);
  if (winner === undefined) return undefined;
  const pattern = mostSpecificMatch(winner.hosts, host);
  const shadowed = others.filter((record) => mostSpecificMatch(record.hosts, host) === pattern);
  for (const record of shadowed) {
    context.findings.warn(
      record.object.origin,
      "shadowed-virtual-service",
      `its routes for host "${host}" do not apply in sidecars: ${formatRef(winner.object.origin)} is older and has the same host. Merge them into one VirtualService`,
      [winner.object.origin],
    );
  }
  return winner;
}

/**
 * Hosts of VirtualServices that no visible service has, by the ports on which they are met: those of services that the same
 * VirtualService is about, else 80, as Istio has it:
 * https://github.com/istio/istio/blob/0098d99f8e43fe516aaac5a84a131b4ce3c8b9d1/pilot/pkg/networking/core/route/route.go
 */
const unknownHosts = byIdentity((context: Context): ReadonlyMap<number, ReadonlySet<string>> => {
  const byPort = new Map<number, Set<string>>();
  for (const { hosts } of context.routing.all) {
    const unknown = hosts.filter((host) => !isKnown(context, host));
    if (unknown.length === 0) continue;
    const services = hosts.flatMap((host) => servicesOf(context, host));
    const ports = services.flatMap((service) => service.ports.filter(mayBeHttp).map((port) => port.number));
    for (const port of ports.length > 0 ? ports : [portOfUnknownHosts]) {
      const known = byPort.get(port) ?? new Set();
      byPort.set(port, known);
      for (const host of unknown) known.add(host);
    }
  }
  return byPort;
});

function servicesOf(context: Context, host: string): readonly ServiceRecord[] {
  if (isWildcard(host)) return context.listed.all.filter((service) => hostCovers(host, service.host));
  const service = context.listed.byHost.get(host);
  return service === undefined ? [] : [service];
}

function isKnown(context: Context, host: string): boolean {
  if (host === "*") return true;
  if (isWildcard(host)) return context.services.all.some((service) => hostCovers(host, service.host));
  return context.services.find(host) !== undefined;
}
