import type { Service } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import type { Peer } from "./peer.ts";

/** A service in the words of Istio's metric labels. */
export interface Destination {
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
}

/** Services by host and by the workloads they select. */
export class ServiceIndex {
  readonly #byKey = new Map<string, Service>();
  readonly #byHost = new Map<string, Service>();
  readonly #byNamespace = new Map<string, Set<Service>>();

  put(key: string, service: Service): void {
    this.delete(key);
    this.#byKey.set(key, service);
    this.#byHost.set(service.host, service);
    this.#byNamespace.set(service.namespace, (this.#byNamespace.get(service.namespace) ?? new Set()).add(service));
  }

  delete(key: string): void {
    const service = this.#byKey.get(key);
    if (service === undefined) return;
    this.#byKey.delete(key);
    if (this.#byHost.get(service.host) === service) this.#byHost.delete(service.host);
    this.#byNamespace.get(service.namespace)?.delete(service);
  }

  /** Any host: one that the store does not know is named by its own first label, as Istio does for `*.svc.*` hosts. */
  destinationOf(host: string): Destination {
    const service = this.#byHost.get(host);
    if (service !== undefined) return { host, name: service.name, namespace: service.namespace };
    const [, name, namespace] = /^([^.]+)\.([^.]+)\.svc\./.exec(host) ?? [];
    return { host, name: name ?? host, namespace: namespace ?? "unknown" };
  }

  /**
   * What a request that came in on `port` of a workload was meant for: the service of that workload with that target
   * port; where several are (or none), the one that the
   * request's authority names, else the first by name.
   */
  inbound(peer: Peer, port: number, authority: string): Destination | undefined {
    const own = [...(this.#byNamespace.get(peer.namespace) ?? [])].filter((service) => selects(service, peer));
    own.sort((a, b) => (a.name < b.name ? -1 : 1));
    const onPort = own.filter((service) => listens(service, port));
    const named = (onPort.length > 0 ? onPort : own).find((service) => isNamed(service, authority, peer.namespace));
    const service = named ?? onPort[0];
    return service && { host: service.host, name: service.name, namespace: service.namespace };
  }
}

function selects(service: Service, peer: Peer): boolean {
  const wanted = Object.entries(service.selector);
  return wanted.length > 0 && wanted.every(([label, value]) => peer.labels[label] === value);
}

/** A port that is targeted by name may be any. */
function listens(service: Service, port: number): boolean {
  return service.ports.some(
    (candidate) => candidate.targetPortName !== "" || (candidate.targetPort || candidate.number) === port,
  );
}

function isNamed(service: Service, authority: string, namespace: string): boolean {
  const host = authority.replace(/:\d+$/, "").toLowerCase();
  const short = service.namespace === namespace && host === service.name;
  return (
    short ||
    host === service.host ||
    (host.startsWith(`${service.name}.${service.namespace}`) && service.host.startsWith(`${host}.`))
  );
}
