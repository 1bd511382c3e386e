import type { Acknowledgement } from "@lateen/xds-server";
import type { Publication } from "../mesh/feed.ts";
import type { PilotMetrics } from "../metrics.ts";

/** Every connected proxy has accepted everything up to `revision`. */
export interface Acknowledged {
  readonly revision: bigint;
  readonly proxies: number;
  /** Unix milliseconds of the last acknowledgement. */
  readonly atMs: number;
}

export interface ProgressOptions {
  readonly acknowledged: () => Acknowledgement;
  readonly metrics: PilotMetrics;
  readonly onAcknowledged?: ((event: Acknowledged) => void) | undefined;
}

/** Publications of which the arrival is remembered; older ones are live or given up on. */
const remembered = 1_000;

/** A look is taken at most for one part in so many of the time. */
const restFactor = 100;

/** Joins what was published with what proxies accept: how far the mesh is, and how long it took. */
export class Progress {
  readonly #options: ProgressOptions;
  #arrivals: { readonly revision: bigint; readonly arrivedAtMs: number }[] = [];
  #applied = 0n;
  #told = 0n;
  #refresh: (() => void) | undefined;
  /** No look before this: what looks cost is a small part of the time, however many proxies there are. */
  #restUntilMs = 0;

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  get appliedRevision(): bigint {
    return this.#applied;
  }

  /** What all connected proxies have; without any, all that this replica has applied. */
  current(): Acknowledgement & { readonly revision: bigint } {
    const state = this.#options.acknowledged();
    return { ...state, revision: state.revision ?? this.#applied };
  }

  published({ snapshot, arrivedAtMs }: Publication): void {
    this.#applied = snapshot.revision;
    this.#arrivals.push({ revision: snapshot.revision, arrivedAtMs });
    if (this.#arrivals.length > remembered) this.#arrivals.shift();
    this.changed();
  }

  /** When the change that made `revision` arrived; undefined when that is long ago. */
  arrivedAtMs(revision: bigint): number | undefined {
    return this.#arrivals.findLast((arrival) => arrival.revision === revision)?.arrivedAtMs;
  }

  /** Some proxy accepted something, came or went. What happens in one turn of the event loop is looked at once. */
  changed(): void {
    if (this.#refresh !== undefined) return;
    const look = (): void => {
      this.#refresh = undefined;
      const startedAtMs = performance.now();
      this.#look();
      const endedAtMs = performance.now();
      this.#restUntilMs = endedAtMs + (endedAtMs - startedAtMs) * restFactor;
    };
    const restMs = this.#restUntilMs - performance.now();
    if (restMs < 1) {
      const immediate = setImmediate(look);
      this.#refresh = () => clearImmediate(immediate);
    } else {
      const timer = setTimeout(look, restMs);
      this.#refresh = () => clearTimeout(timer);
    }
  }

  stop(): void {
    this.#refresh?.();
  }

  #look(): void {
    const { metrics, onAcknowledged } = this.#options;
    const { revision, proxies, laggards } = this.current();
    metrics.acknowledgedRevision.set(Number(revision));
    metrics.laggards.set(laggards.length);
    if (revision <= this.#told) return;
    this.#told = revision;
    const now = performance.now();
    const live = this.#arrivals.filter((arrival) => arrival.revision <= revision);
    this.#arrivals = this.#arrivals.filter((arrival) => arrival.revision > revision || arrival === live.at(-1));
    if (proxies > 0) for (const arrival of live) metrics.saveToAckSeconds.observe((now - arrival.arrivedAtMs) / 1_000);
    onAcknowledged?.({ revision, proxies, atMs: Date.now() });
  }
}
