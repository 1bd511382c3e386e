import type { ProxyNode } from "@lateen/model";
import type { ResourceSet } from "@lateen/xds-server";
import { orAborted } from "../mesh/or-aborted.ts";

/** A connected proxy and what it is to be given next; of several sets only the newest. */
export class Follower {
  readonly node: ProxyNode;
  /** The key of its scope. */
  scope: string | undefined;
  #newest: ResourceSet | undefined;
  #given: ResourceSet | undefined;
  #failure: Error | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(node: ProxyNode) {
    this.node = node;
  }

  /** It was given something. */
  get served(): boolean {
    return this.#newest !== undefined;
  }

  offer(set: ResourceSet): void {
    if (set === this.#newest) return;
    this.#newest = set;
    this.#changed.resolve();
  }

  fail(reason: Error): void {
    this.#failure = reason;
    this.#changed.resolve();
  }

  /** Ends when `signal` aborts; throws what it was failed with. */
  async *sets(signal: AbortSignal): AsyncGenerator<ResourceSet> {
    while (!signal.aborted) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#newest !== undefined && this.#newest !== this.#given) {
        this.#given = this.#newest;
        yield this.#newest;
        continue;
      }
      this.#changed = Promise.withResolvers();
      await orAborted(this.#changed.promise, signal);
    }
  }
}
