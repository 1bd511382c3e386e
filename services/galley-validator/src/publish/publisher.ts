import { create } from "@bufbuild/protobuf";
import { keys } from "@lateen/mesh-store";
import type { MeshStore, StoredEntry } from "@lateen/mesh-store";
import type { HostAddress, ObjectRef } from "@lateen/model";
import { kubernetesRegistry } from "@lateen/registries";
import { ObjectStateSchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import type { Entry } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import type { Logger } from "@lateen/runtime";
import { fields, toError } from "@lateen/runtime";
import { setTimeout as sleep } from "node:timers/promises";
import type { GalleyMetrics } from "../metrics.ts";
import { GivenAddresses } from "./given-addresses.ts";
import type { Desired, Ledger } from "./ledger.ts";
import type { Reach } from "./looked-at.ts";
import { sameEntry } from "./same-entry.ts";

/** A batch that is in the store now. */
export interface AppliedBatch {
  /** Everything of the batch is in the store at this revision. */
  readonly revision: bigint;
  readonly changedObjects: readonly ObjectRef[];
  /** When its oldest change was saved, Unix milliseconds. */
  readonly savedAtMs: number;
  /** When the last write was answered. */
  readonly atMs: number;
}

export interface PublisherOptions {
  readonly store: MeshStore;
  readonly ledger: Ledger;
  readonly logger: Logger;
  readonly metrics: GalleyMetrics;
  readonly onApplied?: (batch: AppliedBatch) => void;
  /** The store as a whole is what the ledger says. */
  readonly onReconciled?: () => void;
  /** How the workload of a WorkloadEntry, by key, says it is; undefined: nobody says. */
  readonly healthOf?: (key: string) => boolean | undefined;
  /** Virtual addresses of a ServiceEntry as they are in the store. */
  readonly onGiven?: (object: ObjectRef, addresses: readonly HostAddress[]) => void;
}

/** Key prefixes that are galley-validator's own: what is there and not in the source is deleted. */
const ownPrefixes = [
  keys.prefix("config"),
  keys.prefix("service", kubernetesRegistry),
  keys.prefix("endpoint", kubernetesRegistry),
  keys.prefix("workload", kubernetesRegistry),
];

const firstRetryMs = 100;
const lastRetryMs = 3_000;
/** Up to this many changes go out one by one, in order; more of them side by side. */
const orderedBatch = 32;
const parallelWrites = 16;

/** Brings the store in step with the ledger, newest wins. Only the replica that holds the lease runs it. */
export class Publisher {
  readonly #options: PublisherOptions;
  /** Keys to look at, with the time their change was saved. */
  readonly #dirty = new Map<string, number>();
  readonly #given = new GivenAddresses();
  #wake = Promise.withResolvers<void>();
  #reconcileWanted = true;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  mark(changed: readonly string[], savedAtMs: number): void {
    for (const key of changed) this.#dirty.set(key, Math.min(this.#dirty.get(key) ?? savedAtMs, savedAtMs));
    if (this.#dirty.size > 0) this.#wake.resolve();
  }

  /** What the store holds is to be compared with the ledger as a whole again. */
  reconcile(): void {
    this.#reconcileWanted = true;
    this.#wake.resolve();
  }

  /**
   * Reconciles the whole store, then follows the ledger until `signal` aborts; reconciles again whenever the store may
   * have lost something. A failing store is tried again for ever.
   */
  async run(signal: AbortSignal): Promise<void> {
    const wake = (): void => this.#wake.resolve();
    signal.addEventListener("abort", wake, { once: true });
    this.#reconcileWanted = true;
    await Promise.all([this.#follow(signal), this.#mindResets(signal)]);
    signal.removeEventListener("abort", wake);
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#dirty.size === 0 && !this.#reconcileWanted) await this.#wake.promise;
      this.#wake = Promise.withResolvers();
      await this.#retrying(signal, () => (this.#reconcileWanted ? this.#reconcileAll(signal) : this.#flush(signal)));
    }
  }

  /** A full state comes after each outage, and after one the store may be empty. Leases are few: it costs nothing to read them. */
  async #mindResets(signal: AbortSignal): Promise<void> {
    let first = true;
    for await (const batch of this.#options.store.watch([keys.prefix("lease")], signal)) {
      if (batch.reset && !first) this.reconcile();
      first = false;
    }
  }

  async #reconcileAll(signal: AbortSignal): Promise<void> {
    const { store, ledger } = this.#options;
    const stored = new Map<string, StoredEntry>();
    for (const prefix of ownPrefixes) for (const entry of await store.list(prefix)) stored.set(entry.key, entry);
    this.#reconcileWanted = false;
    this.#given.restore(stored.values());
    ledger.restoreMesh([...stored.values()]);
    this.#prepare(ledger.keys());
    const saved = new Map(this.#dirty);
    this.#dirty.clear();
    const now = Date.now();
    const wanted = new Set([...stored.keys(), ...ledger.keys()]);
    for (const key of wanted)
      if (differs(this.#desired(key), stored.get(key), ledger)) this.#dirty.set(key, saved.get(key) ?? now);
    this.#options.logger.info(
      { [fields.count]: wanted.size, changes: this.#dirty.size },
      "store reconciled with the source",
    );
    await this.#flush(signal);
    this.#options.onReconciled?.();
  }

  async #flush(signal: AbortSignal): Promise<void> {
    const batch = [...this.#dirty].sort(([left], [right]) => rank(left) - rank(right));
    if (batch.length === 0) return;
    this.#prepare(batch.map(([key]) => key));
    const changedObjects: ObjectRef[] = [];
    let revision = 0n;
    const writeOne = async ([key, savedAtMs]: [string, number]): Promise<void> => {
      if (signal.aborted) return;
      this.#dirty.delete(key); // before the write: a change that comes meanwhile marks it anew
      const written = await this.#write(key).catch((error: unknown) => {
        this.mark([key], savedAtMs);
        throw error;
      });
      if (written.revision > revision) revision = written.revision;
      if (written.object) changedObjects.push(written.object);
    };
    if (batch.length <= orderedBatch) for (const change of batch) await writeOne(change);
    else await eachOf(batch, parallelWrites, writeOne);
    const savedAtMs = Math.min(...batch.map(([, at]) => at));
    if (changedObjects.length > 0) this.#options.onApplied?.({ revision, changedObjects, savedAtMs, atMs: Date.now() });
  }

  #prepare(changed: Iterable<string>): void {
    const entries = [...changed].flatMap((key) => {
      const desired = this.#options.ledger.desired(key);
      return desired.is === "entry" ? [[key, desired.entry] as const] : [];
    });
    this.#given.prepare(entries);
  }

  #desired(key: string): Desired {
    const desired = this.#options.ledger.desired(key);
    if (desired.is !== "entry") return desired;
    const entry = this.#given.complete(key, desired.entry);
    const reach = this.#options.ledger.reachOf(desired.claim.origin.namespace);
    return { ...desired, entry: withReach(withHealth(entry, this.#options.healthOf?.(key)), reach) };
  }

  async #write(key: string): Promise<{ revision: bigint; object?: ObjectRef }> {
    const { store, metrics, onGiven } = this.#options;
    const desired = this.#desired(key);
    if (desired.is === "keep") return { revision: 0n };
    if (desired.is === "entry") {
      const { kind, namespace, name } = desired.claim.origin;
      const revision = await store.put(key, desired.entry);
      metrics.storeWrites.inc({ operation: "put" });
      onGiven?.({ kind, namespace, name }, this.#given.of(key));
      return { revision, object: { kind, namespace, name } };
    }
    const gone = await store.get(key);
    const revision = await store.delete(key);
    this.#given.release(key);
    metrics.storeWrites.inc({ operation: "delete" });
    return gone ? { revision, object: refOfStored(gone) } : { revision };
  }

  async #retrying(signal: AbortSignal, attempt: () => Promise<void>): Promise<void> {
    for (let pauseMs = firstRetryMs; !signal.aborted; pauseMs = Math.min(pauseMs * 2, lastRetryMs)) {
      try {
        return await attempt();
      } catch (error) {
        this.#options.metrics.storeFailures.inc();
        this.#options.logger.warn({ [fields.error]: toError(error) }, "cannot write to the mesh store, trying again");
        await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }
}

/** What an entry's workload reports counts more than what was written down; only where it is to report at all. */
function withHealth(entry: Entry, healthy: boolean | undefined): Entry {
  const { value } = entry;
  if (healthy === undefined || value.case !== "config" || value.value.kind !== "WorkloadEntry") return entry;
  const { state } = value.value;
  if (state?.healthy === undefined) return entry;
  return { ...entry, value: { case: "config", value: { ...value.value, state: { ...state, healthy } } } };
}

function withReach(entry: Entry, reach: Reach): Entry {
  const { value } = entry;
  if (reach === "mesh" || value.case !== "config" || value.value.kind !== "ServiceEntry") return entry;
  const state = { ...(value.value.state ?? create(ObjectStateSchema)), ownNamespaceOnly: true };
  return { ...entry, value: { case: "config", value: { ...value.value, state } } };
}

function differs(desired: Desired, stored: StoredEntry | undefined, ledger: Ledger): boolean {
  switch (desired.is) {
    case "keep":
      return false;
    case "entry":
      return !stored || !sameEntry(desired.entry, stored.entry);
    case "absent":
      return stored !== undefined && !ledger.mayStillClaim(fileOf(stored));
  }
}

function fileOf({ entry }: StoredEntry): string {
  const { value } = entry;
  return value.case === "config" || value.case === "service" ? (value.value.origin?.file ?? "") : "";
}

/** Before what refers to them: workloads and endpoints, services, subsets; then the rest, routes last. */
const order = [
  "workload.",
  "endpoint.",
  "service.",
  "config.meshconfig.",
  "config.serviceentry.",
  "config.destinationrule.",
  "config.gateway.",
];

function rank(key: string): number {
  const index = order.findIndex((prefix) => key.startsWith(prefix));
  return index < 0 ? order.length : index;
}

function refOfStored({ key, entry }: StoredEntry): ObjectRef {
  const { value } = entry;
  const kindOf = { config: "", service: "Service", endpoints: "EndpointSlice", workload: "Pod" } as const;
  if (value.case === "config")
    return { kind: value.value.kind, namespace: value.value.namespace, name: value.value.name };
  if (value.case === "service" || value.case === "endpoints" || value.case === "workload") {
    return { kind: kindOf[value.case], namespace: value.value.namespace, name: value.value.name };
  }
  return { kind: "", namespace: "", name: key };
}

async function eachOf<T>(items: readonly T[], limit: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: limit }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}
