/** A value that changes: readers see the newest, not every one. */
export class Latest<T> {
  #value: { readonly value: T } | undefined;
  #changed = Promise.withResolvers<void>();

  set(value: T): void {
    this.#value = { value };
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve();
  }

  /** The value now, if there is one yet, and after each change. Ends when `signal` aborts. */
  async *follow(signal: AbortSignal): AsyncGenerator<T> {
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    for (let seen: unknown; !signal.aborted; ) {
      const { promise } = this.#changed; // before looking, so that no change falls between
      const current = this.#value;
      if (current !== undefined && current !== seen) {
        seen = current;
        yield current.value;
        continue;
      }
      await Promise.race([promise, aborted]);
    }
  }
}
