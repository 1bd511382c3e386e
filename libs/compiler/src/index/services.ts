import { compareText, formatRef, mostSpecificMatch, isWildcard } from "@lateen/model";
import type { MeshObject, Service } from "@lateen/model";
import type { Findings } from "../findings.ts";
import type { ServiceEntry } from "../istio.ts";
import type { MeshSettings } from "../settings.ts";
import { byOwnership, recordOfService, recordsOfEntry } from "./service-record.ts";
import type { RecordPort, ServiceRecord } from "./service-record.ts";
import { append } from "./ordering.ts";
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
  /** By exact host, else by the most specific wildcard service. */
  find(host: string): ServiceRecord | undefined;
}

export interface ServiceIndex {
  readonly all: readonly ServiceRecord[];
  readonly byKey: ReadonlyMap<string, ServiceRecord>;
  readonly byNamespace: ReadonlyMap<string, readonly ServiceRecord[]>;
  visibleFrom(namespace: string): VisibleServices;
}

/** Same services in any order give the same index. Two services of one namespace and host are merged. */
export function indexServices(
  services: readonly Service[],
  entries: readonly MeshObject<ServiceEntry>[],
  settings: MeshSettings,
  findings: Findings,
): ServiceIndex {
  const records = [...services.map(recordOfService), ...entries.flatMap(recordsOfEntry)].sort(byOwnership);
  const byKey = new Map<string, ServiceRecord>();
  for (const record of records) {
    const earlier = byKey.get(record.key);
    byKey.set(record.key, earlier === undefined ? record : merged(earlier, record, findings));
  }
  const all = [...byKey.values()].sort((left, right) => compareText(left.host, right.host) || byOwnership(left, right));
  const byNamespace = new Map<string, ServiceRecord[]>();
  for (const record of all) append(byNamespace, record.namespace, record);
  const view = visibleViews(all, settings.exportTo.services);
  return {
    all,
    byKey,
    byNamespace,
    visibleFrom: view,
  };
}

/** Namespaces that see the same services share one view: most meshes hide nothing, so there is one in all. */
function visibleViews(
  all: readonly ServiceRecord[],
  otherwise: readonly string[],
): (namespace: string) => VisibleServices {
  const hosts = new Map<string, number>();
  for (const { host } of all) hosts.set(host, (hosts.get(host) ?? 0) + 1);
  const special = all.filter((record) => hosts.get(record.host) !== 1 || !isPublic(record.exportTo, otherwise));
  const views = new Map<string, VisibleServices>();
  const byNamespace = new Map<string, VisibleServices>();
  return (namespace) => {
    const known = byNamespace.get(namespace);
    if (known !== undefined) return known;
    const seen = special.map((record) => [
      isVisible(record.exportTo, record.namespace, namespace, otherwise),
      record.namespace === namespace,
    ]);
    const signature = JSON.stringify(seen);
    const view = views.get(signature) ?? visibleServices(all, namespace, otherwise);
    views.set(signature, view);
    byNamespace.set(namespace, view);
    return view;
  };
}

/** The same service from two clusters of a mesh is one; a second declaration only adds ports and addresses. */
function merged(first: ServiceRecord, second: ServiceRecord, findings: Findings): ServiceRecord {
  if (!(first.platform && second.platform)) {
    findings.warn(
      second.origin,
      "duplicate-host",
      `the host "${second.host}" is declared twice in namespace ${second.namespace}; ports and endpoints of ${formatRef(second.origin)} are added to ${formatRef(first.origin)}`,
      [first.origin],
    );
  }
  const known = new Set(first.ports.map((port) => port.number));
  return {
    ...first,
    ports: [...first.ports, ...second.ports.filter((port) => !known.has(port.number))],
    addresses: [...new Set([...first.addresses, ...second.addresses])].sort(),
    entryEndpoints: [...first.entryEndpoints, ...second.entryEndpoints],
    subjectAltNames: [...new Set([...first.subjectAltNames, ...second.subjectAltNames])].sort(),
  };
}

function visibleServices(
  all: readonly ServiceRecord[],
  namespace: string,
  otherwise: readonly string[],
): VisibleServices {
  const byHost = new Map<string, ServiceRecord>();
  for (const record of all) {
    if (!isVisible(record.exportTo, record.namespace, namespace, otherwise)) continue;
    const rival = byHost.get(record.host);
    if (rival === undefined || prefers(namespace, record, rival)) byHost.set(record.host, record);
  }
  const list = [...byHost.values()];
  const byPort = new Map<number, ServicePortRecord[]>();
  for (const service of list) {
    for (const port of service.ports) {
      append(byPort, port.number, { service, port });
    }
  }
  const wildcards = list.filter((record) => isWildcard(record.host)).map((record) => record.host);
  return {
    all: list,
    byHost,
    byPort,
    find: (host) => byHost.get(host) ?? byHost.get(mostSpecificMatch(wildcards, host) ?? ""),
  };
}

/** A namespace's own declaration of a host wins; otherwise its owner. */
function prefers(namespace: string, record: ServiceRecord, rival: ServiceRecord): boolean {
  const own = Number(record.namespace === namespace) - Number(rival.namespace === namespace);
  return own !== 0 ? own > 0 : byOwnership(record, rival) < 0;
}
