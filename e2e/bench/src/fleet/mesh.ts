import { create } from "@bufbuild/protobuf";
import { decodeObject, toConfigObject } from "@lateen/api";
import { keys, type MeshStore } from "@lateen/mesh-store";
import type { EndpointSlice, Service, ServicePort, Workload } from "@lateen/model";
import { type Entry, EntrySchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import { endpointsToEntry, serviceToEntry, workloadToEntry } from "@lateen/registries";

export interface MeshSize {
  readonly services: number;
  readonly endpoints: number;
}

/** A pod of the mesh, as its sidecar presents itself. */
export interface Pod {
  readonly name: string;
  readonly service: string;
  readonly namespace: string;
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
}

const registry = "Kubernetes";
const servicesInNamespace = 50;
/** Writes under way at one time. */
const concurrency = 256;

/**
 * A mesh like real ones: namespaces of fifty services, all with HTTP on port 80, some with gRPC, some with TCP;
 * every fifth has two subsets and a VirtualService.
 */
export class FleetMesh {
  readonly size: MeshSize;
  readonly #store: MeshStore;
  /** What was written last of each service's endpoints. */
  readonly #addresses = new Map<number, string[]>();

  constructor(store: MeshStore, size: MeshSize) {
    this.#store = store;
    this.size = size;
  }

  async fill(): Promise<void> {
    const writes = Array.from({ length: this.size.services }, (_, service) => this.#writesOf(service)).flat();
    const lanes = Array.from({ length: concurrency }, async (_, lane) => {
      for (let at = lane; at < writes.length; at += concurrency) await writes[at]?.();
    });
    await Promise.all(lanes);
  }

  pod(service: number, index: number): Pod {
    const { name, namespace } = serviceName(service);
    return {
      name: `${name}-${index}`,
      service: name,
      namespace,
      address: `10.${10 + (service >> 7)}.${(service & 127) * 2}.${index + 1}`,
      labels: { app: name, version: index % 2 === 0 ? "v1" : "v2", "pod-name": `${name}-${index}` },
    };
  }

  /** The pods of `count` proxies, spread over all services. */
  pods(count: number): readonly Pod[] {
    return Array.from({ length: count }, (_, n) =>
      this.pod((n * 7) % this.size.services, Math.floor(n / this.size.services)),
    );
  }

  /** Changes what a rule does to traffic, so that every proxy's routes change. */
  async editRoute(service: number, marker: string): Promise<void> {
    await this.#putConfig(virtualService(service, marker));
  }

  /** One endpoint of a service moves to another address. */
  async moveEndpoint(service: number, address: string): Promise<void> {
    const addresses = this.#addressesOf(service);
    addresses.shift();
    addresses.push(address);
    const { name, namespace } = serviceName(service);
    await this.#store.put(keys.endpoints(registry, namespace, name), endpointsToEntry(this.#slice(service, addresses)));
  }

  /** A policy for one pod; `marker` is something it denies. */
  async restrict({ namespace, name }: Pod, marker: string): Promise<void> {
    await this.#putConfig({
      apiVersion: "security.istio.io/v1",
      kind: "AuthorizationPolicy",
      metadata: { name: `only-${name}`, namespace },
      spec: {
        selector: { matchLabels: { "pod-name": name } },
        action: "DENY",
        rules: [{ to: [{ operation: { paths: [`/${marker}`] } }] }],
      },
    });
  }

  /** Ends what `restrict` began. */
  async release({ namespace, name }: Pod): Promise<void> {
    await this.#store.delete(keys.config("AuthorizationPolicy", namespace, `only-${name}`));
  }

  #writesOf(service: number): (() => Promise<unknown>)[] {
    const { name, namespace } = serviceName(service);
    const put = (key: string, entry: Entry) => () => this.#store.put(key, entry);
    const pods = Array.from({ length: this.size.endpoints }, (_, index) => this.pod(service, index));
    return [
      put(keys.service(registry, namespace, name), serviceToEntry(serviceOf(service))),
      put(
        keys.endpoints(registry, namespace, name),
        endpointsToEntry(this.#slice(service, this.#addressesOf(service))),
      ),
      ...pods.map((pod) => put(keys.workload(registry, namespace, pod.name), workloadToEntry(workloadOf(pod)))),
      ...(service % 5 === 0
        ? [destinationRule(service), virtualService(service, "none")].map((object) => () => this.#putConfig(object))
        : []),
    ];
  }

  #addressesOf(service: number): string[] {
    const known = this.#addresses.get(service);
    if (known !== undefined) return known;
    const made = Array.from({ length: this.size.endpoints }, (_, index) => this.pod(service, index).address);
    this.#addresses.set(service, made);
    return made;
  }

  #slice(service: number, addresses: readonly string[]): EndpointSlice {
    const { name, namespace, host } = serviceName(service);
    const ports = portsOf(service).map((port) => ({ name: port.name, number: port.targetPort }));
    return {
      ...{ registry, namespace, name, serviceHost: host, ports },
      endpoints: addresses.map((address, index) => ({
        addresses: [address],
        ...{ ready: true, serving: true, terminating: false, node: "", zone: "", hostname: "" },
        target: `${name}-${index}`,
      })),
    };
  }

  async #putConfig(raw: object): Promise<void> {
    const decoded = decodeObject(raw, { origin: { kind: "", namespace: "", name: "" } });
    if (!decoded.ok) throw new Error(decoded.violations.map(({ message }) => message).join("; "));
    const { kind, meta } = decoded.object;
    const entry = create(EntrySchema, {
      schemaVersion: 1,
      value: { case: "config", value: toConfigObject(decoded.object) },
    });
    await this.#store.put(keys.config(kind, meta.namespace, meta.name), entry);
  }
}

