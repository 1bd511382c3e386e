import type { Entry } from "@lateen/protos/mesh/store/v1/entry_pb.js";

export interface StoredEntry {
  readonly key: string;
  readonly revision: bigint;
  /** Shared with every reader: never change it. */
  readonly entry: Entry;
}

export type StoreChange =
  | { readonly type: "put"; readonly key: string; readonly revision: bigint; readonly entry: Entry }
  | { readonly type: "delete"; readonly key: string; readonly revision: bigint };

export interface StoreBatch {
  /** Everything up to this revision, of the watched prefixes, has been seen. Never goes back. */
  readonly revision: bigint;
  /** True: `changes` is the complete state; forget what you had. */
  readonly reset: boolean;
  /** In revision order, at most one for each key. */
  readonly changes: readonly StoreChange[];
}

/** A key whose value this version cannot read: a newer schema, or bytes that are no Entry. It counts as absent. */
export interface SkippedEntry {
  readonly key: string;
  readonly revision: bigint;
  readonly reason: string;
}

/**
 * The mesh's one ordered log. Revisions are one total order over all keys. Two implementations, one contract test suite
 * (`@lateen/mesh-store/testing`). Faults are `MeshStoreError`.
 */
export interface MeshStore {
  /**
   * The first batch is the full state (`reset`), also where there is none; then coalesced changes in order; after a
   * reconnect a full state again. A slow reader gets the newest value of each key. Ends when `signal` aborts.
   * A prefix is "" (everything) or ends with a dot: "config.", "config.ratelimit.".
   */
  watch(prefixes: readonly string[], signal: AbortSignal): AsyncIterable<StoreBatch>;
  get(key: string): Promise<StoredEntry | undefined>;
  /** Sorted by key. */
  list(prefix: string): Promise<readonly StoredEntry[]>;
  /** To store an equal value is a no-op that returns the current revision. */
  put(key: string, entry: Entry): Promise<bigint>;
  /** undefined: the key exists. */
  create(key: string, entry: Entry): Promise<bigint | undefined>;
  /** Compare and swap. undefined: the key is not at `revision` any more. */
  replace(key: string, entry: Entry, revision: bigint): Promise<bigint | undefined>;
  /** The revision of the deletion; of the earlier one (or 0) where there is nothing to delete. */
  delete(key: string): Promise<bigint>;
  connected(): boolean;
  /** Every key that is skipped now. */
  skipped(): readonly SkippedEntry[];
  /** Ends all watches. */
  close(): Promise<void>;
}
