import { holdLease } from "@lateen/mesh-store";
import type { MeshStore } from "@lateen/mesh-store";
import type { KubeClient } from "@lateen/kube";
import type { Violation } from "@lateen/model";
import type { Component, Logger } from "@lateen/runtime";
import { fields, toError } from "@lateen/runtime";
import type { FastifyInstance } from "fastify";
import type { Registry } from "prom-client";
import { registerAdmission } from "./admission/routes.ts";
import { FolderSource } from "./folder/folder-source.ts";
import type { Intake } from "./intake/claim.ts";
import type { IntakeOptions } from "./intake/read-object.ts";
import { IngressStatuses } from "./ingress/ingress-statuses.ts";
import { IngressView } from "./ingress/ingress-view.ts";
import { KubernetesSource } from "./kubernetes/kubernetes-source.ts";
import { StatusWriter } from "./kubernetes/status-writer.ts";
import { registerGalleyMetrics } from "./metrics.ts";
import type { GalleyMetrics } from "./metrics.ts";
import { Ledger } from "./publish/ledger.ts";
import type { LookedAt } from "./publish/looked-at.ts";
import { Publisher } from "./publish/publisher.ts";
import type { AppliedBatch } from "./publish/publisher.ts";
import { RegisteredWorkloads } from "./registrations/registered-workloads.ts";
import { Reports } from "./reports.ts";
import type { Report } from "./reports.ts";
import type { Sink, Source } from "./source.ts";

export type SourceOptions =
  | { readonly kind: "folder"; readonly directory: string; readonly coalesceMs?: number; readonly rescanMs?: number }
  | { readonly kind: "kubernetes"; readonly client: KubeClient };

export interface GalleyOptions {
  readonly store: MeshStore;
  readonly source: SourceOptions;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Where mesh-wide configuration lives; default `istio-system`. */
  readonly rootNamespace?: string;
  /** DNS domain of cluster services; default `cluster.local`. */
  readonly domain?: string;
  /** Name of the cluster; default `Kubernetes`. */
  readonly cluster?: string;
  /** This replica's name, for the lease; default `galley-validator`. */
  readonly instance?: string;
  /** How long a replica that vanished keeps the others from writing; default 10 s. */
  readonly leaseMs?: number;
  /** How long a workload that registered itself may be away; default 10 s. */
  readonly workloadEntryGraceMs?: number;
  /** Mistakes as they come and go. */
  readonly onReport?: (report: Report) => void;
  /** Batches that are in the store. */
  readonly onApplied?: (batch: AppliedBatch) => void;
  /** All that the source has is in the store: told the first time, and when the store had to be filled again. */
  readonly onReconciled?: () => void;
}

export interface GalleyValidator extends Component<never> {
  /** Everything that is wrong now. */
  violations(): readonly Violation[];
  /** Puts the admission webhook on an HTTP server; it answers whether this replica leads or not. */
  admission(app: FastifyInstance): Promise<void>;
}

/** The intake of the mesh: follows one source, judges what is there, keeps the store in step. No I/O before `run`. */
export function createGalleyValidator(options: GalleyOptions): GalleyValidator {
  const {
    store,
    logger,
    source: { kind },
  } = options;
  const rootNamespace = options.rootNamespace ?? "istio-system";
  const metrics = registerGalleyMetrics(options.registry);
  const reports = new Reports(logger, options.onReport);
  const ledger = new Ledger(rootNamespace);
  const publisher = new Publisher({
    store,
    ledger,
    logger,
    metrics,
    onApplied: (batch) => onApplied(batch, metrics, options),
    ...(options.onReconciled && { onReconciled: options.onReconciled }),
    onGiven: (object, addresses) => statusWriter?.given(object, addresses),
    healthOf: (key) => registered.healthOf(key),
  });
  const ingresses = new IngressView(ledger, rootNamespace);
  const { source, statusWriter, ingressStatuses } = createSource(options, rootNamespace, ingresses);
  const graceMs = options.workloadEntryGraceMs;
  const registered = new RegisteredWorkloads({
    ...{ store, logger, ...(graceMs === undefined ? {} : { graceMs }) },
    onHealth: (changed) => publisher.mark(changed, Date.now()),
  });
  const ready = Promise.withResolvers<void>();
  let unsynced = 2; // nothing may be taken for gone before both have told what there is
  const onSynced = (): void => void (--unsynced === 0 && ready.resolve());
  const onIngresses = (): void => ingressStatuses?.changed();
  const sink = createSink({
    ledger,
    publisher,
    reports,
    metrics,
    onSynced,
    rootNamespace,
    logger,
    ingresses,
    onIngresses,
  });

  const leading: Leading = {
    options,
    metrics,
    ready: ready.promise,
    work: [
      publisher,
      registered.lead(),
      ...(statusWriter ? [statusWriter] : []),
      ...(ingressStatuses ? [ingressStatuses] : []),
    ],
  };

  return {
    name: "galley-validator",
    checks: [
      { name: `galley-${kind}`, check: () => checkOf(source.problem()) },
      { name: "galley-store", check: () => checkOf(store.connected() ? undefined : "the mesh store is not connected") },
    ],
    violations: () => reports.all(),
    admission: (app) => registerAdmission(app, { rootNamespace, metrics, logger, ingresses }),
    run: (signal) =>
      firstFailureStops(
        [(each) => source.run(sink, each), (each) => registered.run(sink, each), (each) => lead(leading, each)],
        signal,
      ),
  };
}

