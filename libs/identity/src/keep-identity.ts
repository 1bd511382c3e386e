import { setTimeout as sleep } from "node:timers/promises";
import { type Certificate, createKeyAndCsr, joinPem, parseCertificate, rotationMoment, splitPem } from "@lateen/pki";
import { type TlsMaterial, TlsSource } from "@lateen/rpc";

/** The chain of a new certificate: leaf, intermediates, and last the roots (PEM, maybe several in the last element). */
export type RequestCertificate = (
  request: { readonly csrPem: string; readonly ttlSeconds: number },
  signal: AbortSignal,
) => Promise<readonly string[]>;

/** As much of a logger as is needed; a pino logger is one. */
export interface IdentityLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface KeepIdentityOptions {
  readonly requestCertificate: RequestCertificate;
  /** Roots known from elsewhere (a mounted bundle). A change of them is followed, and answered with a new request. */
  readonly roots?: () => string;
  readonly ttlSeconds: number;
  /** To be filled, where a server was given it before this started; default a new one. */
  readonly source?: TlsSource;
  /** Ends rotation. The source keeps what it has. */
  readonly signal: AbortSignal;
  readonly logger: IdentityLogger;
  /** Refuse a certificate for anyone else: it would show that the token belongs to another workload. */
  readonly trustDomain?: string;
  /** Share of the lifetime by which rotation moves, at random; default 0.01, as Istio. */
  readonly jitter?: number;
  /** The longest pause between attempts; default 30 s. The first is 100 ms. */
  readonly maxBackoffMs?: number;
  /** How often `roots` is asked for a change; default 10 s. */
  readonly rootsIntervalMs?: number;
  /** Told after each rotation. */
  readonly onRotated?: (certificate: Certificate) => void;
  /** Told of each failed attempt. */
  readonly onFailed?: (error: unknown) => void;
}

export interface IdentityClient {
  /** What to serve and connect with; empty until `ready`. Its roots are the CA's and those of `roots()`, joined. */
  readonly source: TlsSource;
  /** The first certificate is there. Rejects only when the signal aborts before. */
  readonly ready: Promise<void>;
  /** Resolves when the signal has aborted and the loop has ended. Never rejects. */
  readonly done: Promise<void>;
  /** The current leaf. */
  readonly certificate: Certificate | undefined;
  /** Why the last attempt failed, while it has not succeeded since. */
  readonly problem: string | undefined;
  /** Asks for a new certificate now. */
  rotate(): void;
}

/** Keeps one certificate fresh with any way of asking for it. Returns at once; see `IdentityClient`. */
export function keepIdentity(options: KeepIdentityOptions): IdentityClient {
  const keeper = new IdentityKeeper(options);
  keeper.start();
  return keeper;
}

const firstBackoffMs = 100;

class IdentityKeeper implements IdentityClient {
  readonly source: TlsSource;
  readonly ready: Promise<void>;
  done: Promise<void> = Promise.resolve();
  certificate: Certificate | undefined;
  problem: string | undefined;
  readonly #options: KeepIdentityOptions;
  readonly #first = Promise.withResolvers<void>();
  #hurry = new AbortController();
  #rootsAnswered = ""; // by the CA, in the last chain
  #rootsFollowed = ""; // of `roots()`, as the source has them

  constructor(options: KeepIdentityOptions) {
    this.#options = options;
    this.source = options.source ?? new TlsSource();
    this.ready = this.#first.promise;
    this.ready.catch(() => undefined); // whoever awaits it gets the reason; nobody may
  }

  start(): void {
    this.done = this.#run();
  }

  rotate(): void {
    this.#hurry.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#options;
    let failures = 0;
    this.#rootsFollowed = this.#knownRoots();
    while (!signal.aborted) {
      this.#hurry = new AbortController();
      try {
        await this.#renew();
        failures = 0;
      } catch (error) {
        if (signal.aborted) break;
        failures += 1;
        this.#failed(error, failures);
      }
      await this.#pause(failures);
    }
    this.#first.reject(signal.reason);
  }

