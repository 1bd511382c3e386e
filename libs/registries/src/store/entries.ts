import { create } from "@bufbuild/protobuf";
import type { EndpointSlice, Protocol, Service, Workload } from "@lateen/model";
import { EntrySchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import type {
  EndpointSlice as StoredEndpointSlice,
  Entry,
  Service as StoredService,
  Workload as StoredWorkload,
} from "@lateen/protos/mesh/store/v1/entry_pb.js";

const protocols: ReadonlySet<string> = new Set<Protocol>([
  "http",
  "http2",
  "grpc",
  "grpc-web",
  "https",
  "tls",
  "tcp",
  "udp",
  "mysql",
  "mongo",
  "redis",
  "auto",
]);

/** Equal services give equal entries: maps are sorted where they are made. */
export function serviceToEntry(service: Service): Entry {
  const {
    origin,
    createdAtMs,
    addresses,
    externalAddresses = [],
    exportTo,
    ports,
    labels,
    annotations,
    ...rest
  } = service;
  const { selector, ...plain } = rest;
  const value = {
    ...plain,
    createdAtMs: BigInt(createdAtMs),
    addresses: [...addresses],
    externalAddresses: [...externalAddresses],
    exportTo: [...exportTo],
    ports: ports.map((port) => ({ ...port })),
    labels: { ...labels },
    annotations: { ...annotations },
    selector: { ...selector },
    origin: { file: origin.file ?? "", line: origin.line ?? 0 },
  };
  return create(EntrySchema, { value: { case: "service", value } });
}

/** Undefined where the entry is something else. A protocol that this version does not know is detected. */
export function serviceFromEntry(entry: Entry): Service | undefined {
  if (entry.value.case !== "service") return undefined;
  const {
    $typeName: _type,
    $unknown: _unknown,
    origin,
    ports,
    createdAtMs,
    publishNotReady,
    externalAddresses,
    ...plain
  }: StoredService = entry.value.value;
  const file = origin?.file ?? "";
  const line = origin?.line ?? 0;
  return {
    ...plain,
    createdAtMs: Number(createdAtMs),
    ...(publishNotReady ? { publishNotReady } : {}),
    ...(externalAddresses.length > 0 ? { externalAddresses } : {}),
    ports: ports.map(({ name, number, protocol, targetPort, targetPortName }) => ({
      name,
      number,
      targetPort,
      targetPortName,
      protocol: protocols.has(protocol) ? (protocol as Protocol) : "auto",
    })),
    origin: {
      kind: "Service",
      namespace: plain.namespace,
      name: plain.name,
      ...(file === "" ? {} : { file }),
      ...(line === 0 ? {} : { line }),
    },
  };
}

export function endpointsToEntry(slice: EndpointSlice): Entry {
  const { endpoints, ports, ...plain } = slice;
  const value = {
    ...plain,
    endpoints: endpoints.map((endpoint) => ({ ...endpoint, addresses: [...endpoint.addresses] })),
    ports: ports.map((port) => ({ ...port })),
  };
  return create(EntrySchema, { value: { case: "endpoints", value } });
}

export function endpointsFromEntry(entry: Entry): EndpointSlice | undefined {
  if (entry.value.case !== "endpoints") return undefined;
  const { registry, namespace, name, serviceHost, endpoints, ports }: StoredEndpointSlice = entry.value.value;
  return {
    registry,
    namespace,
    name,
    serviceHost,
    endpoints: endpoints.map(({ addresses, ready, serving, terminating, node, zone, target, hostname }) => ({
      addresses,
      ready,
      serving,
      terminating,
      node,
      zone,
      target,
      hostname,
    })),
    ports: ports.map((port) => ({ name: port.name, number: port.number })),
  };
}

export function workloadToEntry(workload: Workload): Entry {
  const { addresses, labels, locality, ports, weight: _weight, ...plain } = workload;
  const value = {
    ...plain,
    addresses: [...addresses],
    labels: { ...labels },
    ports: { ...ports },
    locality: { ...locality },
  };
  return create(EntrySchema, { value: { case: "workload", value } });
}

export function workloadFromEntry(entry: Entry): Workload | undefined {
  if (entry.value.case !== "workload") return undefined;
  const { $typeName: _type, $unknown: _unknown, locality, unready, ...plain }: StoredWorkload = entry.value.value;
  return {
    ...plain,
    ...(unready ? { unready } : {}),
    locality: { region: locality?.region ?? "", zone: locality?.zone ?? "", subzone: locality?.subzone ?? "" },
  };
}
