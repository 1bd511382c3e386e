import { compareText, formatRef, mostSpecificMatch, isWildcard } from "@lateen/model";
import type { Finding, MeshObject, Service } from "@lateen/model";
import { Findings } from "../findings.ts";
import type { ServiceEntry } from "../istio.ts";
import type { MeshSettings } from "../settings.ts";
import { byOwnership, recordOfService, recordsOfEntry } from "./service-record.ts";
import type { RecordPort, ServiceRecord } from "./service-record.ts";
import { append } from "./ordering.ts";
import { byPair } from "./remember.ts";
import { isPublic, isVisible } from "./visibility.ts";

export interface ServicePortRecord {
  readonly service: ServiceRecord;
  readonly port: RecordPort;
}

/** Services one namespace may call, one for each host, sorted by host. */
export interface VisibleServices {
  readonly all: readonly ServiceRecord[];
  readonly byHost: ReadonlyMap<string, ServiceRecord>;
  readonly byPort: ReadonlyMap<number, readonly ServicePortRecord[]>;
  /** By exact host or alias, else by the most specific wildcard service. */
  find(host: string): ServiceRecord | undefined;
}

export interface ServiceIndex {
  readonly all: readonly ServiceRecord[];
  readonly byKey: ReadonlyMap<string, ServiceRecord>;
  readonly byNamespace: ReadonlyMap<string, readonly ServiceRecord[]>;
  /** Hosts that are declared twice. */
  readonly findings: readonly Finding[];
  /** All that are exported to a namespace, sorted by host; several may declare one host. */
  exportedTo(namespace: string): readonly ServiceRecord[];
  visibleFrom(namespace: string): VisibleServices;
}

/** Same services in any order give the same index. Two services of one namespace and host are merged. */
export function indexServices(
  services: readonly Service[],
  entries: readonly MeshObject<ServiceEntry>[],
  settings: MeshSettings,
): ServiceIndex {
  const findings = new Findings();
  const records = [...services.map(recordOfService), ...entries.flatMap(recordsOfEntry)].sort(byOwnership);
  const byKey = new Map<string, ServiceRecord>();
  for (const record of records) {
    const earlier = byKey.get(record.key);
    if (earlier !== undefined) tellOfMerge(earlier, record, findings);
    byKey.set(record.key, earlier === undefined ? record : merged(earlier, record));
  }
  const all = [...byKey.values()].sort((left, right) => compareText(left.host, right.host) || byOwnership(left, right));
  const byNamespace = new Map<string, ServiceRecord[]>();
  for (const record of all) append(byNamespace, record.namespace, record);
  return { all, byKey, byNamespace, findings: findings.list(), ...views(all, settings.exportTo.services) };
}

/** Namespaces that see the same services share one view: most meshes hide nothing, so there is one in all. */
function views(
  all: readonly ServiceRecord[],
  otherwise: readonly string[],
): Pick<ServiceIndex, "exportedTo" | "visibleFrom"> {
  const hosts = new Map<string, number>();
  for (const { host } of all) hosts.set(host, (hosts.get(host) ?? 0) + 1);
  const isEverywhere = (record: ServiceRecord): boolean =>
    record.ownNamespaceOnly === undefined && isPublic(record.exportTo, otherwise);
  const special = all.filter((record) => hosts.get(record.host) !== 1 || !isEverywhere(record));
  const isSeen = (record: ServiceRecord, namespace: string): boolean =>
    (record.ownNamespaceOnly === undefined || record.namespace === namespace) &&
    isVisible(record.exportTo, record.namespace, namespace, otherwise);
  const bySignature = new Map<string, View>();
  const byNamespace = new Map<string, View>();
  const viewOf = (namespace: string): View => {
    const known = byNamespace.get(namespace);
    if (known !== undefined) return known;
    const seen = special.map((record) => [isSeen(record, namespace), record.namespace === namespace]);
    const signature = JSON.stringify(seen);
    const view =
      bySignature.get(signature) ??
      viewOn(
        all.filter((record) => isSeen(record, namespace)),
        namespace,
      );
    bySignature.set(signature, view);
    byNamespace.set(namespace, view);
    return view;
  };
  return {
    exportedTo: (namespace) => viewOf(namespace).exported,
    visibleFrom: (namespace) => viewOf(namespace).visible,
  };
}

