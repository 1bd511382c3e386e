import { mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  createCitadel,
  createDirectoryKeyStore,
  FolderSecrets,
  type LocalTokenIssuer,
  openLocalTokenIssuer,
} from "@lateen/citadel";
import { createGalleyValidator, type Report } from "@lateen/galley-validator";
import { createMemoryStore, type MeshStore } from "@lateen/mesh-store";
import { createMixerPolicy } from "@lateen/mixer-policy";
import { createPilot, type Features } from "@lateen/pilot";
import { createGrpcServer, type GrpcServer, type ListenOptions, type RpcService } from "@lateen/rpc";
import {
  aborted,
  type Component,
  createRegistry,
  httpServer,
  type Logger,
  MeshError,
  runService,
  type Server,
} from "@lateen/runtime";
import { ChangeClock, type LiveChange } from "./change-clock.ts";
import { policyServiceEntries } from "./policy-service.ts";
import { type Ports, portFlags } from "./ports.ts";

export interface PlaneOptions {
  readonly configDirectory: string;
  /** The CA's key, the key of local tokens, the root certificate for proxies. */
  readonly stateDirectory: string;
  readonly bind: string;
  readonly ports: Ports;
  readonly logger: Logger;
  readonly rootNamespace?: string;
  readonly trustDomain?: string;
  /** As pilot's option of this name. */
  readonly splitTablesFrom?: number;
  readonly features?: Features;
  /** Mistakes in the folder as they come and go. */
  readonly onReport?: (report: Report) => void;
  /** A change that every connected proxy has acknowledged. */
  readonly onLive?: (change: LiveChange) => void;
}

/** The whole control plane in this process, over one in-process mesh store. */
export interface Plane {
  readonly store: MeshStore;
  /** PEM file that proxies verify the plane with; there once `ready`. */
  readonly rootCertificateFile: string;
  /** Ports as they were bound. */
  readonly ready: Promise<Ports>;
  mintToken(request: {
    readonly namespace: string;
    readonly serviceAccount: string;
    readonly ttlSeconds?: number;
  }): Promise<string>;
  /** Resolves after an orderly end; rejects with the first failure. */
  run(signal: AbortSignal): Promise<void>;
}

export async function createPlane(options: PlaneOptions): Promise<Plane> {
  const { stateDirectory, logger, rootNamespace = "istio-system", trustDomain = "cluster.local" } = options;
  await checkConfigDirectory(options.configDirectory);
  const tokens = await openState(stateDirectory);
  const registry = createRegistry("lateen");
  const store = createMemoryStore();
  const clock = new ChangeClock();
  const shared = { store, logger, registry, rootNamespace, trustDomain };

  const citadel = createCitadel({
    ...shared,
    keyStore: createDirectoryKeyStore(stateDirectory),
    authenticators: [tokens.authenticator(trustDomain)],
    secrets: new FolderSecrets({ directory: options.configDirectory, logger }),
  });
  const loaded = Promise.withResolvers<void>();
  const tell = (changes: readonly LiveChange[]): void => {
    for (const change of changes) options.onLive?.(change);
  };
  const galley = createGalleyValidator({
    ...shared,
    logger: options.onReport ? logger.child({}, { level: "error" }) : logger, // mistakes are told once
    source: { kind: "folder", directory: options.configDirectory },
    ...(options.onReport && { onReport: options.onReport }),
    onReconciled: loaded.resolve,
    onApplied: ({ revision, changedObjects, savedAtMs }) =>
      clock.applied({ revision, objects: changedObjects, savedAtMs }),
  });
  const pilot = createPilot({
    ...shared,
    replica: "local",
    ...(options.features && { features: options.features }),
    secrets: (request, signal) => citadel.watchSecret(request, signal),
    allowPlaintextSecretsFromLoopback: true,
    ...(options.splitTablesFrom !== undefined && { splitTablesFrom: options.splitTablesFrom }),
    onAcknowledged: ({ revision, proxies, atMs }) => tell(clock.acknowledged(revision, proxies, atMs)),
  });
  // Envoys that come back at once must not be told that the mesh is empty.
  const servingPilot: Component<RpcService> = {
    ...pilot,
    run: async (signal) => {
      await Promise.race([loaded.promise, aborted(signal)]);
      await pilot.run(signal);
    },
  };
  const mixerPolicy = createMixerPolicy(shared);

  const rootCertificateFile = join(stateDirectory, "root-cert.pem");
  const bound = createListeners(options, {
    xds: createGrpcServer({ services: [...pilot.rpc, ...citadel.rpc], logger }),
    policy: createGrpcServer({ services: mixerPolicy.rpc, logger }),
    tls: citadel.serving,
    debug: pilot.routes,
  });
  const announcing: Component = {
    name: "announce",
    checks: [],
    async run(signal) {
      const ports = await Promise.race([bound.all, aborted(signal)]);
      await citadelReady(citadel, signal);
      if (ports === undefined || signal.aborted) return;
      await writeFile(rootCertificateFile, citadel.rootsPem() ?? "");
      for (const [key, entry] of policyServiceEntries(rootNamespace, options.bind, ports.policy))
        await store.put(key, entry);
      announced.resolve(ports);
      await aborted(signal);
    },
  };
  const announced = Promise.withResolvers<Ports>();
  announced.promise.catch(() => undefined); // whoever waits gets the reason

  return {
    store,
    rootCertificateFile,
    ready: announced.promise,
    mintToken: (request) => tokens.mintToken(request),
    async run(signal) {
      try {
        await runService({
          name: "lateen",
          components: [galley, citadel, servingPilot, mixerPolicy, announcing],
          servers: bound.servers,
          adminHost: options.bind,
          adminPort: options.ports.monitoring,
          registry,
          logger,
          signal,
          close: () => store.close(),
          onAdminListening: bound.onAdmin,
        });
      } catch (error) {
        const named = namePort(error, options.ports);
        announced.reject(named);
        throw named;
      }
    },
  };
}

