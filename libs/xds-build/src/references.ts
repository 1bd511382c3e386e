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
 * looked through once, and so is what the same parts before it have in common with it.
 */
export function verifyReferences(...parts: readonly ir.ProxyIr[]): readonly DanglingReference[] {
  const { repeated, unmet } = parts.reduce((earlier, part) => afterPart(earlier, part), nothing);
  return [...repeated, ...new Map(unmet.map((use) => [`${use.kind} ${use.name} ${use.usedBy}`, use])).values()];
}

interface Use {
  readonly kind: DanglingReference["kind"];
  readonly name: string;
  readonly usedBy: string;
}

type Names = Readonly<Record<DanglingReference["kind"], ReadonlySet<string>>>;

/** What some parts define and what they need from others. */
interface Summary {
  readonly names: readonly Names[];
  readonly repeated: readonly DanglingReference[];
  readonly unmet: readonly Use[];
  /** Hosts of later parts that need no other clusters than there are. */
  readonly metHosts: WeakSet<ir.VirtualHost>;
}

const nothing: Summary = { names: [], repeated: [], unmet: [], metHosts: new WeakSet() };

const summaries = new WeakMap<Summary, WeakMap<ir.ProxyIr, Summary>>();

function afterPart(earlier: Summary, part: ir.ProxyIr): Summary {
  const known = summaries.get(earlier) ?? new WeakMap<ir.ProxyIr, Summary>();
  summaries.set(earlier, known);
  const summary = known.get(part) ?? summaryOf(earlier, part);
  known.set(part, summary);
  return summary;
}

function summaryOf(earlier: Summary, part: ir.ProxyIr): Summary {
  const { lists, own } = namesOf(part);
  const defined = [...earlier.names, own];
  const isKnown = ({ kind, name }: Use): boolean => defined.some((each) => each[kind].has(name));
  const uses = [...hostUses(part, earlier), ...listenerUses(part), ...grpcUses(part)];
  return {
    names: defined,
    repeated: [...earlier.repeated, ...kinds.flatMap((kind) => twice(kind, lists[kind], earlier.names))],
    unmet: [...earlier.unmet, ...uses].filter((use) => !isKnown(use)),
    metHosts: new WeakSet(),
  };
}

type NameLists = Readonly<Record<DanglingReference["kind"], readonly string[]>>;

const names = new WeakMap<ir.ProxyIr, { readonly lists: NameLists; readonly own: Names }>();

/** What a part defines, with repetitions and without; looked for once. */
function namesOf(part: ir.ProxyIr): { readonly lists: NameLists; readonly own: Names } {
  const known = names.get(part);
  if (known !== undefined) return known;
  const lists = nameListsOf(part);
  const { cluster, listener } = lists;
  const own = {
    cluster: new Set(cluster),
    "route table": new Set(lists["route table"]),
    listener: new Set(listener),
  };
  const made = { lists, own };
  names.set(part, made);
  return made;
}

function nameListsOf({ clusters, routeTables, listeners, grpc }: ir.ProxyIr): NameLists {
  return {
    cluster: [...clusters, ...(grpc?.clusters ?? [])].map(({ ref }) => clusterName(ref)),
    "route table": [
      ...routeTables.map(({ ref }) => routeTableName(ref)),
      ...(grpc?.tables ?? []).map(({ service }) => grpcTableName(service)),
    ],
    listener: [
      ...listeners.map(({ ref }) => listenerName(ref)),
      ...(grpc?.clients ?? []).map(({ target }) => target),
      ...(grpc?.servers ?? []).map(grpcServerName),
    ],
  };
}

const kinds = ["cluster", "route table", "listener"] as const;

/** In a part, or of a later part in an earlier one. */
function twice(
  kind: DanglingReference["kind"],
  names: readonly string[],
  earlier: readonly Names[],
): readonly DanglingReference[] {
  const seen = new Set<string>();
  return names
    .filter((name) => seen.has(name) || !seen.add(name) || earlier.some((each) => each[kind].has(name)))
    .map((name) => ({ kind, name, usedBy: `${name} (a second one)` }));
}