interface Leading {
  readonly options: GalleyOptions;
  readonly metrics: GalleyMetrics;
  /** All that the source has was seen once: nothing may be deleted before. */
  readonly ready: Promise<void>;
  readonly work: readonly { run(signal: AbortSignal): Promise<void> }[];
}

/** Works while this replica holds the lease. Resolves when `signal` aborts. */
async function lead({ options, metrics, ready, work }: Leading, signal: AbortSignal): Promise<void> {
  const { store, logger, leaseMs, instance = "galley-validator" } = options;
  await Promise.race([ready, aborted(signal)]);
  if (signal.aborted) return;
  const onHeld = async (held: AbortSignal): Promise<void> => {
    logger.info({ [fields.holder]: instance }, "writing to the mesh store");
    metrics.leading.set(1);
    try {
      await Promise.all(work.map((each) => each.run(held)));
    } finally {
      metrics.leading.set(0);
    }
  };
  await holdLease(store, "galley-validator", instance, signal, onHeld, {
    ...(leaseMs === undefined ? {} : { durationMs: leaseMs }),
    onError: (error) => logger.warn({ [fields.error]: toError(error) }, "cannot hold the lease, trying again"),
  });
}

interface SinkParts {
  readonly ledger: Ledger;
  readonly publisher: Publisher;
  readonly reports: Reports;
  readonly metrics: GalleyMetrics;
  readonly onSynced: () => void;
  readonly rootNamespace: string;
  readonly logger: Logger;
  readonly ingresses: IngressView;
  /** What decides about Ingresses is different. */
  readonly onIngresses: () => void;
}

function createSink(parts: SinkParts): Sink {
  const { ledger, publisher, reports, metrics, onSynced, rootNamespace, logger, ingresses, onIngresses } = parts;
  const tellOfRoot = (lookedAt: LookedAt): void => {
    if (lookedAt.has("", rootNamespace)) return;
    const reason = `discoverySelectors do not select the root namespace "${rootNamespace}": its mesh-wide policies and services do not count. Label it`;
    logger.warn({ [fields.reason]: reason }, "objects of the root namespace are not looked at");
  };
  return {
    take(changes: ReadonlyMap<string, Intake | undefined>, savedAtMs: number) {
      const keys: string[] = [];
      const units = new Set<string>();
      let elsewhere = false;
      for (const [unit, intake] of changes) {
        const change = intake ? ledger.replace(unit, intake) : ledger.remove(unit);
        keys.push(...change.keys);
        for (const each of change.units) units.add(each);
        if (change.unsure || change.lookedAt) publisher.reconcile();
        if (change.lookedAt) tellOfRoot(change.lookedAt);
        elsewhere ||= change.lookedAt !== undefined;
      }
      if (elsewhere ? ingresses.lookAtAll() : ingresses.look(keys)) onIngresses();
      publisher.mark(keys, savedAtMs);
      for (const unit of units) reports.update(unit, ledger.violationsOf(unit));
      metrics.invalidObjects.set(ledger.invalidCount);
    },
    synced: onSynced,
  };
}

interface Followed {
  readonly source: Source;
  readonly statusWriter?: StatusWriter;
  readonly ingressStatuses?: IngressStatuses;
}

function createSource(options: GalleyOptions, rootNamespace: string, ingresses: IngressView): Followed {
  const { logger, source } = options;
  const intake: IntakeOptions = {
    rootNamespace,
    ...(options.domain === undefined ? {} : { domain: options.domain }),
    ...(options.cluster === undefined ? {} : { cluster: options.cluster }),
  };
  if (source.kind === "folder") return { source: new FolderSource({ ...source, intake, logger }) };
  const statusWriter = new StatusWriter(source.client, logger);
  const onJudged = statusWriter.judged.bind(statusWriter);
  const ingressStatuses = new IngressStatuses(source.client, ingresses, logger);
  const followed = { client: source.client, intake, logger, onJudged, ingresses: ingressStatuses };
  return { source: new KubernetesSource(followed), statusWriter, ingressStatuses };
}

function onApplied(batch: AppliedBatch, metrics: GalleyMetrics, { logger, onApplied: tell }: GalleyOptions): void {
  metrics.applySeconds.observe(Math.max(0, batch.atMs - batch.savedAtMs) / 1_000);
  logger.info(
    { [fields.revision]: batch.revision.toString(), [fields.count]: batch.changedObjects.length },
    "configuration applied",
  );
  tell?.(batch);
}

function checkOf(problem: string | undefined): { ready: boolean; detail?: string } {
  return problem === undefined ? { ready: true } : { ready: false, detail: problem };
}

/** Runs all until `signal` aborts; the first that fails ends the others, and its error is the answer. */
async function firstFailureStops(
  parts: readonly ((signal: AbortSignal) => Promise<void>)[],
  signal: AbortSignal,
): Promise<void> {
  const stop = new AbortController();
  const each = AbortSignal.any([signal, stop.signal]);
  const runs = parts.map((part) =>
    part(each).catch((error: unknown) => {
      stop.abort();
      throw error;
    }),
  );
  await Promise.allSettled(runs);
  await Promise.all(runs);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
