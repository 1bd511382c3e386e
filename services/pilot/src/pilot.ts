import { credentialsOf, defaultMeshSettings, pullSecretsOf } from "@lateen/compiler";
import type { MeshSettings } from "@lateen/compiler";
import type { MeshStore } from "@lateen/mesh-store";
import type { Finding } from "@lateen/model";
import type { RpcService } from "@lateen/rpc";
import { fields, runTasks } from "@lateen/runtime";
import type { Component, Logger } from "@lateen/runtime";
import { createXdsServer, queriesOf } from "@lateen/xds-server";
import type { ProxyStatus, XdsServer } from "@lateen/xds-server";
import type { FastifyInstance } from "fastify";
import type { Registry } from "prom-client";
import { DebugAccess } from "./debug/access.ts";
import type { DebugContext } from "./debug/context.ts";
import { debugQueries } from "./debug/queries.ts";
import { debugRoutes } from "./debug/routes.ts";
import { MeshFeed } from "./mesh/feed.ts";
import { registerPilotMetrics } from "./metrics.ts";
import type { PilotMetrics } from "./metrics.ts";
import { Progress } from "./progress/progress.ts";
import type { Acknowledged } from "./progress/progress.ts";
import { Rejections } from "./progress/rejections.ts";
import type { StandingRejection } from "./progress/rejections.ts";
import { reportStatus } from "./progress/status-reporter.ts";
import type { StatusContent } from "./progress/status-reporter.ts";
import { Admission } from "./proxies/admission.ts";
import type { AuthenticateToken } from "./proxies/admission.ts";
import { bootstrapQueries } from "./proxies/bootstrap-patches.ts";
import { keepBalance } from "./proxies/balance.ts";
import { declaredWorkloads } from "./proxies/declared-workloads.ts";
import { gatewaySecrets } from "./proxies/gateway-secrets.ts";
import type { Features } from "./features.ts";
import type { WatchSecret } from "./proxies/gateway-secrets.ts";
import { pullSecretQueries } from "./proxies/pull-secrets.ts";
import { xdsObserver } from "./proxies/observer.ts";
import { Registrations } from "./proxies/registrations.ts";
import { ResourceLibrary } from "./resources/library.ts";
import { MeshResources } from "./resources/source.ts";
import { VirtualHosts } from "./resources/virtual-hosts.ts";

export interface PilotOptions {
  readonly store: MeshStore;
  readonly logger: Logger;
  readonly registry: Registry;
  /** This replica's name, unique among them. */
  readonly replica: string;
  readonly rootNamespace?: string;
  readonly trustDomain?: string;
  /** DNS domain of cluster services. */
  readonly domain?: string;
  /** Istio's switches; default its defaults. */
  readonly features?: Features;
  /** Where gateways' certificates come from; without it they cannot be served. */
  readonly secrets?: WatchSecret;
  /** Only where the control plane and its proxies share one machine. */
  readonly allowPlaintextSecretsFromLoopback?: boolean;
  /** Lets proxies on the TLS port prove themselves by a bearer token. */
  readonly authenticateToken?: AuthenticateToken;
  /** Who sees the debug pages and types; default Istio's rules with the root namespace as the system's. */
  readonly debug?: { readonly authenticate?: boolean; readonly namespaces?: readonly string[] };
  /** What to do with a store that is empty when pilot starts; default `serve`. */
  readonly emptyMesh?: "serve" | "wait";
  /** Route tables with so many virtual hosts go to proxies host by host; 0: never. */
  readonly splitTablesFrom?: number;
  /** Proxies that may be sent to other replicas in a second, where this one has more than its share; default 0: none. */
  readonly handOffPerSecond?: number;
  /** Every connected proxy has accepted everything up to a revision; told once for each that is reached. */
  readonly onAcknowledged?: (event: Acknowledged) => void;
}

/** A smaller table is about as quick whole, and needs one round trip less to begin with; see docs/figures.md. */
export const defaultSplitTablesFrom = 100;

export interface PilotStatus {
  readonly ready: boolean;
  readonly appliedRevision: bigint;
  /** What every connected proxy has; without any, the applied revision. */
  readonly acknowledgedRevision: bigint;
  readonly proxies: readonly ProxyStatus[];
  readonly laggards: readonly string[];
  readonly rejections: readonly StandingRejection[];
}

