import type * as ir from "@lateen/ir";
import { ClusterSchema } from "@lateen/protos/envoy/config/cluster/v3/cluster_pb.js";
import { ListenerSchema } from "@lateen/protos/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "@lateen/protos/envoy/config/route/v3/route_pb.js";
import { clusterName, extensionName, listenerName, routeTableName } from "../naming.ts";
import type { BuiltResource } from "../resources.ts";
import type { BuiltProxy } from "../builder.ts";
import { addedResources, extensionNames } from "./additions.ts";
import type { Beside } from "./additions.ts";
import { patchCluster } from "./clusters.ts";
import { patchListener } from "./listeners.ts";
import { picksCluster, picksListener, picksTable } from "./matching.ts";
import { patchResource } from "./patched-resource.ts";
import type { Patched, Patching } from "./patched-resource.ts";
import { patchTable } from "./routes.ts";
import { isAddition } from "./values.ts";
import { listenerProblem, tableProblem } from "./verify.ts";

/** The resources of a proxy, each list in the order of the IR's. */
export interface UnpatchedResources {
  readonly clusters: readonly BuiltResource[];
  readonly listeners: readonly BuiltResource[];
  readonly routeTables: readonly BuiltResource[];
  /** Nobody patches these. */
  readonly others: readonly BuiltResource[];
}

export type Patcher = (proxy: ir.ProxyIr, base: UnpatchedResources, beside?: Beside) => BuiltProxy;

/** Outcomes of one resource that are remembered, by the patches that are for it. */
const remembered = 16;

/**
 * A resource that no patch is for stays the same object, shared with every proxy. The others are made once for each
 * set of patches, whichever proxies have it.
 */
export function createPatcher(): Patcher {
  const outcomes = new WeakMap<BuiltResource, Map<string, Patched>>();
  const key = createKeys();
  const one = (base: BuiltResource, patches: readonly ir.Patch[], make: () => Patched): Patched => {
    if (patches.length === 0) return { resource: base, findings: [] };
    const known = outcomes.get(base) ?? new Map<string, Patched>();
    outcomes.set(base, known);
    const id = key(patches);
    const outcome = known.get(id) ?? make();
    known.set(id, outcome);
    const [oldest] = known.keys();
    if (known.size > remembered && oldest !== undefined) known.delete(oldest);
    return outcome;
  };
  return (proxy, base, beside = nothing) => {
    const { patches = [], additions = [] } = proxy;
    const listenerPatching = patchingOf(
      new Set([...extensionNames(patches), ...(proxy.extensions ?? []).map(extensionName)]),
    );
    const patched = [
      ...proxy.clusters.map((cluster, index) => {
        const own = patches.filter((patch) => isForCluster(patch, cluster));
        return { base: base.clusters[index], own, patching: clusterPatching(cluster.services) };
      }),
      ...proxy.listeners.map((listener, index) => {
        const own = patches.filter((patch) => isForListener(patch, listener));
        return { base: base.listeners[index], own, patching: listenerPatching };
      }),
      ...proxy.routeTables.map((table, index) => {
        const own = patches.filter((patch) => isForTable(patch, table));
        return { base: base.routeTables[index], own, patching: tablePatching };
      }),
    ].flatMap(({ base: resource, own, patching }) =>
      resource === undefined
        ? []
        : [one(resource, own, () => patchResource(resource, own, patching as Patching<typeof ClusterSchema>))],
    );
    const kept = patched.flatMap(({ resource }) => resource ?? []);
    const own = new Set(kept.map(({ typeUrl, name }) => `${typeUrl} ${name}`));
    const has: Beside["has"] = (typeUrl, name) => own.has(`${typeUrl} ${name}`) || beside.has(typeUrl, name);
    const extra = addedResources(additions, { parts: [proxy, ...beside.parts], has });
    return {
      resources: [...kept, ...extra.resources, ...base.others],
      findings: [...patched.flatMap(({ findings }) => findings), ...extra.findings],
    };
  };
}

const nothing: Beside = { parts: [], has: () => false };

/** A short name for a list of patches: the same for the same objects. */
function createKeys(): (patches: readonly ir.Patch[]) => string {
  const numbers = new WeakMap<ir.Patch, number>();
  let last = 0;
  const numberOf = (patch: ir.Patch): number => {
    const number = numbers.get(patch) ?? ++last;
    numbers.set(patch, number);
    return number;
  };
  return (patches) => patches.map(numberOf).join(" ");
}

function clusterPatching(services: readonly ir.ServiceName[]): Patching<typeof ClusterSchema> {
  return {
    schema: ClusterSchema,
    patch: (cluster, patches, applied) => patchCluster(cluster, services, patches, applied),
    problem: () => undefined,
  };
}

function patchingOf(extensions: ReadonlySet<string>): Patching<typeof ListenerSchema> {
  return {
    schema: ListenerSchema,
    patch: patchListener,
    problem: (listener) => listenerProblem(listener, extensions),
  };
}

const tablePatching: Patching<typeof RouteConfigurationSchema> = {
  schema: RouteConfigurationSchema,
  patch: (table, patches, applied) => {
    patchTable(table, patches, applied);
    return table;
  },
  problem: tableProblem,
};

function isForCluster(patch: ir.Patch, { ref, services }: ir.Cluster): boolean {
  const inbound = ref.kind === "inbound" || ref.kind === "inbound-passthrough";
  return (
    patch.target === "cluster" &&
    !isAddition(patch) &&
    isTraffic(patch, inbound ? "inbound" : "outbound") &&
    picksCluster(patch, { name: clusterName(ref) }, services)
  );
}

function isForListener(patch: ir.Patch, listener: ir.Listener): boolean {
  if (!isTraffic(patch, listener.direction)) return false;
  switch (patch.target) {
    case "listener":
    case "filter-chain":
    case "listener-filter":
    case "network-filter":
    case "http-filter":
      return (
        !(patch.target === "listener" && isAddition(patch)) &&
        picksListener(patch, { name: listenerName(listener.ref), port: listener.port })
      );
    case "cluster":
    case "extension":
      return false;
    default:
      return inlineTables(listener).some((table) => picksTable(patch, { name: routeTableName(table.ref) }));
  }
}

/** Tables of their own are there for calls that go out or through a gateway; a sidecar's inbound ones are in listeners. */
function isForTable(patch: ir.Patch, { ref }: ir.RouteTable): boolean {
  const isRoutes =
    patch.target === "route-configuration" || patch.target === "virtual-host" || patch.target === "route";
  return isRoutes && isTraffic(patch, "outbound") && picksTable(patch, { name: routeTableName(ref) });
}

function isTraffic({ traffic }: ir.Patch, actual: "inbound" | "outbound"): boolean {
  return traffic === "any" || traffic === actual;
}

function inlineTables({ chains, fallback }: ir.Listener): readonly ir.RouteTable[] {
  return [...chains, ...(fallback === undefined ? [] : [fallback])].flatMap(({ handler }) =>
    handler.kind === "http" && handler.routes.from === "inline" ? [handler.routes.table] : [],
  );
}
