import type * as ir from "@lateen/ir";
import type { Finding } from "@lateen/model";
import { answersAlike, withObservedBinary } from "./binary.ts";
import type { AskedOfBinary } from "./binary.ts";
import { outboundClusters } from "./clusters/outbound.ts";
import { builtInClusters } from "./clusters/special.ts";
import { behind, createContext, indexClusters } from "./context.ts";
import type { Context, KnownClusters } from "./context.ts";
import { withWishes } from "./proxy-wishes.ts";
import { inOrder } from "./in-order.ts";
import { Findings } from "./findings.ts";
import { compileInputs } from "./inputs.ts";
import { sameList } from "./index/ordering.ts";
import { byIdentity } from "./index/remember.ts";
import { visibleServices } from "./index/services.ts";
import type { VisibleServices } from "./index/services.ts";
import { meshRouting } from "./index/virtual-services.ts";
import { createParts } from "./listeners/handlers.ts";
import { outboundListeners } from "./listeners/sidecar-outbound.ts";
import { nameTable } from "./name-table.ts";
import { openTable, portTable, serviceTable } from "./routes/sidecar-tables.ts";
import { rememberedStep } from "./remembered-step.ts";
import { callerKey } from "./scope.ts";
import type { ProxyScope } from "./scope.ts";
import type { MeshSettings } from "./settings.ts";
import type { MeshSnapshot } from "./snapshot.ts";
import type { EgressView } from "./view/caller-view.ts";
import { isHttpProxy } from "./view/egress.ts";

/** Everything about the calls an application makes. */
export interface OutboundSide {
  /** What there is to call, and how calls get there; each in order. */
  readonly parts: readonly [callable: ir.ProxyIr, calls: ir.ProxyIr];
  readonly clusters: KnownClusters;
  readonly findings: readonly Finding[];
}

interface Remembered {
  readonly asked: AskedOfBinary;
  /** Weakly, as an IR is several times as large as the bytes that are made of it and kept. */
  readonly side: WeakRef<OutboundSide>;
}

/** By what compilation reads for a caller. A cache of a pure function: never seen from outside. */
const remembered = new WeakMap<object, Remembered[]>();
/** Whoever holds on to the calls has the rest of the side, too. */
const sides = new WeakMap<ir.ProxyIr, OutboundSide>();

/** The same objects for every workload of a namespace that nothing tells apart when it calls out, which is the rule. */
export function sidecarOutboundSide(snapshot: MeshSnapshot, scope: ProxyScope): OutboundSide {
  const caller = callerOf(snapshot, scope);
  const inputs = compileInputs(snapshot, anyBinary(caller));
  const known = (remembered.get(inputs) ?? []).filter(({ side }) => side.deref() !== undefined);
  const earlier = known.find(({ asked }) => answersAlike(asked, caller))?.side.deref();
  if (earlier !== undefined) return earlier;
  const { scope: observed, asked } = withObservedBinary(caller);
  const side = compileSide(snapshot, observed);
  remembered.set(inputs, [...known, { asked, side: new WeakRef(side) }]);
  sides.set(side.parts[1], side);
  return side;
}

/** What a caller may read does not depend on its binary. */
const anyBinary = byIdentity(
  ({ extensions: _extensions, ...caller }: ProxyScope): ProxyScope => ({ ...caller, features: [] }),
);

/**
 * `scope` without what matters only to calls that come in. Without capture a proxy's listeners share its address with
 * its application, so there everything counts. Where the proxy is concerns only endpoints that are compiled with it.
 */
function callerOf(snapshot: MeshSnapshot, scope: ProxyScope): ProxyScope {
  return snapshot.vantage.compiled ? placedCaller(scope) : unplacedCaller(scope);
}

const placedCaller = byIdentity((scope: ProxyScope) => asCaller(scope, true));
const unplacedCaller = byIdentity((scope: ProxyScope) => asCaller(scope, false));

function asCaller(scope: ProxyScope, placed: boolean): ProxyScope {
  const { patches: _patches, unloadable: _unloadable, trafficExtensions: _extensions, ...more } = scope;
  const { traced: _traced, ...unpatched } = more;
  if (scope.interception === "none") return unpatched;
  const { vantage, ...rest } = unpatched;
  return {
    ...rest,
    ...(vantage !== undefined && placed ? { vantage } : {}),
    serves: [],
    gateways: [],
    peerModes: { all: "permissive", ports: {} },
    policies: scope.policies.filter((ref) => ref.startsWith("Telemetry/")),
  };
}

