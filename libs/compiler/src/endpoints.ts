import type * as ir from "@lateen/ir";
import { isEmptyRecord, isIp, selects } from "@lateen/model";
import { usableAddresses } from "./addressing.ts";
import { clusterOf } from "./index/endpoints.ts";
import type { EndpointGroup, EndpointRecord } from "./index/endpoints.ts";
import { peerModeAt, peerModesFor } from "./index/peer-modes.ts";
import { acrossNetworks } from "./networks/across.ts";
import type { NetworkIndex } from "./networks/index-networks.ts";
import { serviceKey } from "./index/service-record.ts";
import type { ServiceRecord } from "./index/service-record.ts";
import type { ProxyScope } from "./scope.ts";
import { inPlaces, localitiesOf } from "./spread/places.ts";
import { vantageKey } from "./spread/vantage.ts";
import type { MeshSnapshot } from "./snapshot.ts";

/** Which endpoint sets a proxy needs: one for each cluster that discovers endpoints, in cluster order. */
export function endpointQueries(proxy: ir.ProxyIr): readonly ir.EndpointQuery[] {
  const clusters = [...proxy.clusters, ...(proxy.grpc?.clusters ?? [])];
  return clusters.flatMap(({ discovery }) => (discovery.kind === "endpoints" ? [discovery.query] : []));
}

/** Two scopes of equal keys are given equal sets for equal queries. */
export function endpointsKey({ families, vantage }: ProxyScope): string {
  return vantage === undefined ? families : `${families} ${vantageKey(vantage)}`;
}

/** Whether every query has the same answer in both. */
export function sameEndpoints(left: MeshSnapshot, right: MeshSnapshot): boolean {
  return (
    left.endpoints === right.endpoints &&
    left.services === right.services &&
    left.settings === right.settings &&
    left.peerAuthentications === right.peerAuthentications &&
    left.networks === right.networks
  );
}

interface Remembered {
  readonly policies: MeshSnapshot["peerAuthentications"];
  readonly service: ServiceRecord | undefined;
  readonly networks: NetworkIndex;
  readonly sets: Map<string, ir.EndpointSet>;
  /** As `sets`, for queries met before, by `endpointsKey`. */
  readonly byQuery: Map<string, WeakMap<ir.EndpointQuery, ir.EndpointSet>>;
}

/** Results by endpoint group: a group is immutable, so this is a cache and never seen from outside. */
const remembered = new WeakMap<EndpointGroup, Remembered>();

/**
 * The endpoints lane: where the cluster of `query` sends connections now. The result is the same object as long as
 * nothing about it changed, whichever proxy asks.
 */
export function compileEndpoints(snapshot: MeshSnapshot, scope: ProxyScope, query: ir.EndpointQuery): ir.EndpointSet {
  const group = snapshot.endpoints.groups.get(serviceKey(query.namespace, query.cluster.host));
  if (group === undefined) return { cluster: query.cluster, localities: [] };
  const memory = memoryOf(snapshot, group);
  const asked = endpointsKey(scope);
  const known = memory.byQuery.get(asked)?.get(query);
  if (known !== undefined) return known;
  // Only a query that asks for it depends on where the proxy is.
  const anywhere = query.spread === undefined && query.sameCluster === undefined && !snapshot.networks.divided;
  const key = `${anywhere ? scope.families : asked} ${JSON.stringify(query)}`;
  const set = memory.sets.get(key) ?? endpointSet(snapshot, group, { query, scope });
  memory.sets.set(key, set);
  const byQuery = memory.byQuery.get(asked) ?? new WeakMap<ir.EndpointQuery, ir.EndpointSet>();
  memory.byQuery.set(asked, byQuery.set(query, set));
  return set;
}

function memoryOf({ services, peerAuthentications, networks }: MeshSnapshot, group: EndpointGroup): Remembered {
  const service = services.byKey.get(group.key);
  const known = remembered.get(group);
  if (known?.policies === peerAuthentications && known.service === service && known.networks === networks) return known;
  const memory = { policies: peerAuthentications, service, networks, sets: new Map(), byQuery: new Map() };
  remembered.set(group, memory);
  return memory;
}

function endpointSet(
  snapshot: MeshSnapshot,
  group: EndpointGroup,
  { query, scope }: { readonly query: ir.EndpointQuery; readonly scope: ProxyScope },
): ir.EndpointSet {
  const port = snapshot.services.byKey
    .get(group.key)
    ?.ports.find((candidate) => candidate.number === query.cluster.port);
  const members: { readonly record: EndpointRecord; readonly endpoint: ir.EndpointAddress }[] = [];
  for (const record of group.records) {
    if (!isCounted(record, query) || !isReachable(record.address)) continue;
    if (!isEmptyRecord(query.labels) && !selects(query.labels, record.labels)) continue;
    const number = record.portFor(query.portName, query.cluster.port, port?.targetPort ?? 0);
    if (number === undefined) continue;
    const endpoint = endpointAddress(snapshot, record, { port: number, scope });
    if (query.onlyMutualTls && !endpoint.mutualTls) continue;
    if (query.sameCluster && isElsewhere(record, scope.vantage?.cluster)) continue;
    members.push({ record, endpoint });
  }
  const { networks } = snapshot;
  const { vantage = {} } = scope;
  const reached = networks.divided
    ? acrossNetworks(members, { networks, scope, stays: query.stays === true })
    : members;
  const known = reached.filter(({ endpoint }) => endpoint.address !== "");
  return { cluster: query.cluster, localities: localitiesOf(inPlaces(known), query.spread, vantage) };
}

/**
 * What is not ready yet gets no requests, but a place is as full as the share of its endpoints that are ready. What goes
 * counts no more.
 */
function isCounted({ health }: EndpointRecord, query: ir.EndpointQuery): boolean {
  return health === "healthy" || (health === "unhealthy" && query.onlyReady !== true);
}

function isElsewhere({ workload }: EndpointRecord, cluster: string | undefined): boolean {
  const own = workload === undefined ? "" : clusterOf(workload);
  return cluster !== undefined && own !== "" && own !== cluster;
}

/** Names are for clusters that resolve them. What has no address is reached by its network's gateways, if at all. */
function isReachable(address: string): boolean {
  return isIp(address) || address.startsWith("unix:") || address === "";
}

function endpointAddress(
  snapshot: MeshSnapshot,
  record: EndpointRecord,
  { port, scope }: { readonly port: number; readonly scope: ProxyScope },
): ir.EndpointAddress {
  const [address = record.address, ...others] = usableAddresses(record.addresses, scope);
  const dual = snapshot.settings.dualStack && scope.families === "dual" && others.length > 0;
  return {
    address,
    ...(dual ? { alternates: others } : {}),
    port,
    weight: record.weight,
    ...(record.health === "unhealthy" ? { unready: true } : {}),
    mutualTls: record.mutualTls && acceptsMutualTls(snapshot, record, port),
    workload: record.label,
  };
}

/** A server whose PeerAuthentication disables mutual TLS on a port answers only plaintext there. */
function acceptsMutualTls(snapshot: MeshSnapshot, record: EndpointRecord, port: number): boolean {
  const modes = peerModesFor(snapshot.peerAuthentications, record.namespace, record.labels);
  return peerModeAt(modes, port) !== "disable";
}
