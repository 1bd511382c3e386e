import { X509Certificate } from "node:crypto";
import type { FetchedBundles } from "@lateen/compiler";
import { fields, toError } from "@lateen/runtime";
import type { Logger } from "@lateen/runtime";

/** Certificates of a bundle, PEM, and after how long its owner wants it fetched again. */
export interface Bundle {
  readonly roots: readonly string[];
  readonly refreshMs?: number;
}

export interface SpiffeBundlesOptions {
  readonly logger: Logger;
  /** Told when a bundle has changed, or has been asked for the first time. */
  readonly onChange: () => void;
  readonly fetchBundle?: (url: string) => Promise<Bundle>;
  /** Bounds of how long a bundle holds, and how soon a failure is tried again. */
  readonly minMs?: number;
  readonly maxMs?: number;
  readonly retryMs?: number;
  /** The longest that a new bundle is waited for. */
  readonly patienceMs?: number;
}

interface Asked {
  roots: readonly string[];
  answered: boolean;
  timer?: NodeJS.Timeout;
}

/**
 * Fetches SPIFFE bundles for as long as they are wanted, again and again. The last good one stays while there is no other.
 * https://github.com/istio/istio/blob/0e87500e49c7cc9fa353744323948db83739b8fb/pilot/pkg/trustbundle/trustbundle.go
 */
export class SpiffeBundles {
  readonly #options: SpiffeBundlesOptions;
  readonly #asked = new Map<string, Asked>();
  #fetched: FetchedBundles = new Map();

  constructor(options: SpiffeBundlesOptions) {
    this.#options = options;
  }

  /** The same map as long as nothing changed. */
  get fetched(): FetchedBundles {
    return this.#fetched;
  }

  /** Whether every bundle has had its time: then there is nothing to wait for. */
  want(urls: readonly string[]): boolean {
    const wanted = new Set(urls);
    const gone = [...this.#asked.keys()].filter((url) => !wanted.has(url));
    for (const url of gone) this.#forget(url);
    for (const url of wanted) if (!this.#asked.has(url)) this.#begin(url);
    if (gone.length > 0) this.#publish();
    return [...this.#asked.values()].every(({ answered }) => answered);
  }

  stop(): void {
    for (const url of [...this.#asked.keys()]) this.#forget(url);
  }

  #begin(url: string): void {
    const asked: Asked = { roots: [], answered: false };
    this.#asked.set(url, asked);
    const patience = setTimeout(() => this.#settle(asked), this.#options.patienceMs ?? 2_000);
    void this.#ask(url, asked).finally(() => clearTimeout(patience));
  }

  async #ask(url: string, asked: Asked): Promise<void> {
    const { logger, minMs = 60_000, maxMs = 30 * 60_000, retryMs = 5_000, onChange } = this.#options;
    let againMs = retryMs;
    try {
      const { roots, refreshMs = maxMs } = await (this.#options.fetchBundle ?? fetchBundle)(url);
      againMs = Math.min(maxMs, Math.max(minMs, refreshMs));
      if (this.#asked.get(url) === asked && roots.join() !== asked.roots.join()) {
        asked.roots = roots;
        this.#publish();
        if (asked.answered) onChange();
      }
    } catch (error) {
      const said = { [fields.address]: url, [fields.error]: toError(error) };
      logger.warn(said, "a SPIFFE bundle of caCertificates cannot be fetched, its last certificates stay");
    }
    if (this.#asked.get(url) !== asked) return;
    this.#settle(asked);
    asked.timer = setTimeout(() => void this.#ask(url, asked), againMs);
  }

  #settle(asked: Asked): void {
    if (asked.answered) return;
    asked.answered = true;
    this.#options.onChange();
  }

  #forget(url: string): void {
    clearTimeout(this.#asked.get(url)?.timer);
    this.#asked.delete(url);
  }

  #publish(): void {
    this.#fetched = new Map([...this.#asked].map(([url, { roots }]) => [url, roots]));
  }
}

const largest = 1 << 20;

/** By HTTPS, whose server the machine's authorities vouch for (and NODE_EXTRA_CA_CERTS). */
async function fetchBundle(url: string): Promise<Bundle> {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000), redirect: "error" });
  if (!response.ok) throw new Error(`answered ${response.status}`);
  const text = await response.text();
  if (text.length > largest) throw new Error(`is larger than ${largest} bytes`);
  return readBundle(JSON.parse(text));
}

interface Key {
  readonly use?: unknown;
  readonly x5c?: unknown;
}

/**
 * The authorities for X.509 in a bundle. Throws where it holds none: an empty bundle would be a trust domain that nobody
 * vouches for, and is most likely a mistake of its server.
 * https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Trust_Domain_and_Bundle.md#4-spiffe-bundle-format
 */
export function readBundle(document: unknown): Bundle {
  const { keys, spiffe_refresh_hint: hint } = (document ?? {}) as Record<string, unknown>;
  const listed: readonly Key[] = Array.isArray(keys) ? (keys as readonly Key[]) : [];
  const roots = listed.filter(({ use }) => use === "x509-svid").map(({ x5c }) => rootOf(x5c));
  if (roots.length === 0) throw new Error('holds no key with "use": "x509-svid"');
  return {
    roots: [...new Set(roots)].sort(),
    ...(typeof hint === "number" && hint > 0 && { refreshMs: hint * 1_000 }),
  };
}

function rootOf(chain: unknown): string {
  const [first] = Array.isArray(chain) ? chain : [];
  if (typeof first !== "string") throw new Error("holds an x509-svid key without its certificate (x5c)");
  const certificate = new X509Certificate(Buffer.from(first, "base64"));
  if (!certificate.ca) throw new Error(`holds a certificate that is no authority's: ${certificate.subject}`);
  return certificate.toString();
}
