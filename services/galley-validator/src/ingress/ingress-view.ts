import { fromConfigObject, ingressControlOf, servesIngress } from "@lateen/api";
import type { Ingress, IngressClass, IngressControl, MeshConfig } from "@lateen/api";
import { keys } from "@lateen/mesh-store";
import { compareText } from "@lateen/model";
import type { MeshObject, Service } from "@lateen/model";
import { serviceFromEntry } from "@lateen/registries";
import type { Entry } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import type { Desired } from "../publish/ledger.ts";

/** Where what there is can be asked for; the ledger. */
export interface Known {
  keys(): Iterable<string>;
  desired(key: string): Desired;
}

/** What has to be known to say which Ingresses are the mesh's, and at what addresses they are served. */
export class IngressView {
  readonly #known: Known;
  readonly #rootNamespace: string;
  readonly #ingresses = new Map<string, MeshObject<Ingress>>();
  readonly #classes = new Map<string, MeshObject<IngressClass>>();
  readonly #meshes = new Map<string, MeshObject<MeshConfig>>();
  /** Those with addresses outside. */
  readonly #services = new Map<string, Service>();

  constructor(known: Known, rootNamespace: string) {
    this.#known = known;
    this.#rootNamespace = rootNamespace;
  }

  /** Looks at what may have changed; whether any of it matters here. An invalid object stays what it was. */
  look(changed: Iterable<string>): boolean {
    let matters = false;
    for (const key of changed) {
      const desired = this.#known.desired(key);
      if (desired.is !== "keep" && this.#take(key, desired.is === "entry" ? desired.entry : undefined)) matters = true;
    }
    return matters;
  }

  lookAtAll(): boolean {
    return this.look([...new Set([...this.#known.keys(), ...this.#ingresses.keys(), ...this.#services.keys()])]);
  }

  /** Ingresses that the mesh serves, by key. */
  served(): ReadonlyMap<string, MeshObject<Ingress>> {
    return new Map([...this.#ingresses].filter(([, ingress]) => this.serves(ingress)));
  }

  serves(ingress: Pick<MeshObject<Ingress>, "meta" | "spec">): boolean {
    return servesIngress(this.#control(), ingress, [...this.#classes.values()]);
  }

  /**
   * Of the Service that MeshConfig names, in the root namespace before others; where it names none, of one that has the
   * gateway's label in its selector.
   */
  addresses(): readonly string[] {
    const { service: name, selector } = this.#control();
    const candidates = [...this.#services.values()].filter((each) =>
      name === "" ? each.selector["istio"] === selector : each.name === name,
    );
    const [best] = candidates.sort(
      (left, right) => this.#rank(left) - this.#rank(right) || compareText(left.host, right.host),
    );
    if (best === undefined) return [];
    return best.externalName === "" ? (best.externalAddresses ?? []) : [best.externalName];
  }

  #rank({ namespace }: Service): number {
    return namespace === this.#rootNamespace ? 0 : 1;
  }

  #control(): IngressControl {
    const [mesh] = [...this.#meshes.values()].filter(({ meta }) => meta.namespace === this.#rootNamespace);
    return ingressControlOf(mesh?.spec);
  }

  #take(key: string, entry: Entry | undefined): boolean {
    const place = keys.parse(key);
    if (place?.type === "service") return put(this.#services, key, entry && reachable(entry));
    if (place?.type !== "config") return false;
    const object = entry?.value.case === "config" ? fromConfigObject(entry.value.value) : undefined;
    switch (place.kind) {
      case "ingress":
        return put(this.#ingresses, key, object as MeshObject<Ingress> | undefined);
      case "ingressclass":
        return put(this.#classes, key, object as MeshObject<IngressClass> | undefined);
      case "meshconfig":
        return put(this.#meshes, key, object as MeshObject<MeshConfig> | undefined);
      default:
        return false;
    }
  }
}

function reachable(entry: Entry): Service | undefined {
  const service = serviceFromEntry(entry);
  return service?.externalAddresses !== undefined || service?.externalName ? service : undefined;
}

function put<Value>(map: Map<string, Value>, key: string, value: Value | undefined): boolean {
  if (value === undefined) return map.delete(key);
  map.set(key, value);
  return true;
}
