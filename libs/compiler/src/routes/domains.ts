import { isIp, isIpv6 } from "@lateen/model";
import type { ServiceRecord } from "../index/service-record.ts";

/**
 * Names by which callers in a namespace reach a service, besides its full name: short forms of a cluster service, as
 * DNS search paths allow them, and its addresses. Ports are ignored when hosts are matched.
 */
export function alternateDomains(service: ServiceRecord, proxyDomain: string): readonly string[] {
  const names = shortNames(service.host, proxyDomain);
  // A headless service's workloads have names of their own below it.
  const below = service.headless ? [service.host, ...names].map((name) => `*.${name}`) : [];
  const aliases = (service.aliases ?? []).flatMap((alias) => [alias, ...shortNames(alias, proxyDomain)]);
  return [...names, ...below, ...aliases, ...service.addresses.filter(isSingle).map(hostForm)];
}

function isSingle(address: string): boolean {
  return isIp(address) && address !== "0.0.0.0" && address !== "::";
}

export function hostForm(host: string): string {
  return isIpv6(host) ? `[${host}]` : host;
}

/** For `a.ns.svc.dom` seen from `ns.svc.dom`: `a`, `a.ns`, `a.ns.svc`; from another namespace without the first. */
export function shortNames(host: string, proxyDomain: string): readonly string[] {
  const [ownNamespace = "", svc, ...zone] = proxyDomain.split(".");
  if (svc !== "svc") return [];
  const suffix = `.svc.${zone.join(".")}`;
  if (!host.endsWith(suffix)) return [];
  const [name, namespace, ...more] = host.slice(0, -suffix.length).split(".");
  if (name === undefined || namespace === undefined || more.length > 0) return [];
  return [...(namespace === ownNamespace ? [name] : []), `${name}.${namespace}`, `${name}.${namespace}.svc`];
}
