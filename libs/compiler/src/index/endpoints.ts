import { compareText, isEmptyRecord, isIpv4, selects } from "@lateen/model";
import type { Endpoint, EndpointPort, EndpointSlice, Labels, Locality, Workload } from "@lateen/model";
import { append, sameList } from "./ordering.ts";
import type { EntryEndpoint, ServiceRecord } from "./service-record.ts";
import { serviceKey } from "./service-record.ts";
import type { ServiceIndex } from "./services.ts";
import { localityOf } from "./locality.ts";
import { entryRegistry, hasAddress, hasIp, speaksMutualTls } from "./workload-entries.ts";
import { canonicalOf, homeCluster, workloadLabel } from "./workload-label.ts";

/** One address that serves a service, with what is known about who runs there. */
export interface EndpointRecord {
  /** The primary one; a name only behind services that resolve names, or a socket as `unix:///path`. */
  readonly address: string;
  /** All of them: one of each family where the workload has two. */
  readonly addresses: readonly string[];
  /** The workload's own name under its headless service; empty where it has none. */
  readonly hostname: string;
  /** `draining`: it goes and still answers; `gone`: it is no part of its service, neither now nor soon. */
  readonly health: "healthy" | "unhealthy" | "draining" | "gone";
  readonly weight: number;
  readonly labels: Labels;
  readonly locality: Locality;
  readonly serviceAccount: string;
  readonly namespace: string;
  readonly registry: string;
  /** As it says itself; empty where its address or registry tells. */
  readonly network: string;
  readonly mutualTls: boolean;
  readonly workload?: Workload;
  /** What telemetry says of it; may be empty. */
  readonly label: string;
  /** What `portFor` knows besides the service's own ports. */
  readonly ports: readonly EndpointPort[] | Readonly<Record<string, number>>;
  /** The port it serves a service port on. */
  portFor(name: string, number: number, targetPort: number): number | undefined;
}

/** What compilation may know of the endpoints of a service; the same object in two snapshots while it says the same. */
export interface SeenEndpoints {
  /** Identities behind it, as `namespace/account`, sorted: what a client's certificate check is made of. */
  readonly accounts: readonly string[];
  readonly allMutualTls: boolean;
  /** Only of services whose clusters or listeners are made of them: headless ones, and those that resolve names. */
  readonly records: readonly EndpointRecord[];
}

/** All endpoints of one service, sorted. The object is the same in two snapshots while nothing in it changed. */
export interface EndpointGroup {
  readonly key: string;
  readonly records: readonly EndpointRecord[];
  readonly seen: SeenEndpoints;
  /** Inputs, to recognise that nothing changed. */
  readonly sources: readonly unknown[];
}

export interface EndpointIndex {
  readonly groups: ReadonlyMap<string, EndpointGroup>;
  readonly workloads: WorkloadIndex;
}

export interface WorkloadIndex {
  readonly byAddress: ReadonlyMap<string, readonly Workload[]>;
  readonly byName: ReadonlyMap<string, Workload>;
  readonly byNamespace: ReadonlyMap<string, readonly Workload[]>;
  readonly byRegistry: ReadonlySet<string>;
  /** That some workload is known to be in. */
  readonly clusters: ReadonlySet<string>;
}

export function indexWorkloads(workloads: readonly Workload[]): WorkloadIndex {
  const sorted = [...workloads].sort(byWorkloadName);
  const byAddress = new Map<string, Workload[]>();
  const byNamespace = new Map<string, Workload[]>();
  const byName = new Map<string, Workload>();
  for (const workload of sorted) {
    byName.set(`${workload.registry}/${workload.namespace}/${workload.name}`, workload);
    append(byNamespace, workload.namespace, workload);
    for (const address of workload.addresses) if (address !== "") append(byAddress, address, workload);
  }
  const clusters = new Set(sorted.map(clusterOf).filter((cluster) => cluster !== ""));
  return { byAddress, byName, byNamespace, byRegistry: new Set(sorted.map((workload) => workload.registry)), clusters };
}

