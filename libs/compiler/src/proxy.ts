import type * as ir from "@lateen/ir";
import { compareText } from "@lateen/model";
import type { Finding } from "@lateen/model";
import { outboundClusters } from "./clusters/outbound.ts";
import { builtInClusters, inboundClusters } from "./clusters/special.ts";
import { clusterKey, createContext, indexClusters } from "./context.ts";
import { Findings } from "./findings.ts";
import { gatewayOutput } from "./listeners/gateway.ts";
import { createParts } from "./listeners/handlers.ts";
import { inboundListeners } from "./listeners/sidecar-inbound.ts";
import type { ProxyScope } from "./scope.ts";
import { sidecarOutboundSide } from "./sidecar-outbound-side.ts";
import type { MeshSnapshot } from "./snapshot.ts";

export interface Compiled<Value> {
  readonly value: Value;
  readonly findings: readonly Finding[];
}

/**
 * What a proxy of `scope` must do in the mesh of `snapshot`. Total: whatever the configuration says, there is a
 * result, and what could not be done is among the findings. Deterministic: equal meshes give equal results. Parts that
 * two scopes have in common are the same objects in both results.
 */
export function compileProxy(snapshot: MeshSnapshot, scope: ProxyScope): Compiled<ir.ProxyIr> {
  const findings = new Findings();
  const { clusters, listeners, routeTables, ...rest } =
    scope.type === "router" ? compileRouter(snapshot, scope, findings) : compileSidecar(snapshot, scope, findings);
  return {
    value: {
      clusters: sortedBy(clusters, (cluster) => clusterKey(cluster.ref)),
      listeners: sortedBy(listeners, (listener) => JSON.stringify(listener.ref)),
      routeTables: sortedBy(routeTables, (table) => JSON.stringify(table.ref)),
      ...rest,
    },
    findings: findings.list(),
  };
}

function compileSidecar(snapshot: MeshSnapshot, scope: ProxyScope, findings: Findings): ir.ProxyIr {
  const outbound = sidecarOutboundSide(snapshot, scope);
  for (const finding of outbound.findings) findings.add(finding);
  const base = createContext(snapshot, scope, findings);
  const clusters = [...outbound.clusters, ...inboundClusters(base)];
  const inbound = inboundListeners(createParts({ ...base, clusters: indexClusters(clusters) }));
  const { routeTables, nameTable } = outbound;
  const listeners = [...outbound.listeners, ...inbound];
  return { clusters, listeners, routeTables, ...(nameTable === undefined ? {} : { nameTable }) };
}

function compileRouter(snapshot: MeshSnapshot, scope: ProxyScope, findings: Findings): ir.ProxyIr {
  const base = createContext(snapshot, scope, findings);
  const clusters = [...outboundClusters(base), ...builtInClusters(base)];
  return { clusters, ...gatewayOutput(createParts({ ...base, clusters: indexClusters(clusters) })) };
}

function sortedBy<Item>(items: readonly Item[], key: (item: Item) => string): readonly Item[] {
  const keyed = items.map((item) => [key(item), item] as const);
  return keyed.sort(([left], [right]) => compareText(left, right)).map(([, item]) => item);
}
