/** Lets one loop sleep until something has happened. A notice that comes before the wait ends the wait at once. */
export class Wakeup {
  #noticed = false;
  #resolve: (() => void) | undefined;

  notify(): void {
    this.#noticed = true;
    this.#resolve?.();
  }

  /** Ends on a notice or after `timeoutMs`. */
  async wait(timeoutMs?: number): Promise<void> {
    if (!this.#noticed) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#resolve = resolve;
      const timer = timeoutMs === undefined ? undefined : setTimeout(resolve, timeoutMs);
      await promise;
      clearTimeout(timer);
      this.#resolve = undefined;
    }
    this.#noticed = false;
  }
}