export interface Pilot extends Component<RpcService> {
  /** Aggregated discovery. */
  readonly rpc: readonly RpcService[];
  readonly routes: (app: FastifyInstance) => Promise<void>;
  status(): PilotStatus;
  /** Sends up to `count` proxies to other replicas; returns how many. */
  handOff(count: number): number;
}

/** Wires the parts; does no I/O before `run`. */
export function createPilot(options: PilotOptions): Pilot {
  const { store, logger, replica } = options;
  const parts = createParts(options);
  const {
    feed: { published },
    xds,
  } = parts;
  const ready = () => published.current !== undefined;
  const status = () => pilotStatus(parts);
  return {
    name: "pilot",
    checks: [
      {
        name: "mesh",
        check: () => (ready() ? { ready: true } : { ready: false, detail: "waiting for the mesh store's content" }),
      },
    ],
    rpc: [xds.rpc],
    routes: debugRoutes({ context: parts.debug, access: parts.access, ready }),
    status,
    handOff: (count) => xds.handOff(count),
    run: (signal) =>
      runAll(signal, logger, {
        "mesh-feed": (stop) => parts.feed.run(stop),
        resources: (stop) => parts.resources.run(stop),
        progress: (stop) => followPublications(parts, stop),
        registrations: (stop) => parts.registrations.run(stop),
        balance: (stop) =>
          keepBalance(
            { store, replica, logger, xds, metrics: parts.metrics, perSecond: options.handOffPerSecond ?? 0 },
            stop,
          ),
        status: (stop) =>
          reportStatus({ store, logger, content: () => (ready() ? statusContent(replica, parts) : undefined) }, stop),
      }),
  };
}

interface Parts {
  readonly metrics: PilotMetrics;
  readonly feed: MeshFeed;
  readonly resources: MeshResources;
  readonly progress: Progress;
  readonly rejections: Rejections;
  readonly registrations: Registrations;
  readonly xds: XdsServer;
  readonly debug: DebugContext;
  readonly access: DebugAccess;
}

function createParts(options: PilotOptions): Parts {
  const { store, logger, splitTablesFrom = defaultSplitTablesFrom } = options;
  const metrics = registerPilotMetrics(options.registry);
  const meshConfig = settingsOf(options);
  const feed = new MeshFeed({
    ...{ store, meshConfig, logger, metrics },
    emptyMesh: options.emptyMesh ?? "serve",
    resolveGateways: options.features?.resolveGateways ?? true,
  });
  const library = createLibrary(logger, metrics);
  const resources = new MeshResources({
    published: feed.published,
    library,
    onCaughtUp(snapshot) {
      progress.changed();
      metrics.scopes.set(library.size);
      countFindings(metrics, [...snapshot.findings, ...library.findings()]);
    },
  });
  const settings = () => feed.published.current?.snapshot.settings ?? meshConfig;
  const admission = new Admission({
    trustDomains: () => [settings().trustDomain, ...settings().trustDomainAliases],
    authenticateToken: options.authenticateToken,
  });
  const rejections = new Rejections();
  const progress: Progress = new Progress({
    acknowledged: () => xds.acknowledged(),
    metrics,
    onAcknowledged: options.onAcknowledged,
  });
  const access = createDebugAccess(options, admission);
  const debug: DebugContext = {
    replica: options.replica,
    get xds() {
      return xds;
    },
    snapshot: () => feed.published.current?.snapshot,
    findings: () => library.findings(),
    rejections: () => rejections.standing(() => xds.proxies()),
    progress: () => {
      const { revision, laggards } = progress.current();
      const { appliedRevision } = progress;
      return { appliedRevision, acknowledgedRevision: revision, laggards: laggards.map(({ id }) => id) };
    },
  };
  const registrations = new Registrations({
    store,
    logger,
    replica: options.replica,
    declared: () => feed.published.current && declaredWorkloads(feed.published.current.snapshot.state.configs),
    identityOf: (proxy) => admission.identityOf(proxy),
  });
  const xds = createXdsServer({
    queries: queriesOf(
      debugQueries(debug, access),
      pullSecretQueries({
        namedFor: (node) => {
          const snapshot = feed.published.current?.snapshot;
          return snapshot && pullSecretsOf(snapshot, node);
        },
        watchSecret: options.secrets,
        allowPlaintextFromLoopback: options.allowPlaintextSecretsFromLoopback ?? false,
        admission,
        logger,
      }),
      bootstrapQueries({ snapshot: () => feed.published.current?.snapshot, admission, logger, metrics }),
    ),
    source: resources,
    authorize: async (proxy) => {
      await admission.admit(proxy);
      registrations.check(proxy);
    },
    observer: xdsObserver({ logger, metrics, progress, rejections, registrations }),
    ...(splitTablesFrom > 0 && { virtualHosts: new VirtualHosts({ minimumHosts: splitTablesFrom }) }),
    onDemand: gatewaySecrets({
      watchSecret: options.secrets,
      credentialsOf: (node) => {
        const snapshot = feed.published.current?.snapshot;
        return snapshot === undefined ? [] : credentialsOf(snapshot, node);
      },
      admission,
      logger,
      allowPlaintextFromLoopback: options.allowPlaintextSecretsFromLoopback ?? false,
    }),
  });
  return { metrics, feed, resources, progress, rejections, registrations, xds, debug, access };
}

