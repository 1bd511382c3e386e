import type { MeshState } from "@lateen/compiler";
import { fromConfigObject } from "@lateen/api";
import type { StoreBatch, StoreChange } from "@lateen/mesh-store";
import type { EndpointSlice, MeshObject, Service, Workload } from "@lateen/model";
import type { Entry } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import { endpointsFromEntry, serviceFromEntry, workloadFromEntry } from "@lateen/registries";

/** What one key of the store holds, decoded. */
export type MeshEntry =
  | { readonly kind: "config"; readonly value: MeshObject<unknown> }
  | { readonly kind: "service"; readonly value: Service }
  | { readonly kind: "endpoints"; readonly value: EndpointSlice }
  | { readonly kind: "workload"; readonly value: Workload }
  | { readonly kind: "trust"; readonly value: { readonly trustDomain: string; readonly roots: readonly string[] } };

interface Known {
  readonly revision: bigint;
  /** Undefined: the entry cannot be read by this version and counts as absent. */
  readonly entry: MeshEntry | undefined;
}

/** What a batch did to the mirror. */
export interface BatchEffect {
  readonly changed: { readonly [kind in MeshEntry["kind"]]: number };
  /** Keys that cannot be read. */
  readonly unreadable: readonly string[];
  /** Removals of a full state that are held back, see `apply`. */
  readonly held: number;
}

/** Below this many keys a loss of most of them is taken at its word. */
const smallMesh = 8;

/**
 * The mesh store's content, decoded: the only mutable state of the compile lane, with one owner. Entries that did not
 * change keep their identity, which is what makes the next snapshot cheap.
 */
export class MeshMirror {
  readonly #entries = new Map<string, Known>();
  #held = new Set<string>();
  #revision = 0n;

  get revision(): bigint {
    return this.#revision;
  }
  get size(): number {
    return this.#entries.size;
  }
  get unreadable(): number {
    return [...this.#entries.values()].filter(({ entry }) => entry === undefined).length;
  }

  /**
   * A full state replaces what is known by difference. One that lacks more than half of it is most likely a store
   * that was emptied and is being filled again: what it lacks stays until `releaseHeld`.
   */
  apply(batch: StoreBatch): BatchEffect {
    const changed = { config: 0, service: 0, endpoints: 0, workload: 0, trust: 0 };
    const unreadable: string[] = [];
    for (const change of batch.reset ? [...batch.changes, ...this.#missingFrom(batch.changes)] : batch.changes) {
      const before = this.#entries.get(change.key);
      const after = this.#applyChange(change);
      if (after === before) continue;
      const kind = (after?.entry ?? before?.entry)?.kind;
      if (kind !== undefined) changed[kind]++;
      if (after !== undefined && after.entry === undefined) unreadable.push(change.key);
    }
    this.#revision = batch.revision;
    return { changed, unreadable, held: this.#held.size };
  }

  /** Removes what was held back and has not come again; returns how much that is. */
  releaseHeld(): number {
    for (const key of this.#held) this.#entries.delete(key);
    const released = this.#held.size;
    this.#held = new Set();
    return released;
  }

  state(meshConfig: MeshState["meshConfig"]): MeshState {
    const configs: MeshObject<unknown>[] = [];
    const services: Service[] = [];
    const slices: EndpointSlice[] = [];
    const workloads: Workload[] = [];
    const trust: { trustDomain: string; roots: readonly string[] }[] = [];
    for (const { entry } of this.#entries.values()) {
      switch (entry?.kind) {
        case "config":
          configs.push(entry.value);
          break;
        case "service":
          services.push(entry.value);
          break;
        case "endpoints":
          slices.push(entry.value);
          break;
        case "workload":
          workloads.push(entry.value);
          break;
        case "trust":
          trust.push(entry.value);
          break;
        case undefined:
          break;
      }
    }
    return { revision: this.#revision, configs, services, slices, workloads, trust, meshConfig };
  }

  #applyChange(change: StoreChange): Known | undefined {
    this.#held.delete(change.key);
    if (change.type === "delete") {
      this.#entries.delete(change.key);
      return undefined;
    }
    const before = this.#entries.get(change.key);
    if (before?.revision === change.revision) return before;
    const known = { revision: change.revision, entry: decodeEntry(change.entry) };
    this.#entries.set(change.key, known);
    return known;
  }

  #missingFrom(changes: readonly StoreChange[]): StoreChange[] {
    const present = new Set(changes.map(({ key }) => key));
    const missing = [...this.#entries.keys()].filter((key) => !present.has(key));
    if (missing.length > smallMesh && missing.length > this.#entries.size / 2) {
      this.#held = new Set(missing);
      return [];
    }
    return missing.map((key) => ({ type: "delete", key, revision: 0n }));
  }
}

function decodeEntry(entry: Entry): MeshEntry | undefined {
  const { value } = entry;
  switch (value.case) {
    case "config":
      return tagged("config", fromConfigObject(value.value));
    case "service":
      return tagged("service", serviceFromEntry(entry));
    case "endpoints":
      return tagged("endpoints", endpointsFromEntry(entry));
    case "workload":
      return tagged("workload", workloadFromEntry(entry));
    case "trust":
      return { kind: "trust", value: { trustDomain: value.value.trustDomain, roots: value.value.rootCertificatesPem } };
    default:
      return undefined;
  }
}

function tagged<K extends MeshEntry["kind"]>(
  kind: K,
  value: Extract<MeshEntry, { kind: K }>["value"] | undefined,
): MeshEntry | undefined {
  return value === undefined ? undefined : ({ kind, value } as MeshEntry);
}
