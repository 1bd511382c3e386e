import { compareText, selects } from "@lateen/model";
import type { Endpoint, EndpointSlice, Labels, Locality, Workload } from "@lateen/model";
import { append } from "./ordering.ts";
import type { EntryEndpoint, ServiceRecord } from "./service-record.ts";
import { serviceKey } from "./service-record.ts";
import type { ServiceIndex } from "./services.ts";

/** One address that serves a service, with what is known about who runs there. */
export interface EndpointRecord {
  readonly address: string;
  readonly health: "healthy" | "unhealthy" | "draining";
  readonly weight: number;
  readonly labels: Labels;
  readonly locality: Locality;
  readonly serviceAccount: string;
  readonly namespace: string;
  readonly mutualTls: boolean;
  readonly workload?: Workload;
  /** The port it serves a service port on. */
  portFor(name: string, number: number, targetPort: number): number | undefined;
}

/** What compilation may know of the endpoints of a service; the same object in two snapshots while it says the same. */
export interface SeenEndpoints {
  /** Identities behind it, as `namespace/account`, sorted: what a client's certificate check is made of. */
  readonly accounts: readonly string[];
  readonly allMutualTls: boolean;
  /** Only of headless services, which clients call by endpoint; sorted. */
  readonly addresses: readonly string[];
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
}

export function indexWorkloads(workloads: readonly Workload[]): WorkloadIndex {
  const sorted = [...workloads].sort(byWorkloadName);
  const byAddress = new Map<string, Workload[]>();
  const byNamespace = new Map<string, Workload[]>();
  const byName = new Map<string, Workload>();
  for (const workload of sorted) {
    byName.set(`${workload.registry}/${workload.namespace}/${workload.name}`, workload);
    append(byNamespace, workload.namespace, workload);
    for (const address of workload.addresses) append(byAddress, address, workload);
  }
  return { byAddress, byName, byNamespace };
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
  const keys = new Set([...slicesByKey.keys(), ...services.all.filter(hasOwnEndpoints).map((service) => service.key)]);
  for (const key of [...keys].sort()) {
    const own = (slicesByKey.get(key) ?? []).sort(bySliceName);
    const service = services.byKey.get(key);
    const selected = service === undefined ? [] : selectedWorkloads(service, workloads);
    const joined = own.map((slice) => slice.endpoints.map((endpoint) => workloadOf(slice, endpoint, workloads)));
    const entry = service?.entryEndpoints ?? [];
    const sources = [...own, ...joined.flat(), ...selected, ...entry, service?.headless];
    const known = previous?.groups.get(key);
    groups.set(
      key,
      known !== undefined && equalLists(known.sources, sources)
        ? known
        : createGroup({ key, sources, headless: service?.headless === true, previous: known?.seen }, [
            ...recordsOfSlices(own, joined),
            ...selected.map(recordOfWorkload),
            ...recordsOfEntryEndpoints(service, workloads),
          ]),
    );
  }
  return { groups, workloads };
}

function hasOwnEndpoints(service: ServiceRecord): boolean {
  return service.entryEndpoints.length > 0 || service.workloadSelector !== undefined;
}

function equalLists(left: readonly unknown[], right: readonly unknown[]): boolean {
  return left.length === right.length && left.every((value, index) => value === right[index]);
}

function bySliceName(left: EndpointSlice, right: EndpointSlice): number {
  return compareText(left.registry, right.registry) || compareText(left.name, right.name);
}

interface GroupIdentity {
  readonly key: string;
  readonly sources: readonly unknown[];
  readonly headless: boolean;
  readonly previous: SeenEndpoints | undefined;
}

function createGroup({ key, sources, headless, previous }: GroupIdentity, records: EndpointRecord[]): EndpointGroup {
  const sorted = records.sort(
    (left, right) => compareText(left.address, right.address) || compareText(left.serviceAccount, right.serviceAccount),
  );
  const seen = seenOf(sorted, headless);
  const same = previous !== undefined && JSON.stringify(previous) === JSON.stringify(seen);
  return { key, sources, records: sorted, seen: same ? previous : seen };
}

