import { byHostSpecificity, hostCovers, isWildcard, resolveHost } from "@lateen/model";
import type { Finding, MeshObject } from "@lateen/model";
import type { HttpRule, VirtualService } from "../istio.ts";
import type { MeshSettings } from "../settings.ts";
import { isDelegate, withDelegates } from "./delegates.ts";
import type { Delegating } from "./delegates.ts";
import { gatewayName, meshGateway } from "./gateway-name.ts";
import { append, byAge } from "./ordering.ts";
import { byPair } from "./remember.ts";
import { isPublic, isVisible } from "./visibility.ts";

export interface VirtualServiceRecord {
  /** With the rules of delegates in their places. */
  readonly object: MeshObject<VirtualService>;
  /** Of rules that stand in another object (a delegate, another Ingress): that one. */
  readonly writtenIn: ReadonlyMap<HttpRule, Pick<MeshObject<VirtualService>, "origin">>;
  /** Read from Ingresses: prefixes of paths end at a `/`. */
  readonly ofIngress?: true;
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
  /** What is wrong with delegates. */
  readonly findings: readonly Finding[];
}

/** `understood`: what other kinds are read as. */
export function indexVirtualServices(
  objects: readonly MeshObject<VirtualService>[],
  settings: MeshSettings,
  understood: readonly Delegating[] = [],
): VirtualServiceIndex {
  const byName = new Map(objects.map((object) => [`${object.meta.namespace}/${object.meta.name}`, object]));
  const merged = objects
    .filter((object) => !isDelegate(object))
    .map((object) => withDelegates(settings, object, byName));
  const all = [...merged, ...understood]
    .map((delegating) => recordOf(settings, delegating))
    .sort((left, right) => byAge(left.object, right.object));
  const visible = (record: VirtualServiceRecord, namespace: string): boolean =>
    isVisible(record.object.spec.exportTo, record.object.meta.namespace, namespace, settings.exportTo.virtualServices);
  return {
    all,
    findings: merged.flatMap((delegating) => delegating.findings),
    boundTo: (gateway, namespace) =>
      all.filter((record) => record.gateways.includes(gateway) && visible(record, namespace)),
    inMesh: routingByNamespace(
      all.filter((record) => record.gateways.includes(meshGateway)),
      { visible, isPublic: ({ object }) => isPublic(object.spec.exportTo, settings.exportTo.virtualServices) },
    ),
  };
}

interface Visibility {
  readonly visible: (record: VirtualServiceRecord, namespace: string) => boolean;
  /** Whether every namespace sees it. */
  readonly isPublic: (record: VirtualServiceRecord) => boolean;
}

/** Namespaces that see the same rules share one object: most meshes hide none, so there is one in all. */
function routingByNamespace(
  all: readonly VirtualServiceRecord[],
  { visible, isPublic }: Visibility,
): (namespace: string) => MeshRouting {
  const hidden = all.filter((record) => !isPublic(record));
  const bySignature = new Map<string, MeshRouting>();
  return (namespace) => {
    const signature = hidden.map((record) => (visible(record, namespace) ? "1" : "0")).join("");
    const routing = bySignature.get(signature) ?? meshRouting(all.filter((record) => visible(record, namespace)));
    bySignature.set(signature, routing);
    return routing;
  };
}

const recordOf = byPair(
  (settings: MeshSettings, { object, writtenIn, ofIngress }: Delegating): VirtualServiceRecord => {
    const { namespace } = object.meta;
    const gateways = object.spec.gateways.map((gateway) => gatewayName(gateway, namespace));
    return {
      object,
      writtenIn,
      ...(ofIngress ? { ofIngress } : {}),
      hosts: ofIngress
        ? object.spec.hosts
        : object.spec.hosts.map((host) => resolveHost(host, namespace, settings.domain)),
      gateways: gateways.length === 0 ? [meshGateway] : gateways,
    };
  },
);

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