/** What the hosts of tables use, but for hosts that have been looked at and have all they need of `earlier`. */
function hostUses({ routeTables }: ir.ProxyIr, { names, metHosts }: Summary): readonly Use[] {
  return routeTables.flatMap((table) => {
    const usedBy = routeTableName(table.ref);
    return table.virtualHosts.flatMap((host) => {
      if (metHosts.has(host)) return [];
      const uses = namedBy(usedBy, clustersOfRoutes(host.routes));
      if (uses.every(({ name }) => names.some(({ cluster }) => cluster.has(name)))) metHosts.add(host);
      return uses;
    });
  });
}

/** What listeners use: clusters, and route tables that they discover. */
function listenerUses({ listeners }: ir.ProxyIr): readonly Use[] {
  return listeners.flatMap(usesOfListener);
}

const listenersUses = new WeakMap<ir.Listener, readonly Use[]>();

function usesOfListener(listener: ir.Listener): readonly Use[] {
  const known = listenersUses.get(listener);
  if (known !== undefined) return known;
  const usedBy = listenerName(listener.ref);
  const { chains, fallback } = listener;
  const uses = [
    ...namedBy(usedBy, clustersOfLogs(listener.accessLogs ?? [])),
    ...[...chains, ...(fallback === undefined ? [] : [fallback])].flatMap((chain) =>
      namesInChain(chain).map(({ kind, name }) => ({ kind, name, usedBy })),
    ),
  ];
  listenersUses.set(listener, uses);
  return uses;
}

const chainsNames = new WeakMap<ir.FilterChain, readonly Omit<Use, "usedBy">[]>();

/** Looked for once: many chains are in the listeners of all workloads. */
function namesInChain(chain: ir.FilterChain): readonly Omit<Use, "usedBy">[] {
  const known = chainsNames.get(chain);
  if (known !== undefined) return known;
  const { handler } = chain;
  const clusters = new Set([...clustersOfSecrets(chain), ...clustersOfHandler(handler)].map(clusterName));
  const names = [
    ...[...clusters].map((name) => ({ kind: "cluster" as const, name })),
    ...(handler.kind === "http" && handler.routes.from === "discovery"
      ? [{ kind: "route table" as const, name: routeTableName(handler.routes.ref) }]
      : []),
  ];
  chainsNames.set(chain, names);
  return names;
}

function clustersOfSecrets({ tls }: ir.FilterChain): readonly ir.ClusterRef[] {
  if (tls?.mode !== "certificate") return [];
  const trust = tls.client.mode === "none" ? [] : [tls.client.trust];
  return [...tls.certificates, ...trust].flatMap((one) => (one.kind === "foreign-secret" ? [one.from] : []));
}

function namedBy(usedBy: string, clusters: readonly ir.ClusterRef[]): readonly Use[] {
  return clusters.map((cluster) => ({ kind: "cluster", name: clusterName(cluster), usedBy }));
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

function clustersOfTable(table: ir.RouteTable): readonly ir.ClusterRef[] {
  return clustersOfRoutes(table.virtualHosts.flatMap((host) => host.routes));
}

function clustersOfRoutes(routes: readonly ir.Route[]): readonly ir.ClusterRef[] {
  return routes.flatMap(({ action }) =>
    action.kind === "forward" ? [...action.targets, ...(action.mirrors ?? [])].map((target) => target.cluster) : [],
  );
}

/** But for what proxies know from their start. */
function clustersOfLogs(logs: readonly ir.AccessLog[]): readonly ir.ClusterRef[] {
  return logs.flatMap((log) => (log.kind === "file" || log.cluster.kind === "access-log-service" ? [] : [log.cluster]));
}

function clustersOfHandler(handler: ir.HttpHandler | ir.TcpHandler): readonly ir.ClusterRef[] {
  const logs = clustersOfLogs(handler.accessLogs);
  const external = handler.externalAuthorization.flatMap((step) => (step.kind === "ask" ? [step.service.cluster] : []));
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
