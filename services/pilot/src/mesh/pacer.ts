export interface PacerOptions {
  /** How long after a run the next one waits for more to come. */
  readonly quietMs: number;
  /** The longest that a change waits while more keep coming. */
  readonly maxMs: number;
  readonly nowMs?: () => number;
}

/**
 * Runs a piece of work soon after it is asked to. The first request after quiet runs at once (after what is being
 * delivered in this turn of the event loop); under load requests gather for 10 to 100 ms.
 */
export class Pacer {
  readonly #options: PacerOptions;
  readonly #work: () => void;
  readonly #nowMs: () => number;
  #pendingSinceMs: number | undefined;
  #lastRequestMs = 0;
  #lastRunMs = -Infinity;
  #immediate: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PacerOptions, work: () => void) {
    this.#options = options;
    this.#work = work;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  request(): void {
    const now = this.#nowMs();
    this.#pendingSinceMs ??= now;
    this.#lastRequestMs = now;
    if (this.#immediate !== undefined || this.#timer !== undefined) return;
    if (now - this.#lastRunMs >= this.#options.quietMs) this.#immediate = setImmediate(() => this.#run());
    else this.#timer = setTimeout(() => this.#expire(), this.#dueMs() - now);
  }

  /** What was asked for and has not run never does. */
  stop(): void {
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
    this.#immediate = this.#timer = undefined;
    this.#pendingSinceMs = undefined;
  }

  /** Quiet for a while, or waited long enough. */
  #dueMs(): number {
    const { quietMs, maxMs } = this.#options;
    const since = this.#pendingSinceMs ?? this.#lastRequestMs;
    return Math.min(Math.max(this.#lastRequestMs, this.#lastRunMs) + quietMs, since + maxMs);
  }

  #expire(): void {
    const wait = this.#dueMs() - this.#nowMs();
    if (wait > 0) this.#timer = setTimeout(() => this.#expire(), wait);
    else this.#run();
  }

  #run(): void {
    this.stop();
    try {
      this.#work();
    } finally {
      this.#lastRunMs = this.#nowMs();
    }
  }
}
