import type * as ir from "@lateen/ir";
import { clusterName, listenerName, routeTableName, secretName } from "./naming.ts";

/** A resource that names another one which is not there, or is there twice. */
export interface DanglingReference {
  readonly kind: "cluster" | "listener" | "route table";
  readonly name: string;
  readonly usedBy: string;
}

/**
 * What listeners and route tables refer to without the proxy having it, and names that appear twice. Empty is the
 * only acceptable answer before an IR's resources are published.
 */
export function verifyReferences(proxy: ir.ProxyIr): readonly DanglingReference[] {
  const clusters = proxy.clusters.map((cluster) => clusterName(cluster.ref));
  const tables = proxy.routeTables.map((table) => routeTableName(table.ref));
  const listeners = proxy.listeners.map((listener) => listenerName(listener.ref));
  return [
    ...repeated("cluster", clusters),
    ...repeated("listener", listeners),
    ...repeated("route table", tables),
    ...missing("cluster", new Set(clusters), clusterUses(proxy)),
    ...missing("route table", new Set(tables), tableUses(proxy)),
  ];
}

interface Use {
  readonly name: string;
  readonly usedBy: string;
}

function repeated(kind: DanglingReference["kind"], names: readonly string[]): readonly DanglingReference[] {
  const seen = new Set<string>();
  return names
    .filter((name) => seen.has(name) || !seen.add(name))
    .map((name) => ({ kind, name, usedBy: `${name} (a second one)` }));
}

function missing(
  kind: DanglingReference["kind"],
  present: ReadonlySet<string>,
  uses: readonly Use[],
): readonly DanglingReference[] {
  const found = new Map(uses.filter((use) => !present.has(use.name)).map((use) => [`${use.name} ${use.usedBy}`, use]));
  return [...found.values()].map((use) => ({ kind, ...use }));
}

function clusterUses(proxy: ir.ProxyIr): readonly Use[] {
  const byTables = proxy.routeTables.flatMap((table) => namedBy(routeTableName(table.ref), clustersOfTable(table)));
  const byListeners = proxy.listeners.flatMap((listener) =>
    namedBy(listenerName(listener.ref), handlersOf(listener).flatMap(clustersOfHandler)),
  );
  return [...byTables, ...byListeners];
}

function namedBy(usedBy: string, clusters: readonly ir.ClusterRef[]): readonly Use[] {
  return clusters.map((cluster) => ({ name: clusterName(cluster), usedBy }));
}

function tableUses(proxy: ir.ProxyIr): readonly Use[] {
  return proxy.listeners.flatMap((listener) =>
    handlersOf(listener).flatMap((handler) =>
      handler.kind === "http" && handler.routes.from === "discovery"
        ? [{ name: routeTableName(handler.routes.ref), usedBy: listenerName(listener.ref) }]
        : [],
    ),
  );
}

function handlersOf({ chains, fallback }: ir.Listener): readonly (ir.HttpHandler | ir.TcpHandler)[] {
  return [...chains, ...(fallback === undefined ? [] : [fallback])].map((chain) => chain.handler);
}

function clustersOfTable(table: ir.RouteTable): readonly ir.ClusterRef[] {
  return table.virtualHosts
    .flatMap((host) => host.routes)
    .flatMap(({ action }) =>
      action.kind === "forward" ? [...action.targets, ...(action.mirrors ?? [])].map((target) => target.cluster) : [],
    );
}

function clustersOfHandler(handler: ir.HttpHandler | ir.TcpHandler): readonly ir.ClusterRef[] {
  const logs = handler.accessLogs.flatMap((log) => (log.kind === "grpc" ? [log.cluster] : []));
  const external = handler.externalAuthorization.map((step) => step.service.cluster);
  if (handler.kind === "tcp") return [...logs, ...external, ...handler.targets.map((target) => target.cluster)];
  const inline = handler.routes.from === "inline" ? clustersOfTable(handler.routes.table) : [];
  return [...logs, ...external, ...handler.rateLimiting.map((call) => call.cluster), ...inline];
}

/** Names of the secrets a proxy will ask the control plane for: certificates of gateways. */
export function secretNames(proxy: ir.ProxyIr): readonly string[] {
  return [
    ...new Set([...proxy.listeners.flatMap(secretsOfListener), ...proxy.clusters.flatMap(secretsOfCluster)]),
  ].sort();
}

function secretsOfListener({ chains }: ir.Listener): readonly string[] {
  return chains.flatMap(({ tls }) => {
    if (tls?.mode !== "certificate") return [];
    const trust = tls.client.mode !== "none" && tls.client.trust.kind === "secret" ? [tls.client.trust.name] : [];
    const own = tls.certificates.flatMap((certificate) => (certificate.kind === "secret" ? [certificate.name] : []));
    return [...own, ...trust].map(secretName);
  });
}

function secretsOfCluster({ tls }: ir.Cluster): readonly string[] {
  if (tls.mode !== "originate") return [];
  const own = tls.client?.kind === "secret" ? [tls.client.name] : [];
  const trust = tls.trust.kind === "secret" ? [tls.trust.name] : [];
  return [...own, ...trust].map(secretName);
}