function createDebugAccess(options: PilotOptions, admission: Admission): DebugAccess {
  const { rootNamespace } = settingsOf(options);
  return new DebugAccess({
    required: options.debug?.authenticate ?? true,
    namespaces: [rootNamespace, ...(options.debug?.namespaces ?? [])],
    authenticateToken: options.authenticateToken,
    prove: (asker) => admission.prove(asker),
  });
}

function settingsOf({ rootNamespace, trustDomain, domain, features }: PilotOptions): MeshSettings {
  return defaultMeshSettings({
    ...features,
    ...(rootNamespace && { rootNamespace }),
    ...(trustDomain && { trustDomain }),
    ...(domain && { domain }),
  });
}

function createLibrary(logger: Logger, metrics: PilotMetrics): ResourceLibrary {
  return new ResourceLibrary({
    onCompiled({ type, namespace }, { seconds, revision, faults }) {
      metrics.compileSeconds.observe(seconds);
      if (faults.length === 0) return;
      metrics.refused.inc();
      const about = { type, [fields.namespace]: namespace, [fields.revision]: String(revision) };
      logger.error(
        { ...about, [fields.reason]: faults.slice(0, 10), [fields.count]: faults.length },
        "configuration is not published, the last good one serves",
      );
    },
  });
}

async function followPublications({ feed, progress }: Parts, signal: AbortSignal): Promise<void> {
  for await (const publication of feed.published.watch(signal)) progress.published(publication);
  progress.stop();
}

function countFindings(metrics: PilotMetrics, findings: readonly Finding[]): void {
  for (const severity of ["error", "warning", "info"] as const)
    metrics.findings.set({ severity }, findings.filter((finding) => finding.severity === severity).length);
}

function pilotStatus({ feed, progress, rejections, xds }: Parts): PilotStatus {
  const proxies = xds.proxies();
  const { revision, laggards } = progress.current();
  return {
    ready: feed.published.current !== undefined,
    appliedRevision: progress.appliedRevision,
    acknowledgedRevision: revision,
    proxies,
    laggards: laggards.map(({ id }) => id),
    rejections: rejections.standing(() => proxies),
  };
}

/** Runs the tasks until `signal` aborts; the first that fails stops the others and is thrown. */
async function runAll(
  signal: AbortSignal,
  logger: Logger,
  tasks: Readonly<Record<string, (signal: AbortSignal) => Promise<void>>>,
): Promise<void> {
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    await runTasks(
      Object.entries(tasks).map(([name, run]) => ({ name, checks: [], run })),
      stop,
      logger,
    ).ended;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Lists in the status are for people: the first few are enough. */
const listed = 20;

function statusContent(replica: string, { progress, rejections, xds }: Parts): StatusContent {
  const { revision, laggards } = progress.current();
  return {
    service: "pilot",
    replica,
    appliedRevision: progress.appliedRevision,
    acknowledgedRevision: revision,
    proxies: xds.load().proxies,
    laggards: laggards.slice(0, listed).map(({ id }) => id),
    rejections: rejections
      .standing(() => xds.proxies())
      .slice(0, listed)
      .map(({ proxy, report }) => ({
        proxy: proxy.id,
        typeUrl: report.typeUrl,
        message: report.message,
        resource: report.resources[0]?.name ?? "",
        origin: report.resources[0]?.origin ?? "",
      })),
  };
}