/** Where a workload is; empty: nobody knows. A platform's are where it is, what is written by hand says it by a label. */
export function clusterOf({ registry, cluster, labels }: Workload): string {
  return registry === entryRegistry ? (labels["topology.istio.io/cluster"] ?? "") : cluster;
}

function byWorkloadName(left: Workload, right: Workload): number {
  return (
    compareText(left.namespace, right.namespace) ||
    compareText(left.name, right.name) ||
    compareText(left.registry, right.registry)
  );
}

/** Groups of `previous` are kept, as the same objects, where none of their inputs changed. */
export function indexEndpoints(
  slices: readonly EndpointSlice[],
  workloads: WorkloadIndex,
  services: ServiceIndex,
  previous?: EndpointIndex,
): EndpointIndex {
  const slicesByKey = new Map<string, EndpointSlice[]>();
  for (const slice of slices) append(slicesByKey, serviceKey(slice.namespace, slice.serviceHost), slice);
  const groups = new Map<string, EndpointGroup>();
  const hasEntries = workloads.byRegistry.has(entryRegistry);
  const withoutSlices = services.all.filter((service) => hasOwnEndpoints(service) || (hasEntries && service.platform));
  const keys = new Set([...slicesByKey.keys(), ...withoutSlices.map((service) => service.key)]);
  for (const key of [...keys].sort()) {
    const own = (slicesByKey.get(key) ?? []).sort(bySliceName);
    const service = services.byKey.get(key);
    const selected = service === undefined ? [] : selectedWorkloads(service, workloads);
    const joined = own.map((slice) => slice.endpoints.map((endpoint) => workloadOf(slice, endpoint, workloads)));
    const entry = service?.entryEndpoints ?? [];
    const sources = [...own, ...joined.flat(), ...selected, ...entry, ...shapeOf(service)];
    const known = previous?.groups.get(key);
    groups.set(
      key,
      known !== undefined && sameList(known.sources, sources)
        ? known
        : createGroup({ key, sources, service, previous: known?.seen }, [
            ...recordsOfSlices(own, joined, service?.publishNotReady === true),
            ...selected.map((workload) => recordOfWorkload(workload, service)),
            ...recordsOfEntryEndpoints(service, workloads),
          ]),
    );
  }
  return { groups, workloads };
}

/** What of the service itself counts for its group. */
function shapeOf(service: ServiceRecord | undefined): readonly unknown[] {
  return [service?.headless, service?.publishNotReady, service?.resolution, ...(service?.ports ?? [])];
}

function hasOwnEndpoints(service: ServiceRecord): boolean {
  return service.entryEndpoints.length > 0 || service.workloadSelector !== undefined;
}

function bySliceName(left: EndpointSlice, right: EndpointSlice): number {
  return compareText(left.registry, right.registry) || compareText(left.name, right.name);
}

interface GroupIdentity {
  readonly key: string;
  readonly sources: readonly unknown[];
  readonly service: ServiceRecord | undefined;
  readonly previous: SeenEndpoints | undefined;
}

function createGroup({ key, sources, service, previous }: GroupIdentity, records: EndpointRecord[]): EndpointGroup {
  const sorted = records.sort(
    (left, right) => compareText(left.address, right.address) || compareText(left.serviceAccount, right.serviceAccount),
  );
  const seen = seenOf(sorted, service);
  const same = previous !== undefined && JSON.stringify(previous) === JSON.stringify(seen);
  return { key, sources, records: sorted, seen: same ? previous : seen };
}

function seenOf(records: readonly EndpointRecord[], service: ServiceRecord | undefined): SeenEndpoints {
  const accounts = records
    .filter((record) => record.serviceAccount !== "")
    .map((record) => `${record.namespace}/${record.serviceAccount}`);
  const inClusters = service?.headless === true || service?.resolution.startsWith("dns") === true;
  return {
    accounts: [...new Set(accounts)].sort(),
    allMutualTls: records.length > 0 && records.every((record) => record.mutualTls),
    records: inClusters ? records : [],
  };
}