interface View {
  readonly exported: readonly ServiceRecord[];
  readonly visible: VisibleServices;
}

function viewOn(exported: readonly ServiceRecord[], namespace: string): View {
  return { exported, visible: visibleServices(exported, namespace) };
}

function tellOfMerge(first: ServiceRecord, second: ServiceRecord, findings: Findings): void {
  if (first.platform && second.platform) return;
  findings.warn(
    second.origin,
    "duplicate-host",
    `the host "${second.host}" is declared twice in namespace ${second.namespace}; ports and endpoints of ${formatRef(second.origin)} are added to ${formatRef(first.origin)}`,
    [first.origin],
  );
}

/** The same service from two clusters of a mesh is one; a second declaration only adds ports and addresses. */
const merged = byPair((first: ServiceRecord, second: ServiceRecord): ServiceRecord => {
  const known = new Set(first.ports.map((port) => port.number));
  return {
    ...first,
    ports: [...first.ports, ...second.ports.filter((port) => !known.has(port.number))],
    addresses: [...new Set([...first.addresses, ...second.addresses])],
    ...(first.workloadSelector === undefined && second.workloadSelector !== undefined
      ? { workloadSelector: second.workloadSelector }
      : {}),
    entryEndpoints: [...first.entryEndpoints, ...second.entryEndpoints],
    subjectAltNames: [...new Set([...first.subjectAltNames, ...second.subjectAltNames])].sort(),
  };
});

/** Of records that may share a host, the one that counts for callers in `namespace`. */
export function visibleServices(records: readonly ServiceRecord[], namespace: string): VisibleServices {
  const byHost = new Map<string, ServiceRecord>();
  for (const record of records) {
    const rival = byHost.get(record.host);
    if (rival === undefined || prefers(namespace, record, rival)) byHost.set(record.host, record);
  }
  return createView(withAliases(byHost));
}

/** ExternalName services whose name another service of the mesh has are that service, as in Istio; chains are followed. */
function withAliases(byHost: ReadonlyMap<string, ServiceRecord>): readonly ServiceRecord[] {
  const aliases = new Map<string, ServiceRecord[]>();
  const concrete = [...byHost.values()].filter((record) => {
    const target = record.externalName === "" ? undefined : targetOf(record, byHost);
    if (target !== undefined) append(aliases, target.host, record);
    return target === undefined;
  });
  return aliases.size === 0
    ? concrete
    : concrete.map((record) => (aliases.get(record.host) ?? []).reduce(withAlias, record));
}

const withAlias = byPair((record: ServiceRecord, alias: ServiceRecord): ServiceRecord => {
  return { ...record, aliases: [...(record.aliases ?? []), alias.host] };
});

/** Undefined where the chain leaves the mesh, or comes back to itself. */
function targetOf(alias: ServiceRecord, byHost: ReadonlyMap<string, ServiceRecord>): ServiceRecord | undefined {
  const seen = new Set<ServiceRecord>();
  let record: ServiceRecord | undefined = alias;
  while (record !== undefined && record.externalName !== "") {
    if (seen.has(record)) return undefined;
    seen.add(record);
    record = byHost.get(record.externalName.replace(/\.$/, ""));
  }
  return record;
}

/** Of services whose hosts differ, in the order of hosts. */
export function createView(list: readonly ServiceRecord[]): VisibleServices {
  const byHost = new Map(list.map((record) => [record.host, record]));
  const byPort = new Map<number, ServicePortRecord[]>();
  for (const service of list) for (const port of service.ports) append(byPort, port.number, { service, port });
  const byAlias = new Map(list.flatMap((record) => (record.aliases ?? []).map((alias) => [alias, record] as const)));
  const wildcards = list.filter((record) => isWildcard(record.host)).map((record) => record.host);
  return {
    all: list,
    byHost,
    byPort,
    find: (host) => byHost.get(host) ?? byAlias.get(host) ?? byHost.get(mostSpecificMatch(wildcards, host) ?? ""),
  };
}

/** A namespace's own declaration of a host wins; otherwise its owner. */
function prefers(namespace: string, record: ServiceRecord, rival: ServiceRecord): boolean {
  const own = Number(record.namespace === namespace) - Number(rival.namespace === namespace);
  return own !== 0 ? own > 0 : byOwnership(record, rival) < 0;
}
