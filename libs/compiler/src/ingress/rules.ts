import { virtualServiceSpec } from "@lateen/api";
import type { MeshObject } from "@lateen/model";
import type { Delegating } from "../index/delegates.ts";
import { sameList } from "../index/ordering.ts";
import { byPair } from "../index/remember.ts";
import type { HttpRule, Ingress } from "../istio.ts";
import type { IngressSettings } from "../settings.ts";
import { gatewayNameOf, generated } from "./gateway.ts";
import type { HostPath, IngressHost } from "./hosts.ts";

/** Numbers of the ports that a host's paths lead to, in their order; undefined: there is no such port. */
export type HostPorts = readonly (number | undefined)[];

export interface Where {
  readonly ingress: IngressSettings;
  /** DNS domain of Services. */
  readonly domain: string;
}

interface Known {
  readonly ingresses: readonly MeshObject<Ingress>[];
  readonly ports: HostPorts;
  readonly rules: Delegating;
}

const lastOf = byPair((_settings: IngressSettings, _oldest: MeshObject<Ingress>) => new Map<string, Known>());

/**
 * The VirtualService that all Ingresses of a host are read as: the same object again while they and the ports are the
 * same. Its origin is the oldest Ingress, each rule's the one it is written in.
 */
export function rulesOf(where: Where, host: IngressHost, ports: HostPorts): Delegating {
  const [oldest] = host.ingresses;
  if (oldest === undefined) throw new TypeError(`host ${host.host} is of no Ingress`);
  const last = lastOf(where.ingress, oldest);
  const known = last.get(host.host);
  if (known && sameList(known.ingresses, host.ingresses) && sameList(known.ports, ports)) return known.rules;
  const rules = understand(where, host, { oldest, ports });
  last.set(host.host, { ingresses: host.ingresses, ports, rules });
  return rules;
}

function understand(
  where: Where,
  { host, ingresses, paths }: IngressHost,
  { oldest, ports }: { readonly oldest: MeshObject<Ingress>; readonly ports: HostPorts },
): Delegating {
  const { meta, origin } = oldest;
  const spec = virtualServiceSpec({
    hosts: [host],
    gateways: ingresses.map((each) => `${where.ingress.namespace}/${gatewayNameOf(each.meta)}`),
    http: paths.map((path, index) => ruleOf(where, path, ports[index])),
    exportTo: ["*"],
  });
  const elsewhere = paths.flatMap(({ ingress }, index): [HttpRule, MeshObject<Ingress>][] => {
    const rule = spec.http[index];
    return rule === undefined || ingress === oldest ? [] : [[rule, ingress]];
  });
  const name = `${host.replaceAll(".", "-")}-${meta.name}-${generated}`;
  const object = {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    meta: { ...meta, labels: {}, annotations: {}, name },
    spec,
    origin,
  };
  return { object, writtenIn: new Map(elsewhere), ofIngress: true, findings: [] };
}

type Rule = NonNullable<NonNullable<Parameters<typeof virtualServiceSpec>[0]["http"]>[number]>;

/** What leads nowhere is answered for the Service that is not there, and not left to a shorter path. */
function ruleOf({ domain }: Where, { ingress, match, backend }: HostPath, number: number | undefined): Rule {
  const matches = match === undefined ? {} : { match: [{ uri: { matchType: match } }] };
  if (backend.service === undefined || number === undefined) return { ...matches, directResponse: { status: 503 } };
  const host = serviceHost(backend.service.name, ingress, domain);
  return { ...matches, route: [{ destination: { host, port: { number } }, weight: 100 }] };
}

export function serviceHost(name: string, { meta }: MeshObject<Ingress>, domain: string): string {
  return `${name}.${meta.namespace}.svc.${domain}`;
}