/** By the name of the pod the slice gives, else by address, best from the slice's registry and namespace. */
function workloadOf(slice: EndpointSlice, endpoint: Endpoint, workloads: WorkloadIndex): Workload | undefined {
  if (endpoint.target !== "") {
    const named = workloads.byName.get(`${slice.registry}/${slice.namespace}/${endpoint.target}`);
    if (named !== undefined) return named;
  }
  const [address = ""] = endpoint.addresses;
  return workloadAt(workloads, address, slice.namespace, slice.registry);
}

export function workloadAt(
  workloads: WorkloadIndex,
  address: string,
  namespace: string,
  registry = "",
): Workload | undefined {
  const candidates = workloads.byAddress.get(address) ?? [];
  return (
    candidates.find((candidate) => candidate.namespace === namespace && candidate.registry === registry) ??
    candidates.find((candidate) => candidate.namespace === namespace)
  );
}

/**
 * What a service finds by itself: a ServiceEntry pods and WorkloadEntries, a platform's service only the latter, as its
 * pods come by slices. Names and sockets are for services that resolve.
 */
function selectedWorkloads(service: ServiceRecord, workloads: WorkloadIndex): readonly Workload[] {
  const here = workloads.byNamespace.get(service.namespace) ?? [];
  const resolves = service.resolution.startsWith("dns");
  const bySelector = service.workloadSelector;
  const byEntry =
    bySelector === undefined
      ? []
      : here.filter(
          (workload) => selects(bySelector, workload.labels) && (resolves ? hasAddress(workload) : hasIp(workload)),
        );
  const { platform, selector, externalName } = service;
  if (!platform || isEmptyRecord(selector) || externalName !== "") return byEntry;
  const byPlatform = here.filter(
    (workload) => workload.registry === entryRegistry && selects(selector, workload.labels) && hasIp(workload),
  );
  return [...new Set([...byEntry, ...byPlatform])];
}

function recordsOfSlices(
  slices: readonly EndpointSlice[],
  joined: readonly (readonly (Workload | undefined)[])[],
  publishNotReady: boolean,
): EndpointRecord[] {
  const records = new Map<string, EndpointRecord>();
  for (const [sliceIndex, slice] of slices.entries()) {
    for (const [index, endpoint] of slice.endpoints.entries()) {
      const [address] = endpoint.addresses;
      if (address === undefined) continue;
      const workload = joined[sliceIndex]?.[index];
      const record = recordOfSliceEndpoint(slice, endpoint, { address, workload, publishNotReady });
      // Two slices may carry one address with different ports, or the two addresses of one pod.
      const key = workload === undefined ? address : `${workload.registry}/${workload.namespace}/${workload.name}`;
      const known = records.get(key);
      records.set(key, known === undefined ? record : bothPorts(known, record));
    }
  }
  return [...records.values()];
}

function bothPorts(first: EndpointRecord, second: EndpointRecord): EndpointRecord {
  return {
    ...first,
    ...addressesOf([...first.addresses, ...second.addresses], first.workload),
    hostname: first.hostname || second.hostname,
    ports: [...portsOf(first), ...portsOf(second)],
    health: first.health === "healthy" ? first.health : second.health,
    portFor: (name, number, target) => first.portFor(name, number, target) ?? second.portFor(name, number, target),
  };
}

function portsOf({ ports }: EndpointRecord): readonly EndpointPort[] {
  return Array.isArray(ports) ? ports : Object.entries(ports).map(([name, number]) => ({ name, number }));
}

/** In the workload's own order, where it is known; else IPv4 first. */
function addressesOf(
  found: readonly string[],
  workload: Workload | undefined,
): { readonly address: string; readonly addresses: readonly string[] } {
  const own = (workload?.addresses ?? []).filter((address) => found.includes(address));
  const others = found.filter((address) => !own.includes(address));
  const addresses = [...new Set([...own, ...others.filter(isIpv4), ...others.filter((each) => !isIpv4(each))])];
  return { address: addresses[0] ?? "", addresses };
}

