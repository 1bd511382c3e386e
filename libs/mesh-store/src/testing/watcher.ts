import { setTimeout as sleep } from "node:timers/promises";
import { generationOf } from "./entries.ts";
import type { MeshStore, StoreBatch } from "../store.ts";

/** Follows a watch as a consumer does: the state it has, and the batches it got. */
export class Watcher implements AsyncDisposable {
  readonly batches: StoreBatch[] = [];
  readonly state = new Map<string, bigint>();
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;

  constructor(store: MeshStore, ...prefixes: string[]) {
    this.#ended = this.#follow(store, prefixes);
  }

  get resets(): number {
    return this.batches.filter((batch) => batch.reset).length;
  }

  /** Waits until the condition holds; fails with what was seen. */
  async until(what: string, condition: (watcher: Watcher) => boolean, timeoutMs = 60_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!condition(this)) {
      if (performance.now() > deadline)
        throw new Error(
          `not within ${timeoutMs} ms: ${what}; batches ${this.batches.length}, state ${[...this.state.keys()].slice(0, 10).join(" ")}`,
        );
      await sleep(2);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  async #follow(store: MeshStore, prefixes: readonly string[]): Promise<void> {
    for await (const batch of store.watch(prefixes, this.#stop.signal)) {
      this.batches.push(batch);
      if (batch.reset) this.state.clear();
      for (const change of batch.changes) {
        if (change.type === "put") this.state.set(change.key, generationOf(change.entry));
        else this.state.delete(change.key);
      }
    }
  }
}
