import { isIpv4, isIpv6, isLoopback } from "@lateen/model";
import type { ServiceRecord } from "./index/service-record.ts";
import { createView } from "./index/services.ts";
import type { VisibleServices } from "./index/services.ts";
import type { ProxyScope } from "./scope.ts";
import type { MeshSettings } from "./settings.ts";

/** Whether a proxy without traffic capture has a loopback address for itself, as where several share one machine. */
export function sharesMachine({ bind }: ProxyScope): boolean {
  return isLoopback(bind);
}

/** By view, then by what of the scope counts here. A cache of a pure function: never seen from outside. */
const remembered = new WeakMap<VisibleServices, Map<string, VisibleServices>>();

/**
 * The services of `view` under the addresses a proxy of `scope` meets them at: of its own address families, and given
 * ones only where it answers its application's DNS queries, as nobody else would know them.
 */
export function addressedFor(view: VisibleServices, scope: ProxyScope, settings: MeshSettings): VisibleServices {
  const key = JSON.stringify([scope.families, scope.dnsCapture, settings.dualStack]);
  const known = remembered.get(view) ?? new Map<string, VisibleServices>();
  remembered.set(view, known);
  const earlier = known.get(key);
  if (earlier !== undefined) return earlier;
  const all = view.all.map((service) => addressed(service, scope, settings));
  const made = all.every((service, index) => service === view.all[index]) ? view : createView(all);
  known.set(key, made);
  return made;
}

function addressed(service: ServiceRecord, scope: ProxyScope, settings: MeshSettings): ServiceRecord {
  const given = service.addresses.length === 0 && scope.dnsCapture ? service.givenAddresses : [];
  // Each address of a ServiceEntry is a place of its own; a platform's service has one, in each family.
  const places = service.platform ? service.addresses : given;
  if (places.length === 0 || (places === service.addresses && places.length === 1)) return service;
  const ofFamily = usableAddresses(places, scope);
  const dual = settings.dualStack && scope.families === "dual" && ofFamily.length > 1;
  return dual ? { ...service, addresses: ofFamily, dualStack: true } : { ...service, addresses: ofFamily.slice(0, 1) };
}

/** Of one workload's or service's addresses those a proxy can use, in their order; all, where it could use none. */
export function usableAddresses(addresses: readonly string[], { families }: ProxyScope): readonly string[] {
  if (families === "dual") return addresses;
  const usable = addresses.filter(families === "v4" ? isIpv4 : isIpv6);
  return usable.length > 0 ? usable : addresses;
}
