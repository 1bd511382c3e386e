import { formatPath, servesIngress, unservable } from "@lateen/api";
import { formatRef } from "@lateen/model";
import type { Finding, MeshObject } from "@lateen/model";
import { Findings } from "../findings.ts";
import type { Delegating } from "../index/delegates.ts";
import { byAge, sameList } from "../index/ordering.ts";
import { byIdentity, byPair } from "../index/remember.ts";
import { serviceKey } from "../index/service-record.ts";
import type { ServiceIndex } from "../index/services.ts";
import type { Gateway, Ingress, IngressClass } from "../istio.ts";
import type { MeshSettings } from "../settings.ts";
import { gatewayOf } from "./gateway.ts";
import { hostsOf } from "./hosts.ts";
import type { HostPath, IngressHost } from "./hosts.ts";
import { pathKey } from "./paths.ts";
import { rulesOf, serviceHost } from "./rules.ts";
import type { HostPorts } from "./rules.ts";

type Ingresses = readonly MeshObject<Ingress>[];
type Classes = readonly MeshObject<IngressClass>[];

/** What the mesh's Ingresses are read as; from here on nobody else has to know of them. */
export interface Understood {
  readonly gateways: readonly MeshObject<Gateway>[];
  readonly rules: readonly Delegating[];
  readonly findings: readonly Finding[];
}

/** Same lists, same object; and each Gateway and rule is the same as long as the Ingresses it is made of are. */
export function understandIngresses(
  settings: MeshSettings,
  {
    ingresses,
    classes,
    services,
  }: { readonly ingresses: Ingresses; readonly classes: Classes; readonly services: ServiceIndex },
): Understood {
  const own = served(settings, ingresses)(classes);
  if (own.hosts.length === 0) return own.empty;
  if (own.last?.services === services) return own.last.understood;
  const ports = own.hosts.map((host) => host.paths.map((path) => portOf(path, services, settings.domain)));
  const { last } = own;
  if (last?.ports.every((before, index) => sameList(before, ports[index] ?? []))) {
    own.last = { ...last, services };
    return last.understood;
  }
  const where = { ingress: settings.ingress, domain: settings.domain };
  const understood = {
    gateways: own.empty.gateways,
    rules: own.hosts.map((host, index) => rulesOf(where, host, ports[index] ?? [])),
    findings: [...own.empty.findings, ...missingPorts(own.hosts, ports)],
  };
  own.last = { services, ports, understood };
  return understood;
}

interface Served {
  readonly hosts: readonly IngressHost[];
  /** All but the rules, which depend on Services. */
  readonly empty: Understood;
  last?: Last;
}

interface Last {
  readonly services: ServiceIndex;
  readonly ports: readonly HostPorts[];
  readonly understood: Understood;
}

const served = byPair((settings: MeshSettings, ingresses: Ingresses) =>
  byIdentity((classes: Classes): Served => {
    const own = ingresses.filter((each) => servesIngress(settings.ingress, each, classes)).sort(byAge);
    const hosts = hostsOf(own);
    const gateways = own.map((each) => gatewayOf(settings.ingress, each));
    return { hosts, empty: { gateways, rules: [], findings: [...problems(own), ...conflicts(hosts)] } };
  }),
);

/** Undefined for a name that the Service does not have. */
function portOf({ ingress, backend }: HostPath, services: ServiceIndex, domain: string): number | undefined {
  const { name = "", port } = backend.service ?? {};
  if (port === undefined || port.name === "") return port?.number;
  const service = services.byKey.get(serviceKey(ingress.meta.namespace, serviceHost(name, ingress, domain)));
  return service?.ports.find((each) => each.name === port.name)?.number;
}

function problems(ingresses: Ingresses): readonly Finding[] {
  const findings = new Findings();
  for (const { spec, origin } of ingresses)
    for (const { path, severity, code, message } of unservable(spec))
      findings[severity === "error" ? "error" : "warn"](origin, code, `${formatPath(path)} ${message}`);
  return findings.list();
}

/** Two paths of a host that the same requests have: the first in order gets them. */
function conflicts(hosts: readonly IngressHost[]): readonly Finding[] {
  const findings = new Findings();
  for (const { host, paths } of hosts) {
    const first = new Map<string, HostPath>();
    for (const path of paths) {
      const key = pathKey(path.match);
      const winner = first.get(key);
      if (winner === undefined) first.set(key, path);
      else if (path.isDefault === winner.isDefault) tellOfConflict(findings, host, { path, winner });
    }
  }
  return findings.list();
}

function tellOfConflict(
  findings: Findings,
  host: string,
  { path, winner }: { readonly path: HostPath; readonly winner: HostPath },
): void {
  const other =
    path.ingress === winner.ingress ? winner.at : `${winner.at} of the older ${formatRef(winner.ingress.origin)}`;
  findings.warn(
    path.ingress.origin,
    "conflicting-paths",
    `${path.at} gets no requests for host "${host}": ${other} is about the same ones. Remove one of them`,
    path.ingress === winner.ingress ? [] : [winner.ingress.origin],
  );
}

function missingPorts(hosts: readonly IngressHost[], ports: readonly HostPorts[]): readonly Finding[] {
  const findings = new Findings();
  for (const [index, { paths }] of hosts.entries())
    for (const [position, { ingress, at, backend }] of paths.entries()) {
      const { service } = backend;
      if (service === undefined || ports[index]?.[position] !== undefined) continue;
      findings.warn(
        ingress.origin,
        "unknown-port",
        `${at}${at.endsWith("defaultBackend") ? "" : ".backend"}.service.port.name "${service.port?.name ?? ""}" is no port of a Service ${ingress.meta.namespace}/${service.name}; these requests get 503. Name one of its ports`,
      );
    }
  return findings.list();
}
