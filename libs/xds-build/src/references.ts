import type { ir } from "./ir.ts";
import { clusterName, listenerName, routeTableName } from "./naming.ts";

/** A name that is used and not defined; Envoy would answer 503 or wait for ever. */
export interface DanglingReference {
  readonly kind: "cluster" | "route";
  readonly name: string;
  /** The listener or route table that uses it. */
  readonly usedBy: string;
}

/** Every name that this proxy's listeners and routes use and its clusters and route tables do not define. */
export function verifyReferences(proxy: ir.ProxyIr): readonly DanglingReference[] {
  const clusters = new Set(proxy.clusters.map((cluster) => clusterName(cluster.ref)));
  const tables = new Set(proxy.routeTables.map((table) => routeTableName(table.ref)));
  const dangling: DanglingReference[] = [];
  const useCluster = (ref: ir.ClusterRef, usedBy: string): void => {
    const name = clusterName(ref);
    if (!clusters.has(name)) dangling.push({ kind: "cluster", name, usedBy });
  };
  for (const table of proxy.routeTables)
    for (const ref of clustersOfTable(table)) useCluster(ref, routeTableName(table.ref));
  for (const listener of proxy.listeners) {
    const usedBy = listenerName(listener.ref);
    for (const { handler } of [...listener.chains, ...(listener.fallback ? [listener.fallback] : [])]) {
      for (const ref of clustersOfHandler(handler)) useCluster(ref, usedBy);
      if (handler.kind !== "http" || handler.routes.from !== "discovery") continue;
      const name = routeTableName(handler.routes.ref);
      if (!tables.has(name)) dangling.push({ kind: "route", name, usedBy });
    }
  }
  return dangling;
}

function clustersOfTable(table: ir.RouteTable): readonly ir.ClusterRef[] {
  return table.virtualHosts.flatMap((host) =>
    host.routes.flatMap(({ action }) =>
      action.kind === "forward" ? [...action.targets, ...(action.mirrors ?? [])].map((target) => target.cluster) : [],
    ),
  );
}

function clustersOfHandler(handler: ir.HttpHandler | ir.TcpHandler): readonly ir.ClusterRef[] {
  const shared = [
    ...handler.externalAuthorization.map((external) => external.service.cluster),
    ...handler.accessLogs.flatMap((log) => (log.kind === "grpc" ? [log.cluster] : [])),
  ];
  if (handler.kind === "tcp") return [...shared, ...handler.targets.map((target) => target.cluster)];
  const inline = handler.routes.from === "inline" ? clustersOfTable(handler.routes.table) : [];
  return [...shared, ...handler.rateLimiting.map((limiting) => limiting.cluster), ...inline];
}
