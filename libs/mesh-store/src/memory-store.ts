import { BatchQueue } from "./batch-queue.ts";
import { decodeEntry, encodeEntry } from "./codec.ts";
import { MeshStoreError } from "./errors.ts";
import { checkKey, normalizePrefixes } from "./keys.ts";
import type { MeshStore, SkippedEntry, StoreChange, StoredEntry } from "./store.ts";

/** `value` is absent for a deleted key: its revision stays, as in a NATS bucket. */
interface Slot {
  readonly revision: bigint;
  readonly value?: { readonly bytes: Uint8Array; readonly stored: StoredEntry | SkippedEntry };
}

interface Watcher {
  readonly prefixes: readonly string[];
  readonly queue: BatchQueue;
}

/** A store in this process's memory, for `lateen up` and tests. Values are encoded and decoded as in NATS: nothing is shared with the writer. */
export function createMemoryStore(): MeshStore {
  const slots = new Map<string, Slot>();
  const watchers = new Set<Watcher>();
  const closed = new AbortController();
  let sequence = 0n;

  const write = (key: string, bytes: Uint8Array | undefined): bigint => {
    sequence += 1n;
    const slot: Slot =
      bytes === undefined
        ? { revision: sequence }
        : { revision: sequence, value: { bytes, stored: read(key, sequence, bytes) } };
    slots.set(key, slot);
    for (const watcher of watchers) if (matches(watcher.prefixes, key)) watcher.queue.push(changeOf(key, slot));
    return sequence;
  };
  const live = (key: string): Slot | undefined => {
    if (closed.signal.aborted) throw new MeshStoreError("store_closed", `the mesh store is closed (key ${key})`);
    checkKey(key);
    return slots.get(key);
  };

  return {
    async *watch(prefixes, signal) {
      const watcher = { prefixes: normalizePrefixes(prefixes), queue: new BatchQueue() };
      const state = [...slots]
        .filter(([key]) => matches(watcher.prefixes, key))
        .map(([key, slot]) => changeOf(key, slot));
      watcher.queue.reset(state, sequence);
      watchers.add(watcher);
      try {
        yield* watcher.queue.batches(AbortSignal.any([signal, closed.signal]));
      } finally {
        watchers.delete(watcher);
      }
    },
    async get(key) {
      return storedIn(live(key));
    },
    async list(prefix) {
      const prefixes = normalizePrefixes([prefix]);
      const found = [...slots].filter(([key]) => matches(prefixes, key)).map(([, slot]) => storedIn(slot));
      return found.filter((stored) => stored !== undefined).sort((a, b) => (a.key < b.key ? -1 : 1));
    },
    async put(key, entry) {
      const slot = live(key);
      const bytes = encodeEntry(entry);
      return slot?.value && Buffer.compare(slot.value.bytes, bytes) === 0 ? slot.revision : write(key, bytes);
    },
    async create(key, entry) {
      return live(key)?.value === undefined ? write(key, encodeEntry(entry)) : undefined;
    },
    async replace(key, entry, revision) {
      const slot = live(key);
      return slot?.value !== undefined && slot.revision === revision ? write(key, encodeEntry(entry)) : undefined;
    },
    async delete(key) {
      const slot = live(key);
      return slot?.value === undefined ? (slot?.revision ?? 0n) : write(key, undefined);
    },
    connected: () => !closed.signal.aborted,
    skipped: () =>
      [...slots.values()]
        .map((slot) => slot.value?.stored)
        .filter((stored) => stored !== undefined && "reason" in stored) as SkippedEntry[],
    async close() {
      closed.abort();
    },
  };
}

function read(key: string, revision: bigint, bytes: Uint8Array): StoredEntry | SkippedEntry {
  const decoded = decodeEntry(bytes);
  return decoded.ok ? { key, revision, entry: decoded.entry } : { key, revision, reason: decoded.reason };
}

function storedIn(slot: Slot | undefined): StoredEntry | undefined {
  const stored = slot?.value?.stored;
  return stored !== undefined && "entry" in stored ? stored : undefined;
}

function changeOf(key: string, slot: Slot): StoreChange {
  const stored = storedIn(slot);
  return stored === undefined ? { type: "delete", key, revision: slot.revision } : { type: "put", ...stored };
}

function matches(prefixes: readonly string[], key: string): boolean {
  return prefixes.some((prefix) => key.startsWith(prefix));
}
