import { setTimeout as delay } from "node:timers/promises";

export interface BackoffLimits {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Pauses between attempts: doubling up to `maxMs`, each half fixed and half random so that clients spread out. */
export class Backoff {
  readonly #limits: BackoffLimits;
  readonly #random: () => number;
  #attempts = 0;

  constructor(limits: BackoffLimits, random: () => number = Math.random) {
    this.#limits = limits;
    this.#random = random;
  }

  reset(): void {
    this.#attempts = 0;
  }

  nextMs(): number {
    const ceiling = Math.min(this.#limits.maxMs, this.#limits.firstMs * 2 ** Math.min(this.#attempts, 30));
    this.#attempts += 1;
    return ceiling / 2 + (ceiling / 2) * this.#random();
  }

  /** Waits the next pause; returns at once when the signal aborts. */
  pause(signal: AbortSignal): Promise<void> {
    return sleep(this.nextMs(), signal);
  }
}

/** Returns early, without an error, when the signal aborts. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}
