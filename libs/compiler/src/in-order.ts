import type * as ir from "@lateen/ir";
import { compareText } from "@lateen/model";
import { clusterKey } from "./context.ts";

/** By name, so that the order in which things were found shows nowhere. */
export function inOrder({ clusters, listeners, routeTables, ...rest }: ir.ProxyIr): ir.ProxyIr {
  return {
    clusters: sortedBy(clusters, (cluster) => clusterKey(cluster.ref)),
    listeners: sortedBy(listeners, (listener) => JSON.stringify(listener.ref)),
    routeTables: sortedBy(routeTables, (table) => JSON.stringify(table.ref)),
    ...rest,
  };
}

function sortedBy<Item>(items: readonly Item[], key: (item: Item) => string): readonly Item[] {
  const keyed = items.map((item) => [key(item), item] as const);
  return keyed.sort(([left], [right]) => compareText(left, right)).map(([, item]) => item);
}
