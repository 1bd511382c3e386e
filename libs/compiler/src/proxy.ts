import type * as ir from "@lateen/ir";
import { compareText } from "@lateen/model";
import type { Finding } from "@lateen/model";
import { outboundClusters } from "./clusters/outbound.ts";
import { builtInClusters, inboundClusters } from "./clusters/special.ts";
import { clusterKey, createContext } from "./context.ts";
import type { Context } from "./context.ts";
import { Findings } from "./findings.ts";
import { gatewayOutput } from "./listeners/gateway.ts";
import { createParts } from "./listeners/handlers.ts";
import type { ListenerParts } from "./listeners/handlers.ts";
import { inboundListeners } from "./listeners/sidecar-inbound.ts";
import { outboundListeners } from "./listeners/sidecar-outbound.ts";
import { portTable, serviceTable } from "./routes/sidecar-tables.ts";
import type { ProxyScope } from "./scope.ts";
import type { MeshSnapshot } from "./snapshot.ts";

export interface Compiled<Value> {
  readonly value: Value;
  readonly findings: readonly Finding[];
}

/**
 * What a proxy of `scope` must do in the mesh of `snapshot`. Total: whatever the configuration says, there is a
 * result, and what could not be done is among the findings. Deterministic: equal meshes give equal results.
 */
export function compileProxy(snapshot: MeshSnapshot, scope: ProxyScope): Compiled<ir.ProxyIr> {
  const findings = new Findings();
  const base = createContext(snapshot, scope, findings);
  const clusters = [...outboundClusters(base), ...builtInClusters(base), ...(scope.type === "sidecar" ? inboundClusters(base) : [])];
  const keyed = clusters.map((cluster) => [clusterKey(cluster.ref), cluster] as const).sort(([left], [right]) => compareText(left, right));
  const context: Context = { ...base, clusters: new Map(keyed) };
  const output = scope.type === "router" ? gatewayOutput(createParts(context)) : sidecarOutput(createParts(context));
  return {
    value: {
      clusters: keyed.map(([, cluster]) => cluster),
      listeners: [...output.listeners].sort(byJson((listener) => listener.ref)),
      routeTables: [...output.routeTables].sort(byJson((table) => table.ref)),
    },
    findings: findings.list(),
  };
}

function sidecarOutput(parts: ListenerParts): Pick<ir.ProxyIr, "listeners" | "routeTables"> {
  const listeners = [...outboundListeners(parts), ...inboundListeners(parts)];
  const refs = new Map(listeners.flatMap(discoveredTables).map((ref) => [JSON.stringify(ref), ref]));
  return { listeners, routeTables: [...refs.values()].flatMap((ref) => tableOf(parts.context, ref)) };
}

/** Only tables that a listener asks for exist, and each of them does. */
function discoveredTables({ chains, fallback }: ir.Listener): readonly ir.RouteTableRef[] {
  return [...chains, ...(fallback === undefined ? [] : [fallback])].flatMap(({ handler }) =>
    (handler.kind === "http" && handler.routes.from === "discovery" ? [handler.routes.ref] : []));
}

function tableOf(context: Context, ref: ir.RouteTableRef): readonly ir.RouteTable[] {
  switch (ref.kind) {
    case "port": return [portTable(context, ref.port)];
    case "service": {
      const service = context.services.byHost.get(ref.host);
      return service === undefined ? [] : [serviceTable(context, service, ref.port)];
    }
    default: return [];
  }
}

function byJson<Item>(key: (item: Item) => unknown): (left: Item, right: Item) => number {
  return (left, right) => compareText(JSON.stringify(key(left)), JSON.stringify(key(right)));
}
