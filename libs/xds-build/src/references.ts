import type * as ir from "@lateen/ir";
import { clusterName, grpcServerName, grpcTableName, listenerName, routeTableName, secretName } from "./naming.ts";
import { clustersOfTracing } from "./tracing.ts";

/** A resource that names another one which is not there, or is there twice. */
export interface DanglingReference {
  readonly kind: "cluster" | "listener" | "route table";
  readonly name: string;
  readonly usedBy: string;
}

/**
 * What listeners and route tables refer to without the proxy having it, and names that appear twice. Empty is the
 * only acceptable answer before an IR's resources are published. Of an IR in parts, all of them are to be given; each is
 * looked through once.
 */
export function verifyReferences(...parts: readonly ir.ProxyIr[]): readonly DanglingReference[] {
  const summaries = parts.map(summaryOf);
  return [...repeated(summaries), ...missing(summaries)];
}

interface Use {
  readonly kind: DanglingReference["kind"];
  readonly name: string;
  readonly usedBy: string;
}

type Names = Readonly<Record<DanglingReference["kind"], ReadonlySet<string>>>;

/** What a part defines and what it needs from others. */
interface Summary {
  readonly names: Names;
  readonly repeated: readonly DanglingReference[];
  readonly unmet: readonly Use[];
}

const summaries = new WeakMap<ir.ProxyIr, Summary>();

function summaryOf(part: ir.ProxyIr): Summary {
  const known = summaries.get(part);
  if (known !== undefined) return known;
  const { grpc } = part;
  const lists = {
    cluster: [...part.clusters, ...(grpc?.clusters ?? [])].map((cluster) => clusterName(cluster.ref)),
    "route table": [
      ...part.routeTables.map((table) => routeTableName(table.ref)),
      ...(grpc?.tables ?? []).map(({ service }) => grpcTableName(service)),
    ],
    listener: [
      ...part.listeners.map((listener) => listenerName(listener.ref)),
      ...(grpc?.clients ?? []).map(({ target }) => target),
      ...(grpc?.servers ?? []).map(grpcServerName),
    ],
  };
  const names: Names = {
    cluster: new Set(lists.cluster),
    "route table": new Set(lists["route table"]),
    listener: new Set(lists.listener),
  };
  const made = {
    names,
    repeated: kinds.flatMap((kind) => twice(kind, lists[kind])),
    unmet: [...clusterUses(part), ...tableUses(part), ...grpcUses(part)].filter(
      ({ kind, name }) => !names[kind].has(name),
    ),
  };
  summaries.set(part, made);
  return made;
}

const kinds = ["cluster", "route table", "listener"] as const;

function twice(kind: DanglingReference["kind"], names: readonly string[]): readonly DanglingReference[] {
  const seen = new Set<string>();
  return names.filter((name) => seen.has(name) || !seen.add(name)).map((name) => second(kind, name));
}

function second(kind: DanglingReference["kind"], name: string): DanglingReference {
  return { kind, name, usedBy: `${name} (a second one)` };
}

/** In a part, or of a later part in an earlier one. */
function repeated(all: readonly Summary[]): readonly DanglingReference[] {
  return all.flatMap((summary, index) => [
    ...summary.repeated,
    ...(index === 0
      ? []
      : kinds.flatMap((kind) =>
          [...summary.names[kind]]
            .filter((name) => all.slice(0, index).some((earlier) => earlier.names[kind].has(name)))
            .map((name) => second(kind, name)),
        )),
  ]);
}

function missing(all: readonly Summary[]): readonly DanglingReference[] {
  const unmet = all
    .flatMap((summary) => summary.unmet)
    .filter(({ kind, name }) => !all.some(({ names }) => names[kind].has(name)));
  return [...new Map(unmet.map((use) => [`${use.kind} ${use.name} ${use.usedBy}`, use])).values()];
}

function clusterUses(proxy: ir.ProxyIr): readonly Use[] {
  const byTables = proxy.routeTables.flatMap((table) => namedBy(routeTableName(table.ref), clustersOfTable(table)));
  const byListeners = proxy.listeners.flatMap((listener) =>
    namedBy(listenerName(listener.ref), handlersOf(listener).flatMap(clustersOfHandler)),
  );
  return [...byTables, ...byListeners];
}

function namedBy(usedBy: string, clusters: readonly ir.ClusterRef[]): readonly Use[] {
  return clusters.map((cluster) => ({ kind: "cluster", name: clusterName(cluster), usedBy }));
}

function tableUses(proxy: ir.ProxyIr): readonly Use[] {
  return proxy.listeners.flatMap((listener) =>
    handlersOf(listener).flatMap((handler) =>
      handler.kind === "http" && handler.routes.from === "discovery"
        ? [{ kind: "route table", name: routeTableName(handler.routes.ref), usedBy: listenerName(listener.ref) }]
        : [],
    ),
  );
}

function grpcUses({ grpc }: ir.ProxyIr): readonly Use[] {
  const byTables = (grpc?.tables ?? []).flatMap(({ service, routes }) =>
    namedBy(grpcTableName(service), clustersOfRoutes(routes)),
  );
  const byClients = (grpc?.clients ?? []).map(({ target, service }) => ({
    kind: "route table" as const,
    name: grpcTableName(service),
    usedBy: target,
  }));
  return [...byTables, ...byClients];
}

function handlersOf({ chains, fallback }: ir.Listener): readonly (ir.HttpHandler | ir.TcpHandler)[] {
  return [...chains, ...(fallback === undefined ? [] : [fallback])].map((chain) => chain.handler);
}

function clustersOfTable(table: ir.RouteTable): readonly ir.ClusterRef[] {
  return clustersOfRoutes(table.virtualHosts.flatMap((host) => host.routes));
}

function clustersOfRoutes(routes: readonly ir.Route[]): readonly ir.ClusterRef[] {
  return routes.flatMap(({ action }) =>
    action.kind === "forward" ? [...action.targets, ...(action.mirrors ?? [])].map((target) => target.cluster) : [],
  );
}

function clustersOfHandler(handler: ir.HttpHandler | ir.TcpHandler): readonly ir.ClusterRef[] {
  const logs = handler.accessLogs.flatMap((log) => (log.kind === "grpc" ? [log.cluster] : []));
  const external = handler.externalAuthorization.map((step) => step.service.cluster);
  if (handler.kind === "tcp") return [...logs, ...external, ...handler.targets.map((target) => target.cluster)];
  const inline = handler.routes.from === "inline" ? clustersOfTable(handler.routes.table) : [];
  const traces = handler.tracing === undefined ? [] : clustersOfTracing(handler.tracing);
  return [...logs, ...external, ...traces, ...handler.rateLimiting.map((call) => call.cluster), ...inline];
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
