import { orAborted } from "./or-aborted.ts";

/** A value of which only the newest counts; any number of readers follow it, each at its own pace. */
export class Latest<T> {
  #value: { readonly value: T } | undefined;
  #changed = Promise.withResolvers<void>();

  /** Undefined until the first `set`. */
  get current(): T | undefined {
    return this.#value?.value;
  }

  set(value: T): void {
    this.#value = { value };
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** The value now (once there is one) and after each change; what a slow reader missed it is not told. */
  async *watch(signal: AbortSignal): AsyncGenerator<T> {
    let seen: { readonly value: T } | undefined;
    while (!signal.aborted) {
      if (this.#value !== undefined && this.#value !== seen) {
        seen = this.#value;
        yield seen.value;
      } else {
        await orAborted(this.#changed.promise, signal);
      }
    }
  }
}