function seenOf(records: readonly EndpointRecord[], headless: boolean): SeenEndpoints {
  const accounts = records
    .filter((record) => record.serviceAccount !== "")
    .map((record) => `${record.namespace}/${record.serviceAccount}`);
  return {
    accounts: [...new Set(accounts)].sort(),
    allMutualTls: records.length > 0 && records.every((record) => record.mutualTls),
    addresses: headless ? records.map((record) => record.address) : [],
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

function selectedWorkloads(service: ServiceRecord, workloads: WorkloadIndex): readonly Workload[] {
  const selector = service.workloadSelector;
  if (selector === undefined) return [];
  return (workloads.byNamespace.get(service.namespace) ?? []).filter((workload) => selects(selector, workload.labels));
}

function recordsOfSlices(
  slices: readonly EndpointSlice[],
  joined: readonly (readonly (Workload | undefined)[])[],
): EndpointRecord[] {
  const records = new Map<string, EndpointRecord>();
  for (const [sliceIndex, slice] of slices.entries()) {
    for (const [index, endpoint] of slice.endpoints.entries()) {
      const [address] = endpoint.addresses;
      if (address === undefined) continue;
      const record = recordOfSliceEndpoint(slice, endpoint, address, joined[sliceIndex]?.[index]);
      // Two slices may carry one address with different ports.
      const known = records.get(address);
      records.set(address, known === undefined ? record : bothPorts(known, record));
    }
  }
  return [...records.values()];
}

function bothPorts(first: EndpointRecord, second: EndpointRecord): EndpointRecord {
  return {
    ...first,
    health: first.health === "healthy" ? first.health : second.health,
    portFor: (name, number, target) => first.portFor(name, number, target) ?? second.portFor(name, number, target),
  };
}

function recordOfSliceEndpoint(
  slice: EndpointSlice,
  endpoint: Endpoint,
  address: string,
  workload: Workload | undefined,
): EndpointRecord {
  return {
    address,
    health: endpoint.terminating
      ? endpoint.serving
        ? "draining"
        : "unhealthy"
      : endpoint.ready
        ? "healthy"
        : "unhealthy",
    weight: 1,
    labels: workload?.labels ?? {},
    locality: workload?.locality ?? { region: "", zone: endpoint.zone, subzone: "" },
    serviceAccount: workload?.serviceAccount ?? "",
    namespace: workload?.namespace ?? slice.namespace,
    mutualTls: workload?.mutualTls ?? false,
    ...(workload === undefined ? {} : { workload }),
    portFor: (name) =>
      slice.ports.find((port) => port.name === name)?.number ??
      (slice.ports.length === 1 && (slice.ports[0]?.name ?? "") === "" ? slice.ports[0]?.number : undefined),
  };
}

function recordOfWorkload(workload: Workload): EndpointRecord {
  return {
    address: workload.addresses[0] ?? "",
    health: "healthy",
    weight: 1,
    labels: workload.labels,
    locality: workload.locality,
    serviceAccount: workload.serviceAccount,
    namespace: workload.namespace,
    mutualTls: workload.mutualTls,
    workload,
    portFor: (name, number, targetPort) => workload.ports[name] ?? (targetPort || number),
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
    health: "healthy",
    weight: endpoint.weight || 1,
    labels: endpoint.labels,
    locality: localityOf(endpoint.locality),
    serviceAccount: endpoint.serviceAccount || (workload?.serviceAccount ?? ""),
    namespace,
    mutualTls: endpoint.labels["security.istio.io/tlsMode"] === "istio" || (workload?.mutualTls ?? false),
    ...(workload === undefined ? {} : { workload }),
    portFor: (name, number, targetPort) => endpoint.ports[name] ?? (targetPort || number),
  };
}

/** `region/zone/subzone`. */
export function localityOf(text: string): Locality {
  const [region = "", zone = "", subzone = ""] = text.split("/");
  return { region, zone, subzone };
}
