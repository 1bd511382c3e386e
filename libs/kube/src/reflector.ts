import { Backoff, sleep } from "./backoff.ts";
import type { BackoffLimits } from "./backoff.ts";
import type { KubeClient } from "./client.ts";
import { isGone, isNotFound } from "./kube-error.ts";
import type { KubeLogger } from "./logger.ts";
import { silent } from "./logger.ts";
import { describeObject } from "./resource.ts";
import type { KubeObject, ResourceType, Selection } from "./resource.ts";

/** Told of objects in the server's order. Must not throw: an exception ends the reflector as a fault. */
export interface ReflectorHandler {
  /** The complete state; forget what you had. Comes first, and again whenever changes may have been missed. */
  reset(objects: readonly KubeObject[]): void;
  /** An object is new or changed. */
  apply(object: KubeObject): void;
  /** An object is gone; `object` is its last state. */
  delete(object: KubeObject): void;
}

export interface ReflectorOptions extends Selection {
  readonly type: ResourceType;
  readonly handler: ReflectorHandler;
  /** Drops what the handler does not need, before anything is kept: memory is the reason. */
  readonly trim?: (object: KubeObject) => KubeObject;
  /** What a 404 for the whole kind means: keep trying (default), or an empty set until its CRD appears. */
  readonly missingKind?: "retry" | "empty";
  readonly missingKindRecheckMs?: number;
  readonly pageSize?: number;
  readonly backoff?: BackoffLimits;
  readonly logger?: KubeLogger;
  /** Seconds after which the server is asked to end a watch; a random share of it is added. */
  readonly watchSeconds?: number;
}

/** A watch that lasted this long was healthy: the next failure starts the backoff anew. */
const healthyMs = 5_000;

/**
 * Keeps a handler in step with one kind: list in pages, then watch with bookmarks, resume from the last
 * resourceVersion, list again after a 410. No error of the server or the network ends it; only the signal does.
 */
export class Reflector {
  readonly #client: KubeClient;
  readonly #options: ReflectorOptions;
  readonly #logger: KubeLogger;
  readonly #backoff: Backoff;
  #resourceVersion: string | undefined;
  #synced = false;
  #problem: string | undefined;

  constructor(client: KubeClient, options: ReflectorOptions) {
    this.#client = client;
    this.#options = options;
    this.#logger = options.logger ?? silent;
    this.#backoff = new Backoff(options.backoff ?? { firstMs: 200, maxMs: 15_000 });
  }

  /** True once the first complete state has been handed over; stays true through outages. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Why the server cannot be followed right now; undefined while all is well. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Resolves when the signal aborts; rejects only where the handler or `trim` threw. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const started = Date.now();
      try {
        if (this.#resourceVersion === undefined) await this.#list(signal);
        await this.#watch(signal);
      } catch (error) {
        if (error instanceof HandlerFault) throw error.cause;
        if (signal.aborted) return;
        if (isNotFound(error) && this.#options.missingKind === "empty") {
          this.#kindIsMissing();
          await sleep(this.#options.missingKindRecheckMs ?? 15_000, signal);
        } else this.#failed(error);
      }
      if (Date.now() - started >= healthyMs) this.#backoff.reset();
      await this.#backoff.pause(signal); // also after a quiet end: a server that ends watches at once is not hammered
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { objects, resourceVersion } = await this.#listPages(signal, this.#options.pageSize ?? 500).catch(
      (error: unknown) => {
        if (isGone(error)) return this.#listPages(signal, undefined); // pages expired under us: once, in one piece
        throw error;
      },
    );
    guard(() => this.#options.handler.reset(objects));
    this.#resourceVersion = resourceVersion;
    this.#synced = true;
    this.#recovered();
  }

  async #listPages(signal: AbortSignal, limit: number | undefined) {
    const objects: KubeObject[] = [];
    let continueFrom: string | undefined;
    for (;;) {
      const page = await this.#client.listPage(this.#options.type, this.#options, {
        ...(limit && { limit }),
        continueFrom,
        signal,
      });
      for (const object of page.items) objects.push(this.#trimmed(object));
      if (page.continue === undefined) return { objects, resourceVersion: page.resourceVersion };
      continueFrom = page.continue;
      await new Promise((resolve) => setImmediate(resolve)); // parsing a page stalls the loop; let others run between
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { type, handler, watchSeconds = 300 } = this.#options;
    const timeoutSeconds = Math.ceil(watchSeconds * (1 + Math.random()));
    const selection = { ...this.#options, resourceVersion: this.#resourceVersion ?? "", timeoutSeconds };
    const onOpen = (): void => this.#recovered();
    for await (const event of this.#client.watch(type, selection, { signal, onOpen })) {
      if (event.type === "DELETED") guard(() => handler.delete(this.#trimmed(event.object)));
      else if (event.type !== "BOOKMARK") guard(() => handler.apply(this.#trimmed(event.object)));
      this.#resourceVersion = event.object.metadata.resourceVersion ?? this.#resourceVersion;
      this.#recovered();
      this.#backoff.reset();
    }
    this.#recovered();
  }

  #trimmed(object: KubeObject): KubeObject {
    const { trim } = this.#options;
    return trim ? guard(() => trim(object)) : object;
  }

  #failed(error: unknown): void {
    if (isGone(error)) {
      this.#resourceVersion = undefined;
      this.#logger.info({ kind: describeObject(this.#options.type, this.#options) }, "watch expired, listing again");
      return;
    }
    const problem = error instanceof Error ? error.message : String(error);
    if (problem !== this.#problem)
      this.#logger.warn(
        { kind: describeObject(this.#options.type, this.#options), problem },
        "cannot follow a kind, retrying",
      );
    this.#problem = problem;
  }

  #recovered(): void {
    if (this.#problem === undefined) return;
    this.#problem = undefined;
    this.#logger.info({ kind: describeObject(this.#options.type, this.#options) }, "following a kind again");
  }

  /** The kind's CRD is not installed, or was removed while we watched. */
  #kindIsMissing(): void {
    if (!this.#synced || this.#resourceVersion !== undefined) this.#options.handler.reset([]);
    this.#resourceVersion = undefined;
    this.#synced = true;
    this.#problem = undefined;
  }
}

/** Tells an error of ours from one of the server's. */
class HandlerFault extends Error {}

function guard<T>(call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw new HandlerFault("a reflector's handler threw", { cause });
  }
}
