import { compareText } from "@lateen/model";
import type { Labels, MeshObject } from "@lateen/model";
import type { EndpointIndex } from "../index/endpoints.ts";
import { sameList } from "../index/ordering.ts";
import { byPair } from "../index/remember.ts";
import type { ServiceRecord } from "../index/service-record.ts";
import { visibleServices } from "../index/services.ts";
import type { VisibleServices } from "../index/services.ts";
import type { EgressListener, Sidecar } from "../istio.ts";
import type { ConfigIndexes } from "../snapshot.ts";
import { egressView, impliedServices } from "./egress.ts";
import type { EgressView, Exported } from "./egress.ts";
import { Lineage } from "./lineage.ts";

export type { EgressView } from "./egress.ts";

/** What a caller can reach, and by which rules. The same object in two snapshots while nothing of it changed. */
export interface CallerView {
  readonly sidecar?: MeshObject<Sidecar>;
  /** At least one. Those for a port or socket come first. */
  readonly egress: readonly EgressView[];
  /** Of all listeners, with the services their rules lead to. */
  readonly services: VisibleServices;
}

/** Of a scope, what its view depends on. */
export interface Caller {
  readonly namespace: string;
  readonly labels: Labels;
  /** `Sidecar/namespace/name`. */
  readonly sidecar?: string;
}

export interface Views {
  viewOf(caller: Caller): CallerView;
  readonly lineage: Lineage<CallerView>;
  /** By what tells callers apart. */
  readonly callable: ReadonlyMap<string, Callable>;
}

/** What is known of the services a caller can reach, besides rules of routing. */
interface Callable {
  /** All that the list was made of. */
  readonly of: readonly unknown[];
  /** The same list as long as nothing in it changed. */
  readonly list: readonly unknown[];
}

type Indexes = Pick<ConfigIndexes, "settings" | "services" | "virtualServices" | "destinationRules" | "sidecars"> & {
  readonly endpoints: EndpointIndex;
};

/** `unchanged`: nothing that any view is made of differs from the previous snapshot. */
export function createViews(
  indexes: Indexes,
  earlier: { readonly views: Views | undefined; readonly unchanged: boolean },
): Views {
  if (earlier.unchanged && earlier.views !== undefined) return earlier.views;
  const lineage = new Lineage(earlier.views?.lineage);
  const callable = new Map<string, Callable>();
  const before = earlier.views?.callable; // not the earlier views themselves, which know theirs
  return {
    lineage,
    callable,
    viewOf(caller) {
      const { namespace, labels, sidecar = "" } = caller;
      const key = JSON.stringify([namespace, labels, sidecar]);
      const known = lineage.get(key);
      if (known !== undefined) return known;
      const view = createView(indexes, namespace, sidecar);
      const services = callableBy(indexes, { caller, view, before: before?.get(key) });
      callable.set(key, services);
      const elements = [
        indexes.settings,
        view.sidecar,
        services.list,
        ...view.egress.flatMap((egress) => [
          ...(egress.services === view.services ? [] : egress.services.all),
          ...egress.routing.all,
          undefined,
        ]),
      ];
      return lineage.take(key, elements, () => view);
    },
  };
}

function callableBy(
  { settings, destinationRules, endpoints }: Indexes,
  {
    caller,
    view,
    before,
  }: { readonly caller: Caller; readonly view: CallerView; readonly before: Callable | undefined },
): Callable {
  const { services } = view;
  const of = [settings, services, destinationRules, endpoints];
  if (before !== undefined && sameList(before.of, of)) return before;
  const list = services.all.flatMap((service) => [
    service,
    endpoints.groups.get(service.key)?.seen,
    destinationRules.policyFor(caller, service),
  ]);
  return { of, list: before !== undefined && sameList(before.list, list) ? before.list : list };
}

function createView(
  { settings, services, virtualServices, sidecars }: Indexes,
  namespace: string,
  ref: string,
): CallerView {
  const sidecar = ref === "" ? undefined : sidecars.find(ref);
  const routing = virtualServices.inMesh(namespace);
  const visible = services.visibleFrom(namespace);
  if (sidecar === undefined) return { egress: [{ services: visible, routing }], services: visible };
  if (sidecar.spec.egress.length === 0) return { sidecar, egress: [{ services: visible, routing }], services: visible };
  const exported: Exported = { namespace, services: services.exportedTo(namespace), rules: routing.all };
  const egress = placesFirst(sidecar.spec.egress).map((listener) => egressView(listener, exported));
  return { sidecar, egress, services: union(egress, exported, settings.domain) };
}

function placesFirst(listeners: readonly EgressListener[]): readonly EgressListener[] {
  return [...listeners].sort((left, right) => Number(left.port === undefined) - Number(right.port === undefined));
}

/** Services that listeners name, then those that their rules lead to; of several for a host the first counts. */
function union(egress: readonly EgressView[], exported: Exported, domain: string): VisibleServices {
  const byHost = new Map<string, ServiceRecord>();
  for (const view of egress) for (const service of view.services.all) add(byHost, service);
  for (const view of egress) for (const service of impliedServices(view, exported, domain)) add(byHost, service);
  const sorted = [...byHost.values()].sort((left, right) => compareText(left.host, right.host));
  return visibleServices(sorted, exported.namespace);
}

function add(byHost: Map<string, ServiceRecord>, service: ServiceRecord): void {
  const known = byHost.get(service.host);
  if (known === undefined) byHost.set(service.host, service);
  else if (known.key === service.key && known !== service) byHost.set(service.host, withPortsOf(known, service));
}

const withPortsOf = byPair((first: ServiceRecord, second: ServiceRecord): ServiceRecord => {
  const ports = new Set(first.ports.map((port) => port.number));
  const more = second.ports.filter((port) => !ports.has(port.number));
  return more.length === 0 ? first : { ...first, ports: [...first.ports, ...more] };
});
