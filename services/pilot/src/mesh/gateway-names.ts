import { Resolver, lookup } from "node:dns/promises";
import type { ResolvedNames } from "@lateen/compiler";
import { fields, toError } from "@lateen/runtime";
import type { Logger } from "@lateen/runtime";

export interface Answer {
  readonly addresses: readonly string[];
  readonly ttlMs: number;
}

export interface GatewayNamesOptions {
  readonly logger: Logger;
  /** Told when a name stands for something else, or has been asked for the first time. */
  readonly onChange: () => void;
  readonly resolve?: (name: string) => Promise<Answer>;
  /** Bounds of how long an answer holds, and how soon a failure is tried again. */
  readonly minMs?: number;
  readonly maxMs?: number;
  readonly retryMs?: number;
  /** The longest that a new name is waited for. */
  readonly patienceMs?: number;
}

interface Asked {
  addresses: readonly string[];
  answered: boolean;
  timer?: NodeJS.Timeout;
}

/**
 * Looks up names of gateways between networks for as long as they are wanted, again when an answer has expired. What a
 * name stood for last stays while it cannot be looked up.
 * https://github.com/istio/istio/blob/02c9d4287b88ba7366d8fde4b06041b6fb48084b/pilot/pkg/model/network.go
 */
export class GatewayNames {
  readonly #options: GatewayNamesOptions;
  readonly #asked = new Map<string, Asked>();
  #resolved: ResolvedNames = new Map();

  constructor(options: GatewayNamesOptions) {
    this.#options = options;
  }

  /** The same map as long as nothing changed. */
  get resolved(): ResolvedNames {
    return this.#resolved;
  }

  /** Whether every name has had its time: then there is nothing to wait for. */
  want(names: readonly string[]): boolean {
    const wanted = new Set(names);
    const gone = [...this.#asked.keys()].filter((name) => !wanted.has(name));
    for (const name of gone) this.#forget(name);
    for (const name of wanted) if (!this.#asked.has(name)) this.#begin(name);
    if (gone.length > 0) this.#publish();
    return [...this.#asked.values()].every(({ answered }) => answered);
  }

  stop(): void {
    for (const name of [...this.#asked.keys()]) this.#forget(name);
  }

  #begin(name: string): void {
    const asked: Asked = { addresses: [], answered: false };
    this.#asked.set(name, asked);
    const patience = setTimeout(() => this.#settle(asked), this.#options.patienceMs ?? 2_000);
    void this.#ask(name, asked).finally(() => clearTimeout(patience));
  }

  async #ask(name: string, asked: Asked): Promise<void> {
    const { resolve = lookUp, logger, minMs = 30_000, maxMs = 3_600_000, retryMs = 5_000 } = this.#options;
    let againMs = retryMs;
    try {
      const { addresses, ttlMs } = await resolve(name);
      againMs = Math.min(maxMs, Math.max(minMs, ttlMs));
      const sorted = [...new Set(addresses)].sort();
      if (this.#asked.get(name) === asked && sorted.join() !== asked.addresses.join()) {
        asked.addresses = sorted;
        this.#publish();
        if (asked.answered) this.#options.onChange();
      }
    } catch (error) {
      const said = { [fields.address]: name, [fields.error]: toError(error) };
      logger.warn(said, "the name of a gateway between networks cannot be looked up, its last addresses stay");
    }
    if (this.#asked.get(name) !== asked) return;
    this.#settle(asked);
    asked.timer = setTimeout(() => void this.#ask(name, asked), againMs);
  }

  #settle(asked: Asked): void {
    if (asked.answered) return;
    asked.answered = true;
    this.#options.onChange();
  }

  #forget(name: string): void {
    clearTimeout(this.#asked.get(name)?.timer);
    this.#asked.delete(name);
  }

  #publish(): void {
    this.#resolved = new Map([...this.#asked].map(([name, { addresses }]) => [name, addresses]));
  }
}

const hostsFileTtlMs = 30_000;

/** From DNS, which says how long an answer holds; else from what else the machine knows names by. */
async function lookUp(name: string): Promise<Answer> {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  const answers = await Promise.allSettled([
    resolver.resolve4(name, { ttl: true }),
    resolver.resolve6(name, { ttl: true }),
  ]);
  const records = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  if (records.length > 0)
    return {
      addresses: records.map(({ address }) => address),
      ttlMs: Math.min(...records.map(({ ttl }) => ttl)) * 1_000,
    };
  const known = await lookup(name, { all: true });
  return { addresses: known.map(({ address }) => address), ttlMs: hostsFileTtlMs };
}