  async #renew(): Promise<void> {
    const { signal, ttlSeconds, logger, onRotated } = this.#options;
    const { csrPem, privateKeyPem } = await createKeyAndCsr(this.#names());
    const chain = await this.#options.requestCertificate({ csrPem, ttlSeconds }, signal);
    const material = this.#materialOf(chain, privateKeyPem);
    const certificate = parseCertificate(material.certificateChainPem);
    this.#checkIdentity(certificate);
    this.source.update(material); // throws, and keeps the old, if key and certificate do not match
    this.certificate = certificate;
    this.problem = undefined;
    logger.info(
      { spiffe_id: certificate.uris[0], expires: new Date(certificate.notAfterMs).toISOString() },
      "certificate obtained",
    );
    onRotated?.(certificate);
    this.#first.resolve();
  }

  #materialOf(chain: readonly string[], privateKeyPem: string): TlsMaterial {
    const rootsPem = chain.at(-1) ?? "";
    if (chain.length < 2) throw new Error(`the CA answered ${chain.length} certificates: expected a leaf and a root`);
    this.#rootsAnswered = rootsPem;
    this.#rootsFollowed = this.#knownRoots();
    return {
      certificateChainPem: joinPem(...chain.slice(0, -1)),
      privateKeyPem,
      rootsPem: joinPem(this.#rootsFollowed, rootsPem),
    };
  }

  /** Names in a request are a courtesy: the CA takes none of them. */
  #names(): { uris: string[] } {
    return { uris: [...(this.certificate?.uris ?? [])] };
  }

  #checkIdentity(certificate: Certificate): void {
    const { trustDomain } = this.#options;
    if (trustDomain === undefined) return;
    const expected = `spiffe://${trustDomain}/`;
    if (certificate.uris.some((uri) => uri.startsWith(expected))) return;
    throw new Error(
      `the CA issued a certificate for ${certificate.uris.join(", ") || "nobody"}, not for trust domain ${trustDomain}: set TRUST_DOMAIN to the CA's`,
    );
  }

  /** A problem is logged when it is new, and again each tenth time. */
  #failed(error: unknown, failures: number): void {
    const { logger, onFailed } = this.#options;
    const problem = error instanceof Error ? error.message : String(error);
    const expires = this.certificate && new Date(this.certificate.notAfterMs).toISOString();
    if (problem !== this.problem || failures % 10 === 0) {
      logger.warn(
        { reason: problem, count: failures, ...(expires && { expires }) },
        "cannot obtain a certificate, retrying",
      );
    }
    this.problem = problem;
    onFailed?.(error);
  }

  /** Until the rotation moment (or the backoff's end), a call of `rotate`, changed roots, or the end. */
  async #pause(failures: number): Promise<void> {
    const { signal, maxBackoffMs = 30_000, jitter = 0.01, rootsIntervalMs = 10_000 } = this.#options;
    const backoff =
      Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.min(failures - 1, 20)) * (0.75 + Math.random() / 2);
    const issuedAtMs = Date.now();
    const notAfterMs = this.certificate?.notAfterMs ?? issuedAtMs;
    const wakeAt =
      failures > 0
        ? issuedAtMs + backoff
        : rotationMoment({ issuedAtMs, notAfterMs }, (Math.random() * 2 - 1) * jitter);
    const stop = AbortSignal.any([signal, this.#hurry.signal]);
    while (!stop.aborted) {
      const left = wakeAt - Date.now();
      if (left <= 0) return;
      await sleep(Math.min(left, this.#options.roots ? rootsIntervalMs : maxTimerMs), undefined, {
        signal: stop,
      }).catch(() => undefined);
      if (this.#knownRoots() !== this.#rootsFollowed) {
        this.#followRoots();
        return;
      }
    }
  }

  /** The source trusts the new roots at once; the caller asks for a certificate that they vouch for. */
  #followRoots(): void {
    const { current } = this.source;
    this.#rootsFollowed = this.#knownRoots();
    if (current) this.source.update({ ...current, rootsPem: joinPem(this.#rootsFollowed, this.#rootsAnswered) });
    this.#options.logger.info({ count: splitPem(this.#rootsFollowed).length }, "trusted roots changed");
  }

  #knownRoots(): string {
    try {
      return joinPem(this.#options.roots?.() ?? "");
    } catch {
      return joinPem(this.source.current?.rootsPem ?? ""); // a bundle that is being rewritten: keep what is known
    }
  }
}

/** setTimeout's limit is 2^31-1 ms, and a clock may jump while we sleep: look again each hour. */
const maxTimerMs = 3_600_000;
