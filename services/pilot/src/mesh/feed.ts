import { createSnapshot, gatewayNames, trustBundleUrls } from "@lateen/compiler";
import type { MeshSettings, MeshSnapshot } from "@lateen/compiler";
import { keys } from "@lateen/mesh-store";
import type { MeshStore, StoreBatch } from "@lateen/mesh-store";
import { fields, withSpan } from "@lateen/runtime";
import type { Logger } from "@lateen/runtime";
import type { PilotMetrics } from "../metrics.ts";
import { GatewayNames } from "./gateway-names.ts";
import { Latest } from "./latest.ts";
import { MeshMirror } from "./mirror.ts";
import type { BatchEffect } from "./mirror.ts";
import { Pacer } from "./pacer.ts";
import { SpiffeBundles } from "./spiffe-bundles.ts";

/** A snapshot that is served, and when its first change arrived (on the clock of `performance.now`). */
export interface Publication {
  readonly snapshot: MeshSnapshot;
  readonly arrivedAtMs: number;
}

export interface MeshFeedOptions {
  readonly store: MeshStore;
  readonly meshConfig: MeshSettings;
  readonly logger: Logger;
  readonly metrics: PilotMetrics;
  /** An empty store right after the start: serve that (a folder may be empty), or wait for content (a store being filled). */
  readonly emptyMesh: "serve" | "wait";
  /** Gateways between networks are looked up by name. */
  readonly resolveGateways?: boolean;
  readonly quietMs?: number;
  readonly maxMs?: number;
  /** How long what an emptied store lacks is kept. */
  readonly heldMs?: number;
}

const prefixes = ["config", "service", "endpoint", "workload", "trust"].map((token) => keys.prefix(token));

/** From the store's batches to snapshots. With the store away the last snapshot stays. */
export class MeshFeed {
  readonly published = new Latest<Publication>();
  readonly #options: MeshFeedOptions;
  readonly #mirror = new MeshMirror();
  readonly #pacer: Pacer;
  readonly #names: GatewayNames;
  readonly #bundles: SpiffeBundles;
  #arrivedAtMs: number | undefined;
  #trigger: "config" | "endpoint" = "endpoint";
  #holding: NodeJS.Timeout | undefined;

  constructor(options: MeshFeedOptions) {
    this.#options = options;
    this.#pacer = new Pacer({ quietMs: options.quietMs ?? 10, maxMs: options.maxMs ?? 100 }, () => this.#publish());
    const onChange = (): void => this.#again();
    this.#names = new GatewayNames({ logger: options.logger, onChange });
    this.#bundles = new SpiffeBundles({ logger: options.logger, onChange });
  }

  /** Resolves when `signal` aborts; rejects when the store's watch ends by itself. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      for await (const batch of this.#options.store.watch(prefixes, signal)) this.#receive(batch);
      if (!signal.aborted) throw new Error("the mesh store ended its watch");
    } finally {
      this.#pacer.stop();
      this.#names.stop();
      this.#bundles.stop();
      clearTimeout(this.#holding);
    }
  }

  #receive(batch: StoreBatch): void {
    const effect = this.#mirror.apply(batch);
    this.#report(batch, effect);
    if (this.published.current === undefined && this.#mirror.size === 0 && this.#options.emptyMesh === "wait") {
      this.#options.logger.warn(
        { [fields.revision]: String(batch.revision) },
        "mesh store is empty, waiting for it to be filled",
      );
      return;
    }
    if (effect.held > 0) this.#hold(effect.held);
    const { config, service, trust } = effect.changed;
    if (batch.reset || config + service + trust > 0) this.#trigger = "config";
    this.#arrivedAtMs ??= performance.now();
    this.#pacer.request();
  }

  #publish(): void {
    const { logger, metrics, meshConfig, resolveGateways = true } = this.#options;
    const startedAtMs = performance.now();
    const state = this.#mirror.state(meshConfig);
    // Without its gateways a network would seem to be reached directly.
    if (resolveGateways && !this.#names.want(gatewayNames(state))) return;
    // Without who vouches for them peers would be turned away.
    if (!this.#bundles.want(trustBundleUrls(state))) return;
    const arrivedAtMs = this.#arrivedAtMs ?? startedAtMs;
    this.#arrivedAtMs = undefined;
    void withSpan("pilot.snapshot", { revision: this.#mirror.revision }, () => {
      const named = { ...state, names: this.#names.resolved, bundles: this.#bundles.fetched };
      const snapshot = createSnapshot(named, this.published.current?.snapshot);
      if (this.published.current === undefined)
        logger.info({ [fields.revision]: String(snapshot.revision), [fields.count]: this.#mirror.size }, "mesh loaded");
      this.published.set({ snapshot, arrivedAtMs });
      metrics.services.set(snapshot.services.byKey.size);
      metrics.virtualServices.set(snapshot.state.configs.filter(({ kind }) => kind === "VirtualService").length);
      metrics.appliedRevision.set(Number(snapshot.revision));
    }).catch((error: unknown) =>
      logger.error(
        { [fields.error]: error, [fields.revision]: String(this.#mirror.revision) },
        "snapshot failed, the last one serves",
      ),
    );
    metrics.pushTriggers.inc({ type: this.#trigger });
    metrics.debounceSeconds.observe((startedAtMs - arrivedAtMs) / 1_000);
    metrics.snapshotSeconds.observe((performance.now() - startedAtMs) / 1_000);
    this.#trigger = "endpoint";
  }

  /** Something besides the store says what the mesh is like. */
  #again(): void {
    this.#trigger = "config";
    this.#arrivedAtMs ??= performance.now();
    this.#pacer.request();
  }

  #hold(count: number): void {
    const { logger, heldMs = 30_000 } = this.#options;
    logger.warn(
      { [fields.count]: count },
      "the mesh store has lost most of its content, serving the last known for a while",
    );
    clearTimeout(this.#holding);
    this.#holding = setTimeout(() => {
      const released = this.#mirror.releaseHeld();
      if (released === 0) return;
      logger.warn({ [fields.count]: released }, "what the mesh store has lost is no longer served");
      this.#again();
    }, heldMs);
  }

  #report(batch: StoreBatch, { changed, unreadable }: BatchEffect): void {
    const { logger, metrics } = this.#options;
    metrics.inboundUpdates.inc({ type: "config" }, changed.config);
    metrics.inboundUpdates.inc({ type: "svc" }, changed.service);
    metrics.inboundUpdates.inc({ type: "eds" }, changed.endpoints + changed.workload);
    metrics.unreadable.set(this.#mirror.unreadable);
    for (const key of unreadable)
      logger.warn(
        { [fields.key]: key, [fields.revision]: String(batch.revision) },
        "entry cannot be read by this version and is ignored",
      );
  }
}
