import { hostCovers, hostsOverlap, resolveHost } from "@lateen/model";
import { byPair } from "../index/remember.ts";
import type { ServiceRecord } from "../index/service-record.ts";
import { visibleServices } from "../index/services.ts";
import type { VisibleServices } from "../index/services.ts";
import { meshRouting } from "../index/virtual-services.ts";
import type { MeshRouting, VirtualServiceRecord } from "../index/virtual-services.ts";
import type { EgressListener } from "../istio.ts";

/** What applications reach through one egress listener. */
export interface EgressView {
  /** Absent: there is no Sidecar. */
  readonly listener?: EgressListener;
  readonly services: VisibleServices;
  readonly routing: MeshRouting;
}

/** What is exported to the namespace of a caller. */
export interface Exported {
  readonly namespace: string;
  readonly services: readonly ServiceRecord[];
  readonly rules: readonly VirtualServiceRecord[];
}

interface HostPattern {
  readonly namespace: string;
  readonly host: string;
}

/** `hosts` of an egress listener: exposed is what some entry imports and none takes out again. */
interface HostSelection {
  readonly imported: readonly HostPattern[];
  readonly excluded: readonly HostPattern[];
}

export function egressView(listener: EgressListener, exported: Exported): EgressView {
  const selection = selectionOf(listener.hosts, exported.namespace);
  const services = exported.services.filter((service) => selectsService(selection, service));
  const offered = ownsItsPort(listener) ? services.flatMap((service) => onPort(listener, service)) : services;
  return {
    listener,
    services: visibleServices(offered, exported.namespace),
    routing: meshRouting(exported.rules.filter((rule) => selectsRule(selection, rule))),
  };
}

function selectionOf(hosts: readonly string[], own: string): HostSelection {
  const patterns = hosts.map((text) => {
    const slash = text.indexOf("/");
    const written = text.slice(0, slash);
    const name = written.startsWith("~") ? written.slice(1) || "*" : written;
    const pattern = { namespace: name === "." ? own : name, host: text.slice(slash + 1).toLowerCase() };
    return { pattern, excludes: written.startsWith("~") };
  });
  return {
    imported: patterns.filter((entry) => !entry.excludes).map((entry) => entry.pattern),
    excluded: patterns.filter((entry) => entry.excludes).map((entry) => entry.pattern),
  };
}

function inNamespace(pattern: HostPattern, namespace: string): boolean {
  return pattern.namespace === "*" || pattern.namespace === namespace;
}

function selectsService({ imported, excluded }: HostSelection, { host, namespace }: ServiceRecord): boolean {
  const covers = (pattern: HostPattern): boolean => inNamespace(pattern, namespace) && hostCovers(pattern.host, host);
  return imported.some(covers) && !excluded.some(covers);
}

/** A rule counts when it may be about an imported host, unless each of its hosts is taken out. */
function selectsRule({ imported, excluded }: HostSelection, { hosts, object }: VirtualServiceRecord): boolean {
  const { namespace } = object.meta;
  const may = imported.some(
    (pattern) => inNamespace(pattern, namespace) && hosts.some((host) => hostsOverlap(pattern.host, host)),
  );
  const isOut = (host: string): boolean =>
    excluded.some((pattern) => inNamespace(pattern, namespace) && hostCovers(pattern.host, host));
  return may && !hosts.every(isOut);
}

/** Whether the listener is for one service port, as opposed to a proxy's port, a Unix socket or all ports. */
export function ownsItsPort({ port }: EgressListener): boolean {
  return port !== undefined && port.number !== 0 && !isHttpProxy(port.protocol);
}

export function isHttpProxy(protocol: string): boolean {
  return protocol.toUpperCase() === "HTTP_PROXY";
}

/** The service as far as it is on the listener's port: the same record for the same pair. */
const onPort = byPair(({ port }: EgressListener, service: ServiceRecord): readonly ServiceRecord[] => {
  const ports = service.ports.filter((own) => own.number === port?.number);
  if (ports.length === 0) return [];
  return [ports.length === service.ports.length ? service : { ...service, ports }];
});

/** Services that rules of a listener send requests to; they come with the rule, without being named. */
export function impliedServices(view: EgressView, exported: Exported, domain: string): readonly ServiceRecord[] {
  const wanted = new Set(view.routing.all.flatMap((rule) => destinationHosts(rule, domain)));
  for (const { host, externalName } of exported.services) if (wanted.has(host)) wanted.add(externalName);
  if (wanted.size === 0) return [];
  const found = visibleServices(
    exported.services.filter((service) => wanted.has(service.host)),
    exported.namespace,
  ).all;
  const { listener } = view;
  return listener !== undefined && ownsItsPort(listener) ? found.flatMap((one) => onPort(listener, one)) : found;
}

function destinationHosts({ object }: VirtualServiceRecord, domain: string): readonly string[] {
  const { spec, meta } = object;
  const targets = [
    ...spec.http.flatMap((rule) => [
      ...rule.route.map((route) => route.destination),
      ...rule.mirrors.map((mirror) => mirror.destination),
      rule.mirror,
    ]),
    ...[...spec.tls, ...spec.tcp].flatMap((rule) => rule.route.map((route) => route.destination)),
  ];
  return targets.flatMap((target) => (target === undefined ? [] : [resolveHost(target.host, meta.namespace, domain)]));
}