function compileSide(snapshot: MeshSnapshot, scope: ProxyScope): OutboundSide {
  const findings = new Findings();
  const base = createContext(snapshot, scope, findings);
  const callable = callablePart(base, base.services, callerKey(scope));
  const clusters = indexClusters(callable.clusters);
  const context: Context = { ...base, clusters };
  const listeners = listenersOf(context, context.services, callerKey(scope));
  const refs = new Map(listeners.flatMap(discoveredTables).map((ref) => [JSON.stringify(ref), ref]));
  const routeTables = [...refs.values()].flatMap((ref) => tableOf(context, ref));
  const names = scope.dnsCapture ? { nameTable: nameTable(context) } : {};
  const calls = withWishes({ clusters: [], listeners, routeTables, ...names }, scope.wishes);
  return { parts: [callable, inOrder(calls)], clusters, findings: findings.list() };
}

/** A part of its own, as most changes leave it as it is, and as it is the same for callers of most namespaces. */
const callablePart = rememberedStep(
  (context, _services: VisibleServices): ir.ProxyIr => {
    const clusters = [...outboundClusters(context), ...builtIn(context, context.settings, "")];
    const part = withWishes({ clusters, listeners: [], routeTables: [] }, context.scope.wishes);
    return shared(inOrder(part));
  },
  { whole: ["policies", "endpoints"] },
);

const listenersOf = rememberedStep((context, _services: VisibleServices) => outboundListeners(createParts(context)), {
  whole: ["policies", "endpoints"],
});

/** The same objects for callers that nothing of it tells apart. */
const builtIn = rememberedStep((context, _settings: MeshSettings) => builtInClusters(context));

/** Parts of clusters that were made lately. */
const recent: WeakRef<ir.ProxyIr>[] = [];
const recentParts = 16;

/** An earlier part of the very same clusters, if there is one. */
function shared(part: ir.ProxyIr): ir.ProxyIr {
  for (const reference of recent) {
    const earlier = reference.deref();
    if (earlier !== undefined && sameList(earlier.clusters, part.clusters)) return earlier;
  }
  recent.unshift(new WeakRef(part));
  recent.splice(recentParts);
  return part;
}

/** Only tables that a listener asks for exist, and each of them does. */
function discoveredTables({ chains, fallback }: ir.Listener): readonly ir.RouteTableRef[] {
  return [...chains, ...(fallback === undefined ? [] : [fallback])].flatMap(({ handler }) =>
    handler.kind === "http" && handler.routes.from === "discovery" ? [handler.routes.ref] : [],
  );
}

function tableOf(context: Context, ref: ir.RouteTableRef): readonly ir.RouteTable[] {
  const egress = egressOf(context, ref);
  if (egress === undefined) return [];
  const inner = behind(context, egress);
  switch (ref.kind) {
    case "port":
      return [isHttpProxy(egress.listener?.port?.protocol ?? "") ? openTable(inner, ref) : portTable(inner, ref.port)];
    case "service": {
      const service = inner.listed.byHost.get(ref.host);
      return service === undefined ? [] : [serviceTable(inner, service, ref.port)];
    }
    case "socket":
    case "http-proxy":
      return [openTable(inner, ref)];
    default:
      return [];
  }
}

/** The egress listener whose hosts are behind a table: the first for its port or socket, else the one for all ports. */
function egressOf({ view }: Context, ref: ir.RouteTableRef): EgressView | undefined {
  const general = view.egress.find(({ listener }) => listener?.port === undefined);
  switch (ref.kind) {
    case "port":
      return view.egress.find(({ listener }) => listener?.port?.number === ref.port) ?? general;
    case "socket":
      return view.egress.find(({ listener }) => listener?.bind === ref.path);
    case "service":
      return view.egress.find(({ services }) => services.byHost.has(ref.host));
    default:
      return general ?? nothing;
  }
}

/** Where a Sidecar imports hosts for single ports only. */
const nothing: EgressView = { services: visibleServices([], ""), routing: meshRouting([]) };
