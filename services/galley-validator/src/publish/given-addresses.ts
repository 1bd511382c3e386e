import { create } from "@bufbuild/protobuf";
import { fromConfigObject } from "@lateen/api";
import type { ServiceEntry } from "@lateen/api";
import type { StoredEntry } from "@lateen/mesh-store";
import { compareText, giveAddresses, isGivenAddress, isWildcard } from "@lateen/model";
import type { HostAddress, MeshObject } from "@lateen/model";
import { ObjectStateSchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import type { Entry } from "@lateen/protos/mesh/store/v1/entry_pb.js";

/** Label by which a ServiceEntry declines; Istio's name. */
const optOut = "networking.istio.io/enable-autoallocate-ip";
/** A ServiceEntry that sends to wherever the caller was going cannot do with an address that nobody else knows. */
const resolutionNone = 0;

/**
 * Who has which virtual address: what the store holds stays, what an object's status says is taken at its word while
 * nobody else has it, the rest is given. One owner, the replica that writes; docs/adr/0011.
 */
export class GivenAddresses {
  readonly #byKey = new Map<string, readonly HostAddress[]>();
  readonly #owners = new Map<string, string>();

  /** Begins anew from what the store holds. */
  restore(stored: Iterable<StoredEntry>): void {
    this.#byKey.clear();
    this.#owners.clear();
    for (const { key, entry } of stored) {
      const object = serviceEntryOf(entry);
      if (object !== undefined) this.#take(key, object.state?.addresses ?? []);
    }
  }

  /** Settles who has what among `entries` at once, so that it does not depend on the order in which they are written. */
  prepare(entries: Iterable<readonly [key: string, entry: Entry]>): void {
    const all = [...entries].flatMap(([key, entry]) => {
      const object = serviceEntryOf(entry);
      return object === undefined ? [] : [{ key, object, first: this.#byKey.has(key) || object.state !== undefined }];
    });
    all.sort((left, right) => Number(right.first) - Number(left.first) || compareText(left.key, right.key));
    for (const { key, object } of all) this.#addressesFor(key, object);
  }

  /** `entry` with the addresses it is to have; the same object where there is nothing to add. */
  complete(key: string, entry: Entry): Entry {
    const object = serviceEntryOf(entry);
    if (object === undefined) return entry;
    const addresses = this.#addressesFor(key, object);
    if (addresses.length === 0 && object.state === undefined) return entry;
    const { value } = entry;
    if (value.case !== "config") return entry;
    const state = value.value.state ?? create(ObjectStateSchema);
    const written = addresses.map((each) => ({ ...each, $typeName: "mesh.store.v1.HostAddress" as const }));
    return { ...entry, value: { case: "config", value: { ...value.value, state: { ...state, addresses: written } } } };
  }

  /** What an object has been given so far. */
  of(key: string): readonly HostAddress[] {
    return this.#byKey.get(key) ?? [];
  }

  release(key: string): void {
    for (const { address } of this.of(key)) if (this.#owners.get(address) === key) this.#owners.delete(address);
    this.#byKey.delete(key);
  }

  #addressesFor(key: string, object: MeshObject<ServiceEntry>): readonly HostAddress[] {
    const hosts = hostsWithout(object);
    const before = this.of(key);
    this.release(key);
    const kept = [...before, ...(object.state?.addresses ?? [])].filter(
      ({ host, address }, index, all) =>
        hosts.includes(host) &&
        !this.#owners.has(address) &&
        all.findIndex((other) => other.address === address) === index &&
        (index < before.length || !before.some((other) => other.host === host)),
    );
    const missing = hosts.filter((host) => !kept.some((each) => each.host === host));
    const own = new Set(kept.map(({ address }) => address));
    const given = giveAddresses(`${object.meta.namespace}/${object.meta.name}`, missing, {
      has: (address) => this.#owners.has(address) || own.has(address),
    });
    const all = [...kept, ...given];
    const ordered = hosts.flatMap((host) => all.filter((each) => each.host === host));
    this.#take(key, ordered.length > 0 ? ordered : object.spec.addresses.filter(isGivenAddress).map(ownedBy));
    return ordered;
  }

  #take(key: string, addresses: readonly HostAddress[]): void {
    if (addresses.length === 0) return;
    this.#byKey.set(key, addresses);
    for (const { address } of addresses) if (!this.#owners.has(address)) this.#owners.set(address, key);
  }
}

/** Hosts that are to get an address, as they are written but in lower case. */
function hostsWithout({ spec, meta }: MeshObject<ServiceEntry>): readonly string[] {
  if (spec.addresses.length > 0 || spec.resolution === resolutionNone) return [];
  if (meta.labels[optOut]?.toLowerCase() === "false") return [];
  return spec.hosts.filter((host) => !isWildcard(host)).map((host) => host.toLowerCase());
}

/** An address of our ranges that a user took: nobody is given it. */
function ownedBy(address: string): HostAddress {
  return { host: "", address };
}

function serviceEntryOf({ value }: Entry): MeshObject<ServiceEntry> | undefined {
  if (value.case !== "config" || value.value.kind !== "ServiceEntry") return undefined;
  return fromConfigObject(value.value) as MeshObject<ServiceEntry> | undefined;
}
