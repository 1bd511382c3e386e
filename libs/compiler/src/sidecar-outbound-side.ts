import type * as ir from "@lateen/ir";
import type { Finding } from "@lateen/model";
import { outboundClusters } from "./clusters/outbound.ts";
import { builtInClusters } from "./clusters/special.ts";
import { createContext, indexClusters } from "./context.ts";
import type { Context } from "./context.ts";
import { Findings } from "./findings.ts";
import { compileInputs } from "./inputs.ts";
import { createParts } from "./listeners/handlers.ts";
import { outboundListeners } from "./listeners/sidecar-outbound.ts";
import { portTable, serviceTable } from "./routes/sidecar-tables.ts";
import type { ProxyScope } from "./scope.ts";
import type { MeshSnapshot } from "./snapshot.ts";

/** Everything about the calls an application makes. */
export interface OutboundSide {
  readonly clusters: readonly ir.Cluster[];
  readonly listeners: readonly ir.Listener[];
  readonly routeTables: readonly ir.RouteTable[];
  readonly findings: readonly Finding[];
}

/**
 * By what compilation reads for a caller. A cache of a pure function: never seen from outside. Held weakly, as an IR is
 * several times as large as the bytes that are made of it and kept.
 */
const remembered = new WeakMap<object, WeakRef<OutboundSide>>();

/** The same objects for every workload of a namespace that nothing tells apart when it calls out, which is the rule. */
export function sidecarOutboundSide(snapshot: MeshSnapshot, scope: ProxyScope): OutboundSide {
  const caller = callerOf(scope);
  const inputs = compileInputs(snapshot, caller);
  const earlier = remembered.get(inputs)?.deref();
  if (earlier !== undefined) return earlier;
  const side = compileSide(snapshot, caller);
  remembered.set(inputs, new WeakRef(side));
  return side;
}

/**
 * `scope` without what matters only to calls that come in. Without capture a proxy's listeners share its address with
 * its application, so there everything counts.
 */
function callerOf(scope: ProxyScope): ProxyScope {
  if (scope.interception === "none") return scope;
  return {
    ...scope,
    serves: [],
    gateways: [],
    peerModes: { all: "permissive", ports: {} },
    policies: scope.policies.filter((ref) => ref.startsWith("Telemetry/")),
  };
}

function compileSide(snapshot: MeshSnapshot, scope: ProxyScope): OutboundSide {
  const findings = new Findings();
  const base = createContext(snapshot, scope, findings);
  const clusters = [...outboundClusters(base), ...builtInClusters(base)];
  const context: Context = { ...base, clusters: indexClusters(clusters) };
  const listeners = outboundListeners(createParts(context));
  const refs = new Map(listeners.flatMap(discoveredTables).map((ref) => [JSON.stringify(ref), ref]));
  const routeTables = [...refs.values()].flatMap((ref) => tableOf(context, ref));
  return { clusters, listeners, routeTables, findings: findings.list() };
}

/** Only tables that a listener asks for exist, and each of them does. */
function discoveredTables({ chains, fallback }: ir.Listener): readonly ir.RouteTableRef[] {
  return [...chains, ...(fallback === undefined ? [] : [fallback])].flatMap(({ handler }) =>
    handler.kind === "http" && handler.routes.from === "discovery" ? [handler.routes.ref] : [],
  );
}

function tableOf(context: Context, ref: ir.RouteTableRef): readonly ir.RouteTable[] {
  switch (ref.kind) {
    case "port":
      return [portTable(context, ref.port)];
    case "service": {
      const service = context.services.byHost.get(ref.host);
      return service === undefined ? [] : [serviceTable(context, service, ref.port)];
    }
    default:
      return [];
  }
}