/** A folder that vanishes later keeps serving; one that is not there at the start is a slip of the keyboard. */
async function checkConfigDirectory(directory: string): Promise<void> {
  const problem = await stat(directory).then(
    (found) => (found.isDirectory() ? undefined : "it is not a folder"),
    (cause: unknown) => String(cause),
  );
  if (problem !== undefined)
    throw new MeshError(
      "cli_config",
      `cannot follow ${directory}: ${problem}; name a folder of manifests with --config`,
    );
}

/** Makes the state folder, and in it the key of local tokens. */
async function openState(directory: string): Promise<LocalTokenIssuer> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return await openLocalTokenIssuer(directory);
  } catch (cause) {
    const remedy = "free space, mend its permissions, or choose another folder with --state";
    throw new MeshError("cli_state", `cannot keep state in ${directory}: ${String(cause)}; ${remedy}`, { cause });
  }
}

interface Parts {
  readonly xds: GrpcServer;
  readonly policy: GrpcServer;
  readonly tls: NonNullable<ListenOptions["tls"]>;
  readonly debug: (app: Parameters<NonNullable<Component["routes"]>>[0]) => Promise<void>;
}

interface Listeners {
  readonly servers: readonly Server[];
  readonly onAdmin: (address: string) => void;
  /** Every port as bound, once all listen. */
  readonly all: Promise<Ports>;
}

/** istiod's ports: xDS and CA in plaintext and TLS, debug pages; and the policy services. */
function createListeners({ bind, ports, logger }: PlaneOptions, parts: Parts): Listeners {
  const bound: { -readonly [Name in keyof Ports]?: number } = {};
  const all = Promise.withResolvers<Ports>();
  const note = (name: keyof Ports, port: number): void => {
    bound[name] = port;
    if (Object.keys(bound).length === Object.keys(portFlags).length) all.resolve(bound as Ports);
  };
  const grpc = (name: "grpc" | "secureGrpc" | "policy", server: GrpcServer, tls?: ListenOptions["tls"]): Server => ({
    name,
    async start() {
      const { port } = await server.listen({ address: `${bind}:${ports[name]}`, ...(tls && { tls }) });
      note(name, port);
      return () => server.close(1_000);
    },
  });
  const portOf = (address: string): number => Number(new URL(address).port);
  return {
    all: all.promise,
    onAdmin: (address) => note("monitoring", portOf(address)),
    servers: [
      grpc("grpc", parts.xds),
      grpc("secureGrpc", parts.xds, parts.tls),
      grpc("policy", parts.policy),
      httpServer({
        name: "debug",
        host: bind,
        port: ports.http,
        logger,
        routes: parts.debug,
        onListening: (address) => note("http", portOf(address)),
      }),
    ],
  };
}

async function citadelReady(citadel: ReturnType<typeof createCitadel>, signal: AbortSignal): Promise<void> {
  if (citadel.serving.current !== undefined) return;
  const first = new Promise<void>((resolve) => void citadel.serving.onChange(() => resolve()));
  await Promise.race([first, aborted(signal)]);
}

/** A port that is taken is the commonest failure: say which flag moves it. */
function namePort(cause: unknown, ports: Ports): unknown {
  const text = cause instanceof Error ? `${cause.message} ${String(cause.cause ?? "")}` : String(cause);
  if (!text.includes("EADDRINUSE")) return cause;
  const [, taken = ""] = /:(\d+)\b/.exec(text) ?? [];
  const name = (Object.keys(ports) as (keyof Ports)[]).find((key) => String(ports[key]) === taken);
  const remedy =
    name === undefined
      ? "give other ports (lateen up --help)"
      : `choose another port with ${portFlags[name]}, or 0 for any`;
  return new MeshError("cli_port_taken", `port ${taken} is taken, maybe by another \`lateen up\`: ${remedy}`, {
    cause,
  });
}
