import type * as ir from "@lateen/ir";
import {
  buildEndpoints,
  clusterResource,
  listenerResource,
  nameTableResource,
  routeTableResource,
} from "./resources.ts";
import type { BuiltResource } from "./resources.ts";

/** `buildResources` and `buildEndpoints` that remember. */
export interface Builder {
  build(proxy: ir.ProxyIr): BuiltResource[];
  buildEndpoints(set: ir.EndpointSet): BuiltResource;
}

/**
 * A builder that gives the very same object for equal parts of any IR: proxies share what they have in common, and of
 * a change only what it touches is encoded again. Remembers at least the last `capacity` parts of each kind, at most
 * twice as many.
 */
export function createBuilder(options: { readonly capacity?: number } = {}): Builder {
  const capacity = options.capacity ?? 20_000;
  const cluster = memo<ir.Cluster>(clusterResource, capacity);
  const listener = memo<ir.Listener>(listenerResource, capacity);
  const table = memo<ir.RouteTable>(routeTableResource, capacity);
  const names = memo<ir.NameTable>(nameTableResource, capacity);
  return {
    build: (proxy) => [
      ...proxy.clusters.map(cluster),
      ...proxy.listeners.map(listener),
      ...proxy.routeTables.map(table),
      ...(proxy.nameTable === undefined ? [] : [names(proxy.nameTable)]),
    ],
    buildEndpoints: memo<ir.EndpointSet>(buildEndpoints, capacity),
  };
}

/** First by identity, which costs nothing, then by content. Two generations stand in for an exact order of use. */
function memo<Node extends object>(
  build: (node: Node) => BuiltResource,
  capacity: number,
): (node: Node) => BuiltResource {
  const byIdentity = new WeakMap<Node, BuiltResource>();
  let recent = new Map<string, BuiltResource>();
  let older = new Map<string, BuiltResource>();
  const byContent = (node: Node): BuiltResource => {
    const key = JSON.stringify(node);
    const known = recent.get(key) ?? older.get(key) ?? build(node);
    recent.set(key, known);
    if (recent.size >= capacity) {
      older = recent;
      recent = new Map();
    }
    return known;
  };
  return (node) => {
    const known = byIdentity.get(node);
    if (known !== undefined) return known;
    const resource = byContent(node);
    byIdentity.set(node, resource);
    return resource;
  };
}
