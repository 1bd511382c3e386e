import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import {
  freePorts,
  mintToken,
  NatsServer,
  type Program,
  rootFileIn,
  ServiceProcess,
  TempDir,
} from "@lateen/e2e-harness";
import { openNatsStore } from "@lateen/mesh-store";
import type { BareHandlers } from "./bare.ts";
import type { ClientHandlers } from "./clients.ts";
import { FleetMesh, type MeshSize } from "./mesh.ts";
import { Remote } from "./remote.ts";

export type Programs = Readonly<Record<string, Program>>;

/** Pilot as its image runs it, over a real nats-server that this process fills with a mesh. */
export interface FleetPlane extends AsyncDisposable {
  readonly mesh: FleetMesh;
  readonly pilot: ServiceProcess;
  /** Its plaintext port. */
  readonly address: string;
}

export async function startPlane(size: MeshSize, programs: Programs): Promise<FleetPlane> {
  await using owned = new AsyncDisposableStack();
  const nats = owned.use(await NatsServer.start());
  const store = await openNatsStore({ servers: [nats.url], name: "bench" });
  owned.defer(() => store.close());
  const mesh = new FleetMesh(store, size);
  await mesh.fill();
  const state = owned.use(await TempDir.create()).path;
  const [caPort = 0, grpcPort = 0, tlsPort = 0, httpPort = 0] = await freePorts(4);
  const start = async (name: string, env: Record<string, string>): Promise<ServiceProcess> => {
    const program = programs[name];
    const all = { NATS_URL: nats.url, POD_NAME: `${name}-1`, LOG_LEVEL: "warn", ...env };
    return owned.use(await ServiceProcess.start({ name, env: all, ...(program && { program }) }));
  };
  await start("citadel", { KEY_STORE: "directory", STATE_DIR: state, GRPC_PORT: String(caPort) });
  const tokenFile = `${state}/pilot.token`;
  const account = { namespace: "istio-system", serviceAccount: "lateen-pilot" };
  await writeFile(tokenFile, await mintToken(state, account), { mode: 0o600 });
  const pilot = await start("pilot", {
    ...{ GRPC_PORT: String(grpcPort), GRPC_TLS_PORT: String(tlsPort), HTTP_PORT: String(httpPort) },
    ...{ CA_ADDR: `127.0.0.1:${caPort}`, CA_ROOT_FILE: rootFileIn(state), TOKEN_FILE: tokenFile },
  });
  const all = owned.move();
  return { mesh, pilot, address: `127.0.0.1:${grpcPort}`, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

export type Clients = Remote<ClientHandlers>;
export type Bare = Remote<BareHandlers>;

const entry = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export const startClients = (): Clients => new Remote<ClientHandlers>(entry("./clients.ts"));
export const startBare = (): Bare => new Remote<BareHandlers>(entry("./bare.ts"));
