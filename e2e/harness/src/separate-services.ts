import { writeFile } from "node:fs/promises";
import { freePorts } from "./loopback.ts";
import { mintToken, rootFileIn } from "./lateen.ts";
import { endpointSlice, headlessService } from "./manifests.ts";
import { NatsServer } from "./nats.ts";
import type { MeshAccess } from "./node-agent.ts";
import { type Program, ServiceProcess } from "./service-process.ts";
import { TempDir } from "./temp-dir.ts";

const rootNamespace = "istio-system";

export interface SeparateServicesOptions {
  /** The folder galley-validator follows. */
  readonly config: string;
  /** Replicas of pilot; default 1. */
  readonly pilots?: number;
  /** What to run instead of the sources, by service. */
  readonly programs?: Readonly<Record<string, Program>>;
}

/** Every service that needs no Kubernetes as a process of its own, over a real nats-server. All end on dispose. */
export interface SeparateServices extends AsyncDisposable {
  readonly nats: NatsServer;
  readonly citadel: ServiceProcess;
  readonly galleyValidator: ServiceProcess;
  readonly mixerPolicy: ServiceProcess;
  readonly pilots: readonly PilotProcess[];
  /** For node agents of the first pilot. */
  readonly access: MeshAccess;
  /** Manifests that make mixer-policy a service of the mesh, as in a cluster. */
  readonly policyManifests: readonly object[];
}

export interface PilotProcess {
  readonly service: ServiceProcess;
  /** Plaintext gRPC and debug pages. */
  readonly grpcPort: number;
  readonly tlsPort: number;
  readonly httpPort: number;
}

/** Starts them in the order in which they need each other and resolves when all are ready. */
export async function startSeparateServices(options: SeparateServicesOptions): Promise<SeparateServices> {
  await using cleanup = new AsyncDisposableStack();
  const nats = cleanup.use(await NatsServer.start());
  const state = cleanup.use(await TempDir.create()).path;
  const [caPort = 0, policyPort = 0, policyTlsPort = 0] = await freePorts(3);
  const start = async (name: string, env: Record<string, string>, replica?: string): Promise<ServiceProcess> => {
    const program = options.programs?.[name];
    const all = { NATS_URL: nats.url, ROOT_NAMESPACE: rootNamespace, POD_NAME: `${name}-${replica ?? "1"}`, ...env };
    return cleanup.use(
      await ServiceProcess.start({ name, env: all, ...(replica && { replica }), ...(program && { program }) }),
    );
  };
  const citadel = await start("citadel", { KEY_STORE: "directory", STATE_DIR: state, GRPC_PORT: String(caPort) });
  const identityOf = async (serviceAccount: string): Promise<Record<string, string>> => {
    const tokenFile = `${state}/${serviceAccount}.token`;
    await writeFile(tokenFile, await mintToken(state, { namespace: rootNamespace, serviceAccount }), { mode: 0o600 });
    return { CA_ADDR: `127.0.0.1:${caPort}`, CA_ROOT_FILE: rootFileIn(state), TOKEN_FILE: tokenFile };
  };
  const policyPorts = { GRPC_PORT: String(policyPort), GRPC_TLS_PORT: String(policyTlsPort) };
  const [galleyValidator, mixerPolicy] = await Promise.all([
    start("galley-validator", { SOURCE: "folder", CONFIG_DIR: options.config, LEASE_MS: "2000" }),
    start("mixer-policy", { ...policyPorts, ...(await identityOf("lateen-mixer-policy")) }),
  ]);
  const identity = await identityOf("lateen-pilot");
  const pilots = await Promise.all(
    Array.from({ length: options.pilots ?? 1 }, async (_, n): Promise<PilotProcess> => {
      const [grpcPort = 0, tlsPort = 0, httpPort = 0] = await freePorts(3);
      const ports = { GRPC_PORT: String(grpcPort), GRPC_TLS_PORT: String(tlsPort), HTTP_PORT: String(httpPort) };
      const service = await start("pilot", { ...ports, ...identity, EMPTY_MESH: "serve" }, String(n + 1));
      return { service, grpcPort, tlsPort, httpPort };
    }),
  );
  const access = {
    xds: `127.0.0.1:${pilots[0]?.tlsPort}`,
    ca: `127.0.0.1:${caPort}`,
    rootFile: rootFileIn(state),
    state,
  };
  const owned = cleanup.move();
  return {
    ...{ nats, citadel, galleyValidator, mixerPolicy, pilots, access },
    policyManifests: policyManifests(policyPort),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function policyManifests(port: number): readonly object[] {
  const at = { namespace: rootNamespace, name: "lateen-mixer-policy" };
  return [
    headlessService(at, { name: "grpc", port: 9091, targetPort: port }),
    endpointSlice(at, { service: at.name, address: "127.0.0.1", port, portName: "grpc" }),
  ];
}
