import { Backoff, sleep } from "./backoff.ts";
import type { KubeClient } from "./client.ts";
import { isConflict } from "./kube-error.ts";
import { silent } from "./logger.ts";
import type { KubeLogger } from "./logger.ts";
import type { KubeObject, ResourceType } from "./resource.ts";

export interface KubeLeaseOptions {
  readonly namespace: string;
  readonly name: string;
  /** Unique among the contenders: the pod's name. */
  readonly holder: string;
  /** Runs while the lease is held; its signal aborts when the lease is lost or `signal` aborts. */
  readonly onHeld: (signal: AbortSignal) => Promise<void>;
  /** How long a dead holder blocks the others. */
  readonly durationMs?: number;
  readonly logger?: KubeLogger;
}

const leases: ResourceType = { apiVersion: "coordination.k8s.io/v1", plural: "leases" };

/**
 * Contends for a Kubernetes Lease until the signal aborts, and runs `onHeld` whenever it is held. At most one holder
 * acts at a time, as long as clocks run at the same pace: expiry is judged by when *we* saw the last renewal, so
 * clocks may differ. The holder stops acting a third of the duration before others may take over. Rejects only with
 * what `onHeld` rejects with.
 */
export async function holdKubeLease(client: KubeClient, options: KubeLeaseOptions, signal: AbortSignal): Promise<void> {
  const contender = new Contender(client, options);
  const backoff = new Backoff({ firstMs: contender.durationMs / 15, maxMs: contender.durationMs / 3 });
  while (!signal.aborted) {
    if (await contender.acquire(signal)) {
      backoff.reset();
      await holdWhileRenewed(contender, options, signal);
    }
    await backoff.pause(signal);
  }
}

async function holdWhileRenewed(contender: Contender, options: KubeLeaseOptions, signal: AbortSignal): Promise<void> {
  const logger = options.logger ?? silent;
  const lost = new AbortController();
  const work = options.onHeld(AbortSignal.any([signal, lost.signal]));
  let running = true;
  const ended = () => {
    running = false;
  };
  const settled = work.then(ended, ended);
  logger.info({ lease: options.name }, "lease acquired");
  const renewEveryMs = contender.durationMs / 5;
  while (running && !signal.aborted) {
    await Promise.race([settled, sleep(renewEveryMs, signal)]);
    if (!running || signal.aborted) break;
    const outcome = await contender.renew(AbortSignal.timeout(renewEveryMs));
    if (outcome === "taken" || contender.msSinceRenewed() > (contender.durationMs * 2) / 3) {
      logger.warn({ lease: options.name, outcome }, "lease lost");
      break;
    }
  }
  lost.abort();
  await settled;
  await contender.release();
  await work; // its rejection is the caller's
}

/** What one process knows about the lease. */
class Contender {
  readonly durationMs: number;
  readonly #client: KubeClient;
  readonly #options: KubeLeaseOptions;
  #renewedAt = 0;
  #seen = { record: "", at: 0 };

  constructor(client: KubeClient, options: KubeLeaseOptions) {
    this.#client = client;
    this.#options = options;
    this.durationMs = options.durationMs ?? 15_000;
  }

  msSinceRenewed(): number {
    return performance.now() - this.#renewedAt;
  }

  /** True when the lease is ours now. Any failure means not yet. */
  async acquire(signal: AbortSignal): Promise<boolean> {
    try {
      const found = await this.#client.get(leases, this.#options, { signal });
      if (found === undefined) return await this.#write(undefined, signal);
      const { holderIdentity = "" } = specOf(found);
      const record = JSON.stringify(found["spec"]);
      if (record !== this.#seen.record) this.#seen = { record, at: performance.now() };
      const waited = performance.now() - this.#seen.at;
      const theirs = (specOf(found).leaseDurationSeconds ?? 0) * 1000;
      if (holderIdentity !== "" && holderIdentity !== this.#options.holder && waited < theirs) return false;
      return await this.#write(found, signal);
    } catch (error) {
      if (!isConflict(error) && !signal.aborted)
        (this.#options.logger ?? silent).warn(
          { lease: this.#options.name, problem: String(error) },
          "cannot acquire a lease, retrying",
        );
      return false;
    }
  }

  async renew(signal: AbortSignal): Promise<"renewed" | "taken" | "unreachable"> {
    try {
      const found = await this.#client.get(leases, this.#options, { signal });
      if (found !== undefined && specOf(found).holderIdentity !== this.#options.holder) return "taken";
      return (await this.#write(found, signal)) ? "renewed" : "taken";
    } catch (error) {
      return isConflict(error) ? "taken" : "unreachable";
    }
  }

  /** Lets the next contender in at once. Best effort: the lease expires by itself. */
  async release(): Promise<void> {
    const signal = AbortSignal.timeout(2_000);
    const found = await this.#client.get(leases, this.#options, { signal }).catch(() => undefined);
    if (found === undefined || specOf(found).holderIdentity !== this.#options.holder) return;
    const released = { ...found, spec: { ...specOf(found), holderIdentity: "", leaseDurationSeconds: 1 } };
    await this.#client.replace(leases, released, { signal }).catch(() => undefined);
  }

  async #write(found: KubeObject | undefined, signal: AbortSignal): Promise<boolean> {
    const { namespace, name, holder } = this.#options;
    const startedAt = performance.now(); // counted from before the write, so we never believe to hold it for too long
    const now = `${new Date().toISOString().slice(0, -1)}000Z`;
    const before = found ? specOf(found) : {};
    const kept = before.holderIdentity === holder;
    const spec = {
      holderIdentity: holder,
      leaseDurationSeconds: Math.max(1, Math.ceil(this.durationMs / 1000)),
      acquireTime: kept ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (before.leaseTransitions ?? 0) + (kept ? 0 : 1),
    };
    const metadata = found?.metadata ?? { namespace, name };
    const lease = { apiVersion: leases.apiVersion, kind: "Lease", metadata, spec };
    await (found ? this.#client.replace(leases, lease, { signal }) : this.#client.create(leases, lease, { signal }));
    this.#renewedAt = startedAt;
    return true;
  }
}

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

function specOf(lease: KubeObject): LeaseSpec {
  return (lease["spec"] ?? {}) as LeaseSpec;
}
