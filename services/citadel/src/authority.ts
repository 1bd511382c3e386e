import { setTimeout as sleep } from "node:timers/promises";
import {
  type CertificateAuthority,
  type IssuedCertificate,
  type WorkloadCertificateRequest,
  createRootCa,
  issueWorkloadCertificate,
  openCertificateAuthority,
  renewRootCa,
} from "@lateen/pki";
import { type HealthCheck, type Logger, MeshError, fields } from "@lateen/runtime";
import { citadelCodes } from "./errors.ts";
import type { KeyStore, StoredCa } from "./keys/key-store.ts";

export interface AuthorityOptions {
  readonly keyStore: KeyStore;
  /** The organization in a root made here. */
  readonly trustDomain: string;
  readonly logger: Logger;
  /** How long a root made here lives; default 10 years. */
  readonly rootTtlSeconds?: number;
  /** How often the stored CA is looked at: a changed one is taken over, an old one renewed; default 1 min. */
  readonly checkIntervalMs?: number;
  readonly now?: () => number;
}

/** The CA's slot: what signs now. `run` fills it from the key store and keeps it in step; a bad change leaves the last good. */
export class Authority {
  readonly #options: AuthorityOptions;
  readonly #listeners = new Set<() => void>();
  #current: CertificateAuthority | undefined;
  #problem = "the CA has not been loaded yet";

  constructor(options: AuthorityOptions) {
    this.#options = options;
  }

  get current(): CertificateAuthority | undefined {
    return this.#current;
  }

  readonly check: HealthCheck = {
    name: "ca",
    check: () => ({ ready: this.#current !== undefined, ...(this.#problem ? { detail: this.#problem } : {}) }),
  };

  /** Called whenever another CA signs; returns the way to stop. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Throws `ca_not_ready` before the first load, and PkiError for a bad request. */
  async issue(request: WorkloadCertificateRequest): Promise<IssuedCertificate> {
    if (!this.#current) throw new MeshError(citadelCodes.caNotReady, `the CA cannot sign: ${this.#problem}`);
    return issueWorkloadCertificate(this.#current, request);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { checkIntervalMs = 60_000, logger, keyStore } = this.#options;
    for (let failures = 0; !signal.aborted; ) {
      try {
        await this.#step();
        failures = 0;
        this.#problem = "";
      } catch (error) {
        failures += 1;
        this.#problem = `cannot load the CA from ${keyStore.description}: ${error instanceof Error ? error.message : String(error)}`;
        logger.error(
          { [fields.error]: error, [fields.store]: keyStore.description },
          "cannot load the certificate authority",
        );
      }
      const waitMs = failures > 0 ? Math.min(checkIntervalMs, 100 * 2 ** failures) : checkIntervalMs;
      await sleep(waitMs * (0.8 + Math.random() * 0.4), undefined, { signal }).catch(() => undefined);
    }
  }

  /** One look at the key store. */
  async #step(): Promise<void> {
    const { keyStore, trustDomain, rootTtlSeconds } = this.#options;
    const options = {
      organization: trustDomain,
      nowMs: this.#now(),
      ...(rootTtlSeconds !== undefined && { ttlSeconds: rootTtlSeconds }),
    };
    const stored = await keyStore.loadOrCreate(() => createRootCa(options));
    await this.#take(stored);
    if (!stored.selfSigned || !this.#isOld()) return;
    const renewed = await renewRootCa(stored.material, options);
    await openCertificateAuthority(renewed); // never store what could not be loaded
    if (!(await keyStore.replace(stored, renewed))) return; // another replica renewed it: the next look finds that
    this.#options.logger.info({ [fields.store]: keyStore.description }, "root certificate renewed");
    await this.#take({ ...stored, material: renewed });
  }

  async #take({ material }: StoredCa): Promise<void> {
    if (JSON.stringify(material) === JSON.stringify(this.#current?.material)) return;
    const next = await openCertificateAuthority(material);
    const first = this.#current === undefined;
    this.#current = next;
    const expires = new Date(next.certificate.notAfterMs).toISOString();
    this.#options.logger.info(
      { fingerprint: next.certificate.fingerprint, expires },
      first ? "certificate authority loaded" : "certificate authority changed",
    );
    for (const listener of this.#listeners) listener();
  }

  /** A fifth of its life is left, as Istio's default. */
  #isOld(): boolean {
    const { certificate } = this.#current as CertificateAuthority;
    const lifetime = certificate.notAfterMs - certificate.notBeforeMs;
    return certificate.notAfterMs - this.#now() < lifetime / 5;
  }

  #now(): number {
    return this.#options.now?.() ?? Date.now();
  }
}
