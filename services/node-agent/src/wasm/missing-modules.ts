import { setTimeout as sleep } from "node:timers/promises";

interface Asking {
  readonly what: string;
  readonly stop: AbortController;
}

/** What could not be had, by the extension that needs it: asked for again, after 1 s and then ever longer up to a minute. */
export class MissingModules {
  readonly #asking = new Map<string, Asking>();
  readonly #firstPauseMs: number;

  constructor(firstPauseMs = 1_000) {
    this.#firstPauseMs = firstPauseMs;
  }

  /** Whether just this is being asked for already. */
  isAsking(extension: string, what: string): boolean {
    return this.#asking.get(extension)?.what === what;
  }

  /** Nothing more is needed for the extension: it has what it needs, or is gone. */
  settle(extension: string): void {
    this.#asking.get(extension)?.stop.abort();
    this.#asking.delete(extension);
  }

  /** Tries until `attempt` succeeds, and says so once; in the place of what was asked for the extension before. */
  keepAsking(extension: string, what: string, ask: { attempt(): Promise<unknown>; found(): void }): void {
    this.settle(extension);
    const stop = new AbortController();
    this.#asking.set(extension, { what, stop });
    void this.#ask(ask, stop.signal).then((found) => {
      if (!found || stop.signal.aborted) return;
      this.#asking.delete(extension);
      ask.found();
    });
  }

  async #ask({ attempt }: { attempt(): Promise<unknown> }, signal: AbortSignal): Promise<boolean> {
    for (let pauseMs = this.#firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, 60_000)) {
      const waited = await sleep(pauseMs, true, { signal, ref: false }).catch(() => false);
      if (!waited) return false;
      const found = await attempt().then(
        () => true,
        () => false,
      );
      if (found) return true;
    }
  }
}
