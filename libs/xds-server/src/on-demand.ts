import { memo } from "./memo.ts";
import type { ConnectedProxy } from "./proxy.ts";
import type { Resource } from "./resource.ts";
import type { ProxySession } from "./session.ts";

/** Resources that are fetched when a proxy names them, such as a gateway's certificates. */
export interface OnDemandSource {
  readonly types: readonly string[];
  /**
   * The resource now and after each change; undefined while there is none. A throw means that this proxy does not
   * get it. Ends when `signal` aborts.
   */
  watch(typeUrl: string, name: string, proxy: ConnectedProxy, signal: AbortSignal): AsyncIterable<Resource | undefined>;
}

export interface OnDemandOptions {
  readonly source: OnDemandSource;
  readonly proxy: ConnectedProxy;
  readonly session: ProxySession;
  readonly onChange: () => void;
  readonly onProblem: (error: unknown) => void;
}

/** Keeps one watch open for every name that a proxy wants of the on-demand types. */
export class OnDemandWatches {
  readonly #options: OnDemandOptions;
  readonly #watches = new Map<string, Map<string, AbortController>>();
  readonly #found = new Map<string, Map<string, Resource>>();
  readonly #absent = new Map<string, Set<string>>();

  constructor(options: OnDemandOptions) {
    this.#options = options;
  }

  /** Starts and stops watches so that they are those of the names now wanted. */
  follow(typeUrl: string): void {
    const { source, session } = this.#options;
    if (!source.types.includes(typeUrl)) return;
    const wanted = session.wantedNames(typeUrl);
    const watches = memo(this.#watches, typeUrl, () => new Map<string, AbortController>());
    for (const [name, abort] of watches) {
      if (wanted.has(name)) continue;
      abort.abort();
      watches.delete(name);
      this.#found.get(typeUrl)?.delete(name);
      this.#absent.get(typeUrl)?.delete(name);
    }
    for (const name of wanted) {
      if (watches.has(name)) continue;
      const abort = new AbortController();
      watches.set(name, abort);
      void this.#watch(typeUrl, name, abort.signal);
    }
  }

  close(): void {
    for (const watches of this.#watches.values()) for (const abort of watches.values()) abort.abort();
    this.#watches.clear();
  }

  async #watch(typeUrl: string, name: string, signal: AbortSignal): Promise<void> {
    const { source, proxy, onProblem } = this.#options;
    try {
      for await (const resource of source.watch(typeUrl, name, proxy, signal)) {
        if (signal.aborted) return;
        this.#set(typeUrl, name, resource);
      }
    } catch (error) {
      if (signal.aborted) return;
      onProblem(error);
      this.#set(typeUrl, name, undefined);
    }
  }

  #set(typeUrl: string, name: string, resource: Resource | undefined): void {
    const found = memo(this.#found, typeUrl, () => new Map<string, Resource>());
    const absent = memo(this.#absent, typeUrl, () => new Set<string>());
    if (resource === undefined) {
      found.delete(name);
      absent.add(name);
    } else {
      found.set(name, resource);
      absent.delete(name);
    }
    this.#options.session.updateOnDemand(typeUrl, new Map(found), new Set(absent));
    this.#options.onChange();
  }
}
