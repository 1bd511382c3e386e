import { chmod, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { obtainIdentity } from "@lateen/identity";
import {
  createGrpcServer,
  openChannel,
  type RpcLogger,
  TlsSource,
  type Channel,
  type ChannelSecurity,
} from "@lateen/rpc";
import type { Component, Logger, Server } from "@lateen/runtime";
import type { AgentMetrics } from "../metrics.ts";
import type { ModuleStoreOptions } from "../wasm/module-store.ts";
import type { OwnTraffic } from "./own-types.ts";
import { askForPatches } from "./bootstrap-patches.ts";
import type { PatchQuestions } from "./bootstrap-patches.ts";
import { askForPullSecret } from "./pull-secrets.ts";
import { createRelay } from "./relay.ts";
import type { RelayOptions } from "./relay.ts";
import { PeerTrust } from "./peer-trust.ts";
import { createSds } from "./sds.ts";
import type { SdsObserver } from "./sds.ts";
import type { SecretWishes } from "./secrets.ts";

/** The half that knows one workload: its certificate, and the two sockets its Envoy talks to. */
export interface WorkloadOptions {
  readonly caAddress: string;
  readonly caServerName?: string;
  readonly pilotAddress: string;
  readonly pilotServerName?: string;
  /** PEM, asked for each connection. */
  readonly roots: () => string;
  /** The workload's token, asked for each request. */
  readonly token: () => string | undefined;
  readonly trustDomain: string;
  readonly ttlSeconds: number;
  readonly xdsSocket: string;
  readonly sdsSocket: string;
  /** Where modules that were fetched are kept, and how registries are asked. */
  readonly modules: Pick<ModuleStoreOptions, "directory" | "insecureRegistries" | "dockerConfig">;
  /** What the agent itself asks pilot. */
  readonly own: OwnTraffic;
  readonly secrets: SecretWishes;
  /** Pilot is talked to without TLS. */
  readonly plaintextPilot: boolean;
  readonly node: PatchQuestions["node"];
  readonly logger: Logger;
  readonly metrics: AgentMetrics;
}

export interface WorkloadAgent {
  readonly identity: Component;
  readonly sockets: Server;
  /** What pilot says of Envoy's bootstrap, before there is an Envoy. */
  readonly patches: ReturnType<typeof askForPatches>;
}

/** Built without I/O. The sockets answer at once; Envoy gets its secrets when the first certificate is there. */
export function createWorkloadAgent(options: WorkloadOptions): WorkloadAgent {
  const { logger, metrics } = options;
  const tls = new TlsSource();
  const pilot = openChannel(options.pilotAddress, securityOf(options, tls), { maxReconnectBackoffMs: 1_000 });
  const trust = new PeerTrust();
  const observer: SdsObserver = {
    unknown: (name) => logger.warn({ secret: name }, "envoy asked for a secret that the agent does not serve"),
    refused: (message) => logger.error({ reason: message }, "envoy refused a secret"),
    noKeyProvider: (name, fallback) =>
      fallback
        ? logger.warn({ extension: name }, "this envoy has no such private key provider and uses the key itself")
        : logger.error(
            { extension: name },
            "this envoy has no such private key provider and will refuse its certificate; set fallback",
          ),
  };
  const { trustDomain, secrets: wishes, own } = options;
  const sds = createSds({ source: tls, wishes, trustDomain, trust, observer });
  const relay = createRelay(pilot, {
    identified: () => firstOf(tls),
    own: { ...own, types: [...own.types, trust.type] },
    extensions: localModules(options, pilot),
    opened: metrics.streamOpened,
    closed: metrics.streamClosed,
  });
  return {
    patches: askForPatches(pilot, { node: options.node, identified: () => firstOf(tls) }),
    identity: identityComponent(options, tls),
    sockets: {
      name: "sockets",
      async start() {
        const rpcLogger: RpcLogger = logger;
        const xds = createGrpcServer({ services: [relay], logger: rpcLogger });
        const secrets = createGrpcServer({ services: [sds], logger: rpcLogger });
        await listenPrivately(xds, options.xdsSocket);
        await listenPrivately(secrets, options.sdsSocket);
        return async () => {
          await Promise.all([xds.close(500), secrets.close(500)]);
          pilot.close();
        };
      },
    },
  };
}

function securityOf(options: WorkloadOptions, tls: TlsSource): ChannelSecurity {
  if (options.plaintextPilot) return { kind: "plaintext" };
  return {
    kind: "tls",
    roots: () => tls.current?.rootsPem ?? options.roots(),
    identity: () => tls.current,
    ...(options.pilotServerName !== undefined && { serverName: options.pilotServerName }),
  };
}

/** Loaded with the first extension: the agent's memory is paid for once a workload. */
function localModules({ modules, node, logger }: WorkloadOptions, pilot: Channel): RelayOptions["extensions"] {
  let loaded: Promise<RelayOptions["extensions"]> | undefined;
  const load = async () => {
    const { ModuleStore } = await import("../wasm/module-store.ts");
    const { withLocalModules } = await import("../wasm/rewrite.ts");
    const { MissingModules } = await import("../wasm/missing-modules.ts");
    const pullSecret = askForPullSecret(pilot, { node });
    const store = new ModuleStore({ ...modules, logger });
    const local = { store, logger, pullSecret, good: new Map(), missing: new MissingModules() };
    const change: RelayOptions["extensions"] = (response, stream) =>
      withLocalModules(response, { ...local, ...stream });
    return change;
  };
  return async (response, stream) => {
    loaded ??= load();
    return await (await loaded)(response, stream);
  };
}

function identityComponent(options: WorkloadOptions, tls: TlsSource): Component {
  const { metrics, logger, caServerName } = options;
  let problem: string | undefined = "no certificate yet";
  return {
    name: "identity",
    checks: [
      { name: "identity", check: () => ({ ready: tls.current !== undefined, ...(problem && { detail: problem }) }) },
    ],
    async run(signal) {
      const client = obtainIdentity({
        caAddress: options.caAddress,
        roots: options.roots,
        token: options.token,
        identity: () => tls.current,
        trustDomain: options.trustDomain,
        ttlSeconds: options.ttlSeconds,
        signal,
        logger,
        ...(caServerName !== undefined && { serverName: caServerName }),
        onRotated: ({ notAfterMs }) => {
          problem = undefined;
          metrics.certificate(notAfterMs);
        },
        onFailed: (error) => {
          problem = String(error);
          metrics.certificateFailed();
        },
      });
      const stop = client.source.onChange((material) => tls.update(material));
      await client.done;
      stop();
    },
  };
}

/** Whoever can open these sockets is the workload: only this user may. */
async function listenPrivately(server: ReturnType<typeof createGrpcServer>, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await server.listen({ address: `unix:${path}` });
  await chmod(path, 0o600);
}

function firstOf(tls: TlsSource): Promise<void> {
  if (tls.current !== undefined) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = tls.onChange(() => resolve());
  return promise.finally(stop);
}