function serviceName(service: number): { name: string; namespace: string; host: string } {
  const [name, namespace] = [`service-${service}`, `team-${Math.floor(service / servicesInNamespace)}`];
  return { name, namespace, host: `${name}.${namespace}.svc.cluster.local` };
}

function portsOf(service: number): readonly ServicePort[] {
  const port = (name: string, protocol: ServicePort["protocol"], number: number, targetPort: number): ServicePort => ({
    ...{ name, protocol, number, targetPort, targetPortName: "" },
  });
  return [
    port("http", "http", 80, 8080),
    ...(service % 10 === 3 ? [port("grpc", "grpc", 9090, 9090)] : []),
    ...(service % 25 === 7 ? [port("tcp", "tcp", 5432, 5432)] : []),
  ];
}

function serviceOf(service: number): Service {
  const { name, namespace, host } = serviceName(service);
  return {
    ...{ registry, namespace, name, host, ports: portsOf(service), selector: { app: name } },
    addresses: [`10.${100 + (service >> 8)}.${service & 255}.1`],
    ...{ labels: {}, annotations: {}, createdAtMs: 0, externalName: "", headless: false, exportTo: [] },
    origin: { kind: "Service", namespace, name },
  };
}

function workloadOf({ name, service, namespace, address, labels }: Pod): Workload {
  return {
    ...{ registry, namespace, name, addresses: [address], labels, serviceAccount: service },
    locality: { region: "", zone: "", subzone: "" },
    ...{ node: "", network: "", cluster: registry, mutualTls: true, ports: {} },
    ...{ canonicalName: service, canonicalRevision: "latest", workloadName: service },
  };
}

function destinationRule(service: number): object {
  const { name, namespace, host } = serviceName(service);
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "DestinationRule",
    metadata: { name, namespace },
    spec: {
      host,
      trafficPolicy: { outlierDetection: { consecutive5xxErrors: 7, interval: "5s" } },
      subsets: ["v1", "v2"].map((version) => ({ name: version, labels: { version } })),
    },
  };
}

function virtualService(service: number, marker: string): object {
  const { name, namespace, host } = serviceName(service);
  const to = (subset: string, weight: number): object => ({ destination: { host, subset }, weight });
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name, namespace },
    spec: {
      hosts: [host],
      http: [
        { match: [{ headers: { "x-canary": { exact: "yes" } } }], route: [to("v2", 100)] },
        { headers: { response: { set: { "x-edit": marker } } }, timeout: "5s", route: [to("v1", 90), to("v2", 10)] },
      ],
    },
  };
}
