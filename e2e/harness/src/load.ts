import { setTimeout as sleep } from "node:timers/promises";
import { type HttpAnswer, HttpClient, type HttpRequest } from "./http-client.ts";

export interface LoadOptions {
  /** The n-th request, from 0. */
  readonly request: (n: number) => HttpRequest;
  /** How many may be under way at once, each with a connection of its own; default 4. */
  readonly concurrency?: number;
  /** Over all of them; default 200. */
  readonly perSecond?: number;
  /** Default: only 200 is a success. */
  readonly isSuccess?: (answer: HttpAnswer) => boolean;
}

export interface LoadFailure {
  /** Milliseconds since the load began. */
  readonly atMs: number;
  /** Status and body, or the error. */
  readonly reason: string;
}

export interface LoadReport {
  readonly requests: number;
  readonly failures: readonly LoadFailure[];
  readonly slowestMs: number;
}

/** Requests without pause until it is stopped; counts what fails. */
export class Load implements AsyncDisposable {
  readonly #options: LoadOptions;
  readonly #stop = new AbortController();
  readonly #client = new HttpClient();
  readonly #started = performance.now();
  readonly #workers: Promise<unknown>;
  readonly #failures: LoadFailure[] = [];
  #requests = 0;
  #sent = 0;
  #slowestMs = 0;

  private constructor(options: LoadOptions) {
    this.#options = options;
    const concurrency = options.concurrency ?? 4;
    this.#workers = Promise.all(Array.from({ length: concurrency }, () => this.#work(concurrency)));
  }

  static start(options: LoadOptions): Load {
    return new Load(options);
  }

  /** What was answered so far. */
  report(): LoadReport {
    return { requests: this.#requests, failures: [...this.#failures], slowestMs: this.#slowestMs };
  }

  /** Resolves when `count` more requests have been answered. */
  async answered(count: number): Promise<void> {
    const until = this.#requests + count;
    while (this.#requests < until && !this.#stop.signal.aborted) await sleep(10);
  }

  /** Lets the requests under way finish. */
  async stop(): Promise<LoadReport> {
    this.#stop.abort();
    await this.#workers;
    this.#client[Symbol.dispose]();
    return this.report();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #work(concurrency: number): Promise<void> {
    const pauseMs = (1_000 * concurrency) / (this.#options.perSecond ?? 200);
    while (!this.#stop.signal.aborted) {
      const next = performance.now() + pauseMs;
      await this.#one();
      await sleep(Math.max(0, next - performance.now()), undefined, { signal: this.#stop.signal }).catch(
        () => undefined,
      );
    }
  }

  async #one(): Promise<void> {
    const began = performance.now();
    const isSuccess = this.#options.isSuccess ?? ((answer: HttpAnswer): boolean => answer.status === 200);
    const reason = await this.#client.send(this.#options.request(this.#sent++)).then(
      (answer) => (isSuccess(answer) ? undefined : `${answer.status} ${answer.body.trim()}`),
      (error: unknown) => String(error),
    );
    this.#requests += 1;
    this.#slowestMs = Math.max(this.#slowestMs, performance.now() - began);
    if (reason !== undefined) this.#failures.push({ atMs: Math.round(began - this.#started), reason });
  }
}

/** Does something `count` times, at most `concurrency` at once. Rejects with the first error. */
export async function inTurn<T>(count: number, one: (n: number) => Promise<T>, concurrency = 8): Promise<readonly T[]> {
  const results: T[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) results.push(await one(next++));
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return results;
}

/** Sends `count` requests, at most `concurrency` at once, and returns every answer. Rejects with the first error. */
export async function sendMany(
  count: number,
  request: (n: number) => HttpRequest,
  concurrency = 8,
): Promise<readonly HttpAnswer[]> {
  using client = new HttpClient();
  return await inTurn(count, (n) => client.send(request(n)), concurrency);
}
