import { setImmediate } from "node:timers/promises";

/**
 * Lets heavy pieces of synchronous work run one after the other and gives the event loop a chance in between, so
 * that acknowledgements and health checks are answered while a thousand scopes compile.
 */
export class Turns {
  readonly #sliceMs: number;
  #tail: Promise<unknown> = Promise.resolve();
  #sliceStartMs = 0;

  constructor(sliceMs = 10) {
    this.#sliceMs = sliceMs;
  }

  async take<T>(work: () => T): Promise<T> {
    const turn = this.#tail.then(async () => {
      if (performance.now() - this.#sliceStartMs > this.#sliceMs) {
        await setImmediate();
        this.#sliceStartMs = performance.now();
      }
      return work();
    });
    this.#tail = turn.catch(() => {});
    return await turn;
  }
}
