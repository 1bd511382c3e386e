import type { StoreBatch, StoreChange } from "./store.ts";

/**
 * What a watcher has not taken yet: for each key the newest change only, so that a slow reader costs one entry a key.
 * One writer, one reader.
 */
export class BatchQueue {
  #changes = new Map<string, StoreChange>();
  #reset = false;
  #revision = 0n;
  #wake: (() => void) | undefined;

  /** The complete state: what was pending is forgotten. `revision` covers deletions that left no entry. */
  reset(state: Iterable<StoreChange>, revision: bigint): void {
    this.#changes = new Map();
    this.#reset = true;
    for (const change of state) if (change.type === "put") this.#changes.set(change.key, change);
    this.#advance(revision);
  }

  /** A change after the state of the last reset; an older one than the pending change of its key is ignored. */
  push(change: StoreChange): void {
    const pending = this.#changes.get(change.key);
    if (pending !== undefined && pending.revision >= change.revision) return;
    this.#changes.delete(change.key); // to the end: a map keeps the order of insertion
    if (change.type === "put" || !this.#reset) this.#changes.set(change.key, change);
    this.#advance(change.revision);
  }

  /** Batches until `signal` aborts. */
  async *batches(signal: AbortSignal): AsyncGenerator<StoreBatch> {
    const onAbort = (): void => this.#wake?.();
    signal.addEventListener("abort", onAbort);
    try {
      while (!signal.aborted) {
        if (this.#reset || this.#changes.size > 0) yield this.#take();
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  #advance(revision: bigint): void {
    if (revision > this.#revision) this.#revision = revision;
    this.#wake?.();
  }

  #take(): StoreBatch {
    const changes = [...this.#changes.values()].sort((a, b) => (a.revision < b.revision ? -1 : 1));
    const batch = { revision: this.#revision, reset: this.#reset, changes };
    this.#changes = new Map();
    this.#reset = false;
    return batch;
  }
}