function recordOfSliceEndpoint(
  slice: EndpointSlice,
  endpoint: Endpoint,
  {
    address,
    workload,
    publishNotReady,
  }: { readonly address: string; readonly workload: Workload | undefined; readonly publishNotReady: boolean },
): EndpointRecord {
  return {
    address,
    addresses: [address],
    hostname: endpoint.hostname,
    health: healthOf(endpoint, workload, publishNotReady),
    weight: 1,
    labels: workload?.labels ?? {},
    locality: workload?.locality ?? { region: "", zone: endpoint.zone, subzone: "" },
    serviceAccount: workload?.serviceAccount ?? "",
    namespace: workload?.namespace ?? slice.namespace,
    registry: slice.registry,
    network: workload?.network ?? "",
    mutualTls: workload?.mutualTls ?? false,
    ...(workload === undefined ? {} : { workload }),
    label: workload === undefined ? "" : labelOf(workload),
    ports: slice.ports,
    portFor: (name) =>
      slice.ports.find((port) => port.name === name)?.number ??
      (slice.ports.length === 1 && (slice.ports[0]?.name ?? "") === "" ? slice.ports[0]?.number : undefined),
  };
}

/** A label takes a pod's requests away before it stops. */
const drainingLabel = "istio.io/draining";

function healthOf(
  { ready, serving, terminating }: Endpoint,
  workload: Workload | undefined,
  publishNotReady: boolean,
): EndpointRecord["health"] {
  if (isDrained(workload?.labels ?? {})) return "draining";
  if (terminating) return serving ? "draining" : "gone";
  return ready || publishNotReady ? "healthy" : "unhealthy";
}

function labelOf(workload: Workload): string {
  return workloadLabel({ ...workload, workloadName: workload.workloadName || workload.name });
}

function isDrained(labels: Labels): boolean {
  return (labels[drainingLabel] ?? "") !== "";
}

function recordOfWorkload(workload: Workload, service: ServiceRecord | undefined): EndpointRecord {
  const ports = service?.platform === true && service.workloadSelector === undefined ? service.ports : [];
  const named = new Map(ports.map((port) => [port.name, port.targetPortName]));
  return {
    ...addressesOf(workload.addresses, workload),
    hostname: "",
    health: workload.unready ? "gone" : isDrained(workload.labels) ? "draining" : "healthy",
    weight: workload.weight ?? 1,
    labels: workload.labels,
    locality: workload.locality,
    serviceAccount: workload.serviceAccount,
    namespace: workload.namespace,
    registry: workload.registry,
    network: workload.network,
    mutualTls: workload.mutualTls,
    workload,
    label: labelOf(workload),
    ports: workload.ports,
    portFor: (name, number, targetPort) =>
      workload.ports[name] ?? workload.ports[named.get(name) ?? ""] ?? (targetPort || number),
  };
}

function recordsOfEntryEndpoints(service: ServiceRecord | undefined, workloads: WorkloadIndex): EndpointRecord[] {
  return (service?.entryEndpoints ?? []).map((endpoint) =>
    recordOfEntryEndpoint(endpoint, service?.namespace ?? "", workloads),
  );
}

function recordOfEntryEndpoint(endpoint: EntryEndpoint, namespace: string, workloads: WorkloadIndex): EndpointRecord {
  const workload = workloadAt(workloads, endpoint.address, namespace);
  return {
    address: endpoint.address,
    addresses: [endpoint.address],
    hostname: "",
    health: "healthy",
    weight: endpoint.weight || 1,
    labels: endpoint.labels,
    locality: localityOf(endpoint.locality),
    serviceAccount: endpoint.serviceAccount || (workload?.serviceAccount ?? ""),
    namespace,
    registry: workload?.registry ?? "",
    network: endpoint.network || (workload?.network ?? ""),
    mutualTls:
      speaksMutualTls(endpoint.labels, endpoint.serviceAccount) ||
      (endpoint.labels["security.istio.io/tlsMode"] === undefined && (workload?.mutualTls ?? false)),
    ...(workload === undefined ? {} : { workload }),
    label: workload === undefined ? labelOfEntry(endpoint, namespace) : labelOf(workload),
    ports: endpoint.ports,
    portFor: (name, number, targetPort) => endpoint.ports[name] ?? (targetPort || number),
  };
}

function labelOfEntry({ workloadName, labels }: EntryEndpoint, namespace: string): string {
  return workloadLabel({ workloadName, namespace, cluster: homeCluster, ...canonicalOf(labels, workloadName) });
}
