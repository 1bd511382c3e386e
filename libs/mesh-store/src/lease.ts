import { create } from "@bufbuild/protobuf";
import { EntrySchema, LeaseSchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import { setTimeout as sleep } from "node:timers/promises";
import { keys } from "./keys.ts";
import type { MeshStore, StoredEntry } from "./store.ts";

export interface LeaseOptions {
  /** How long a holder that vanished blocks the others; default 10 s. Renewed at a third of it. */
  readonly durationMs?: number;
  readonly onError?: (error: unknown) => void;
}

/**
 * Waits for the lease `name` (one holder at a time; `holder` is this replica's name, two replicas must differ), then runs `onHeld`, whose signal aborts when the lease is lost or `signal` aborts; after a loss
 * it waits again. Resolves when `signal` aborts or `onHeld` ends by itself; rejects if `onHeld` rejects while it holds.
 * Expiry is judged by how long a lease was *seen* unchanged, so clocks need not agree. There is no fencing: a holder
 * must stop writing when its signal aborts, which is before anyone else can take the lease.
 */
// oxlint-disable-next-line max-params -- what is led, by whom, until when, and how; the last is rarely given
export async function holdLease(
  store: MeshStore,
  name: string,
  holder: string,
  signal: AbortSignal,
  onHeld: (signal: AbortSignal) => Promise<void>,
  options: LeaseOptions = {},
): Promise<void> {
  const lease = new Lease(store, { ...options, name, holder });
  while (!signal.aborted) {
    const revision = await lease.acquire(signal);
    if (revision === undefined) return;
    const term = new AbortController();
    const held = AbortSignal.any([signal, term.signal]);
    const renewing = lease.renew(revision, held).finally(() => term.abort());
    try {
      await onHeld(held);
      if (!held.aborted) return;
    } catch (error) {
      if (!held.aborted) throw error;
      if (!signal.aborted) options.onError?.(error);
    } finally {
      term.abort();
      await lease.release(await renewing);
    }
  }
}

interface NamedLease extends LeaseOptions {
  readonly name: string;
  readonly holder: string;
}

/** One replica's view of one lease. Used through `holdLease`. */
export class Lease {
  readonly #store: MeshStore;
  readonly #options: NamedLease;
  readonly #key: string;
  readonly #durationMs: number;

  constructor(store: MeshStore, options: NamedLease) {
    this.#store = store;
    this.#options = options;
    this.#key = keys.lease(options.name);
    this.#durationMs = options.durationMs ?? 10_000;
  }

  /** The revision that is ours, or undefined when `signal` aborts first. */
  async acquire(signal: AbortSignal): Promise<bigint | undefined> {
    let seen: { revision: bigint; since: number } | undefined;
    while (!signal.aborted) {
      try {
        const current = await this.#store.get(this.#key);
        if (current !== undefined && current.revision !== seen?.revision)
          seen = { revision: current.revision, since: performance.now() };
        const revision = await this.#take(current, seen?.since ?? 0);
        if (revision !== undefined) return revision;
      } catch (error) {
        this.#options.onError?.(error);
      }
      await pause(this.#durationMs / 10, signal);
    }
    return undefined;
  }

  /** Renews until `signal` aborts or the lease can no longer be held for certain. Returns the last revision that was ours. */
  async renew(revision: bigint, signal: AbortSignal): Promise<bigint | undefined> {
    let ours = revision;
    let renewedAt = performance.now();
    for (let wait = this.#durationMs / 3; ; ) {
      await pause(wait, signal);
      if (signal.aborted) return ours;
      const startedAt = performance.now();
      const outcome = await this.#renewOnce(ours, AbortSignal.any([signal, AbortSignal.timeout(this.#durationMs / 4)]));
      if (outcome === "lost") return undefined;
      if (outcome !== "unknown") {
        ours = outcome;
        renewedAt = startedAt;
        wait = this.#durationMs / 3;
      } else if (performance.now() - renewedAt > this.#durationMs * 0.7)
        return undefined; // well before others may take it
      else wait = this.#durationMs / 20;
    }
  }

  /** Lets the others have it at once. Best effort: they wait for the expiry otherwise. */
  async release(revision: bigint | undefined): Promise<void> {
    if (revision === undefined) return;
    await this.#store
      .replace(this.#key, this.#entry(""), revision)
      .catch((error: unknown) => this.#options.onError?.(error));
  }

  async #take(current: StoredEntry | undefined, unchangedSince: number): Promise<bigint | undefined> {
    const ours = this.#entry(this.#options.holder);
    if (current === undefined) return this.#store.create(this.#key, ours);
    const lease = current.entry.value.case === "lease" ? current.entry.value.value : undefined;
    // One of our own name was left by the process before this one: replicas differ in their names.
    const left = lease === undefined || lease.holder === "" || lease.holder === this.#options.holder;
    const free = left || performance.now() - unchangedSince > lease.durationMs;
    return free ? this.#store.replace(this.#key, ours, current.revision) : undefined;
  }

  async #renewOnce(revision: bigint, giveUp: AbortSignal): Promise<bigint | "lost" | "unknown"> {
    const late = new Promise<"unknown">((resolve) =>
      giveUp.addEventListener("abort", () => resolve("unknown"), { once: true }),
    );
    const renewed = this.#store
      .replace(this.#key, this.#entry(this.#options.holder), revision)
      .then((next) => next ?? this.#reclaim());
    return Promise.race([late, renewed]).catch((error: unknown) => {
      this.#options.onError?.(error);
      return "unknown" as const;
    });
  }

  /** A renewal whose answer got lost has moved the lease to a revision that is still ours. */
  async #reclaim(): Promise<bigint | "lost"> {
    const current = await this.#store.get(this.#key);
    const lease = current?.entry.value;
    return current !== undefined && lease?.case === "lease" && lease.value.holder === this.#options.holder
      ? current.revision
      : "lost";
  }

  #entry(holder: string) {
    const value = create(LeaseSchema, { holder, renewedAtMs: BigInt(Date.now()), durationMs: this.#durationMs });
    return create(EntrySchema, { value: { case: "lease", value } });
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
