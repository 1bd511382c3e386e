import { byHostSpecificity, hostCovers, isWildcard, resolveHost } from "@lateen/model";
import type { MeshObject } from "@lateen/model";
import type { VirtualService } from "../istio.ts";
import type { MeshSettings } from "../settings.ts";
import { append, byAge } from "./ordering.ts";
import { byPair } from "./remember.ts";
import { isVisible } from "./visibility.ts";

/** The gateway name that stands for all sidecars. */
export const meshGateway = "mesh";

export interface VirtualServiceRecord {
  readonly object: MeshObject<VirtualService>;
  /** Full names and wildcards, lower case. */
  readonly hosts: readonly string[];
  /** `mesh` or `namespace/name`. */
  readonly gateways: readonly string[];
}

/** VirtualServices that sidecars of one namespace follow, oldest first. */
export interface MeshRouting {
  readonly all: readonly VirtualServiceRecord[];
  /** Those for a host, best first: exact before wildcard, longer wildcards first, then the oldest. */
  rulesFor(host: string): readonly VirtualServiceRecord[];
}

export interface VirtualServiceIndex {
  /** Oldest first. */
  readonly all: readonly VirtualServiceRecord[];
  /** Those bound to `namespace/name` of a gateway that may be used from `namespace`, oldest first. */
  boundTo(gateway: string, namespace: string): readonly VirtualServiceRecord[];
  inMesh(namespace: string): MeshRouting;
}

export function indexVirtualServices(
  objects: readonly MeshObject<VirtualService>[],
  settings: MeshSettings,
): VirtualServiceIndex {
  const all = [...objects].sort(byAge).map((object) => recordOf(settings, object));
  const cache = new Map<string, MeshRouting>();
  const visible = (record: VirtualServiceRecord, namespace: string): boolean =>
    isVisible(record.object.spec.exportTo, record.object.meta.namespace, namespace, settings.exportTo.virtualServices);
  return {
    all,
    boundTo: (gateway, namespace) =>
      all.filter((record) => record.gateways.includes(gateway) && visible(record, namespace)),
    inMesh(namespace) {
      const known = cache.get(namespace);
      if (known !== undefined) return known;
      const routing = meshRouting(
        all.filter((record) => record.gateways.includes(meshGateway) && visible(record, namespace)),
      );
      cache.set(namespace, routing);
      return routing;
    },
  };
}

const recordOf = byPair((settings: MeshSettings, object: MeshObject<VirtualService>): VirtualServiceRecord => {
  const { namespace } = object.meta;
  const gateways = object.spec.gateways.map((gateway) => gatewayName(gateway, namespace));
  return {
    object,
    hosts: object.spec.hosts.map((host) => resolveHost(host, namespace, settings.domain)),
    gateways: gateways.length === 0 ? [meshGateway] : gateways,
  };
});

/** `gw` → `ns/gw`; `ns/gw` as it is; the old form `gw.ns.svc...` → `ns/gw`. */
export function gatewayName(written: string, namespace: string): string {
  if (written === meshGateway || written.includes("/")) return written;
  const [name = "", owner] = written.split(".");
  return `${owner ?? namespace}/${name}`;
}

/** Of records that are visible, oldest first. */
export function meshRouting(all: readonly VirtualServiceRecord[]): MeshRouting {
  const exact = new Map<string, VirtualServiceRecord[]>();
  const wildcards: { readonly host: string; readonly record: VirtualServiceRecord }[] = [];
  for (const record of all) {
    for (const host of record.hosts) {
      if (isWildcard(host)) wildcards.push({ host, record });
      else append(exact, host, record);
    }
  }
  wildcards.sort((left, right) => byHostSpecificity(left.host, right.host)); // stable: the oldest stays first
  return {
    all,
    rulesFor(host) {
      const matching = wildcards.filter((entry) => hostCovers(entry.host, host)).map((entry) => entry.record);
      const own = exact.get(host) ?? [];
      return matching.length === 0 ? own : [...new Set([...own, ...matching])];
    },
  };
}
