import type * as ir from "@lateen/ir";
import type { ObjectRef } from "@lateen/model";
import { addressedFor } from "./addressing.ts";
import { containsExtension } from "./binary.ts";
import type { EnvoyFeature } from "./envoy-features.ts";
import type { Findings } from "./findings.ts";
import type { DestinationPolicy } from "./index/destination-rules.ts";
import type { SeenEndpoints } from "./index/endpoints.ts";
import { byIdentity } from "./index/remember.ts";
import type { ServiceRecord } from "./index/service-record.ts";
import type { VisibleServices } from "./index/services.ts";
import type { MeshRouting, VirtualServiceRecord } from "./index/virtual-services.ts";
import type { ProxyScope } from "./scope.ts";
import type { MeshSettings } from "./settings.ts";
import type { MeshSnapshot } from "./snapshot.ts";
import type { CallerView, EgressView } from "./view/caller-view.ts";

/** Indexes a compilation sees only in part: a change elsewhere in them must not concern it. */
export type ScopedIndex = "services" | "virtualServices" | "destinationRules" | "sidecars" | "endpoints";

/** What every step of one compilation shares. */
export interface Context {
  /** Only what `inputs.ts` watches as a whole; services and rules are reached through what is below. */
  readonly snapshot: Omit<MeshSnapshot, "state" | "objects" | "views" | "inputs" | ScopedIndex>;
  readonly settings: MeshSettings;
  readonly scope: ProxyScope;
  readonly view: CallerView;
  /** Everything the proxy has a cluster for. */
  readonly services: VisibleServices;
  /** What callers find through the listener at hand, and the rules there. */
  readonly listed: VisibleServices;
  readonly routing: MeshRouting;
  policyFor(service: ServiceRecord): DestinationPolicy | undefined;
  endpointsOf(service: ServiceRecord): SeenEndpoints | undefined;
  /** Rules bound to `namespace/name` of a gateway. */
  boundTo(gateway: string): readonly VirtualServiceRecord[];
  readonly findings: Findings;
  /** What the questions above are answered from: while that is the same object, so are the answers. Absent: nobody knows. */
  readonly sources?: Sources | undefined;
  /** The clusters this proxy gets, by `clusterKey`; a route may refer to no other. */
  readonly clusters: KnownClusters;
}

export interface Sources {
  readonly policies: object;
  readonly endpoints: object;
  /** Rules bound to gateways. */
  readonly bound: object;
}

export type KnownClusters = Pick<ReadonlyMap<string, ir.Cluster>, "get" | "has" | "values">;

export function clusterKey(ref: ir.ClusterRef): string {
  switch (ref.kind) {
    case "outbound":
      return `${ref.port}|${ref.subset}|${ref.host}`;
    case "sni":
      return `sni ${ref.port}|${ref.subset}|${ref.host}`;
    case "inbound":
      return `inbound ${ref.port}`;
    default:
      return ref.kind;
  }
}

/** Worked out once for one list. */
export const indexClusters = byIdentity((clusters: readonly ir.Cluster[]): KnownClusters => {
  return new Map(clusters.map((cluster) => [clusterKey(cluster.ref), cluster]));
});

/** `own` clusters before `others`, without a copy of these. */
export function clustersBeside(own: KnownClusters, others: KnownClusters): KnownClusters {
  return {
    get: (key) => own.get(key) ?? others.get(key),
    has: (key) => own.has(key) || others.has(key),
    values: () => new Set([...own.values(), ...others.values()]).values(),
  };
}

export function createContext(snapshot: MeshSnapshot, scope: ProxyScope, findings: Findings): Context {
  const view = snapshot.views.viewOf(scope);
  const services = addressedFor(view.services, scope, snapshot.settings);
  return {
    snapshot,
    scope,
    findings,
    view,
    clusters: new Map(),
    settings: snapshot.settings,
    services,
    listed: services,
    routing: snapshot.virtualServices.inMesh(scope.namespace),
    policyFor: (service) => snapshot.destinationRules.policyFor(scope, service),
    endpointsOf: (service) => snapshot.endpoints.groups.get(service.key)?.seen,
    boundTo: (gateway) => snapshot.virtualServices.boundTo(gateway, scope.namespace),
    sources: {
      policies: snapshot.destinationRules,
      endpoints: snapshot.endpoints,
      bound: snapshot.virtualServices,
    },
  };
}

/** `context` for one of the view's egress listeners. */
export function behind(context: Context, { services, routing }: EgressView): Context {
  return { ...context, listed: addressedFor(services, context.scope, context.settings), routing };
}

export function supports({ scope }: Pick<Context, "scope">, extension: string): boolean {
  return containsExtension(scope, extension);
}

/** Whether the release knows a field that not every Envoy does. */
export function knows(context: Context, feature: EnvoyFeature): boolean {
  return context.scope.features.includes(feature);
}

/** As `supports`, and tells the owner of `object` what is left out when it does not. */
export function requires(context: Context, extension: string, object: ObjectRef, consequence: string): boolean {
  const present = supports(context, extension);
  if (!present) {
    context.findings.warn(
      object,
      "extension-missing",
      `the proxy's Envoy does not contain ${extension}: ${consequence}`,
    );
  }
  return present;
}

/** Stands for the proxy itself in findings that no configuration object causes. */
export function proxyRef(context: Context): ObjectRef {
  const { type, namespace, serves, gateways } = context.scope;
  return { kind: "Proxy", namespace, name: serves[0]?.name ?? gateways[0]?.split("/").at(-1) ?? type };
}
