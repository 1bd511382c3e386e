import type * as ir from "@lateen/ir";
import { formatRef, hostCovers, isWildcard, mostSpecificMatch } from "@lateen/model";
import type { Context } from "../context.ts";
import { byIdentity } from "../index/remember.ts";
import type { RecordPort, ServiceRecord } from "../index/service-record.ts";
import type { VirtualServiceRecord } from "../index/virtual-services.ts";
import { isHttp } from "../istio-names.ts";
import { rememberedStep } from "../remembered-step.ts";
import { unknownRequests } from "../outbound-policy.ts";
import { alternateDomains, shortNames } from "./domains.ts";
import { compileHttpRules, defaultRoute, meshSite } from "./http-rules.ts";
import { fallbackHost, originsOf, withUniqueDomains } from "./virtual-hosts.ts";
import type { Candidate } from "./virtual-hosts.ts";

/** Of hosts no registry knows, unless the same rules are about services: then theirs. */
const portOfUnknownHosts = 80;

/** The routes of everything that speaks HTTP, or may, on `port`. */
export function portTable(context: Context, port: number): ir.RouteTable {
  const services = (context.listed.byPort.get(port) ?? []).filter((entry) => mayBeHttp(entry.port));
  const known = services.flatMap(({ service }) => serviceHosts(context, service, port));
  const extra = [...(unknownHosts(context).get(port) ?? [])].flatMap((host) => ruledHost(context, host, port));
  return tableOf(context, { kind: "port", port }, withUniqueDomains([...known, ...extra]));
}

/**
 * The routes of all ports in one: where an application talks to a proxy instead of a service. A host without a port
 * means its port 80, else its first.
 */
export function openTable(context: Context, ref: ir.RouteTableRef): ir.RouteTable {
  const known = context.listed.all.flatMap((service) => {
    const ports = service.ports.filter(mayBeHttp).map((port) => port.number);
    const main = ports.includes(portOfUnknownHosts) ? portOfUnknownHosts : ports[0];
    return ports.flatMap((port) =>
      serviceHosts(context, service, port).map((host) => withPort(host, port, port === main)),
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
  const { host } = serviceHost(context, service, port);
  const virtualHosts = [{ ...host, domains: ["*"] }];
  return { ref: { kind: "service", host: service.host, port }, virtualHosts, origins: originsOf(virtualHosts) };
}

/** The routes of one service on one of its ports. */
export function serviceHost(context: Context, service: ServiceRecord, port: number): Candidate {
  const rules = rulesOf(context, service.host);
  const routes = rules === undefined ? [] : compileHttpRules(context, rules, { port, gateways: meshSite, tls: false });
  return {
    host: {
      kind: "service",
      host: service.host,
      port,
      domains: [service.host],
      // A VirtualService none of whose rules can apply here leaves the service as it is.
      routes: routes.length > 0 ? routes : [defaultRoute(context, service, port)],
    },
    alternates: alternateDomains(service, context.scope.dnsDomain),
  };
}

/** The service's own host, and those of its other names that have rules of their own. */
function serviceHosts(context: Context, service: ServiceRecord, port: number): readonly Candidate[] {
  return hostsOf(context, service, `${port} ${context.scope.namespace}`);
}

const hostsOf = rememberedStep((context, service, variant): readonly Candidate[] => {
  const port = Number.parseInt(variant, 10);
  const ruled = aliasHosts(context, service, port);
  const aliases = service.aliases?.filter((alias) => !ruled.some(({ host }) => host.host === alias)) ?? [];
  return [...ruled, serviceHost(context, ruled.length === 0 ? service : { ...service, aliases }, port)];
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
