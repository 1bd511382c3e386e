import { readFile, writeFile } from "node:fs/promises";
import { envoyBinary } from "@lateen/binaries";
import { EnvoyAdmin } from "./envoy-admin.ts";
import { mintToken } from "./lateen.ts";
import { freePorts } from "./loopback.ts";
import type { MeshWorkload } from "./loopback-mesh.ts";
import { mainOf, repository } from "./repository.ts";
import { RunningProcess } from "./running-process.ts";
import type { Program } from "./service-process.ts";
import { TempDir } from "./temp-dir.ts";

/** Where a workload's node agent finds the plane. */
export interface MeshAccess {
  /** `host:port` of pilot and of the CA, TLS. */
  readonly xds: string;
  readonly ca: string;
  /** PEM file of the mesh's root. */
  readonly rootFile: string;
  /** Folder with the key of local tokens: `--state` of `lateen up`, or citadel's STATE_DIR. */
  readonly state: string;
}

/** The part of a workload that its agent is told. */
export type AgentWorkload = Pick<MeshWorkload, "namespace" | "pod" | "serviceAccount" | "address" | "labels"> &
  Partial<Pick<MeshWorkload, "agentEnv">>;

export interface SidecarOptions<Workload extends AgentWorkload = MeshWorkload> {
  readonly workload: Workload;
  /** Default sidecar. */
  readonly type?: "sidecar" | "router";
  readonly access: MeshAccess;
  readonly program?: Program;
}

/** One workload's node agent with its Envoy. The agent may crash and be restarted. Both end on dispose. */
export class Sidecar<Workload extends AgentWorkload = MeshWorkload> implements AsyncDisposable {
  readonly workload: Workload;
  readonly admin: EnvoyAdmin;
  /** Answers /healthz/ready; on the workload's address, as is the next. */
  readonly readinessPort: number;
  /** Answers /stats/prometheus with the agent's and Envoy's metrics. */
  readonly metricsPort: number;
  readonly #directory: TempDir;
  readonly #launch: () => Promise<RunningProcess>;
  #process: RunningProcess;
  #earlierOutput = "";

  private constructor(
    options: SidecarOptions<Workload>,
    parts: {
      directory: TempDir;
      ports: readonly number[];
      launch: () => Promise<RunningProcess>;
      process: RunningProcess;
    },
  ) {
    const [adminPort = 0, statusPort = 0, readinessPort = 0] = parts.ports;
    this.workload = options.workload;
    this.admin = new EnvoyAdmin(`http://${this.workload.address}:${adminPort}`);
    this.metricsPort = statusPort;
    this.readinessPort = readinessPort;
    this.#directory = parts.directory;
    this.#launch = parts.launch;
    this.#process = parts.process;
  }

  /** Resolves when the proxy is ready. Rejects with the agent's output when it ends before. */
  static async start<Workload extends AgentWorkload>(options: SidecarOptions<Workload>): Promise<Sidecar<Workload>> {
    await using cleanup = new AsyncDisposableStack();
    const directory = cleanup.use(await TempDir.create());
    const free = await freePorts(4);
    const env = { ...options.program?.env, ...(await environment(options, directory, free)) };
    const ports = [...free.slice(0, 2), Number(env["ENVOY_STATUS_PORT"])];
    const name = `node agent of ${options.workload.pod}`;
    const { entry = mainOf("node-agent"), flags = [] } = options.program ?? {};
    const args = [...flags, entry, "proxy", options.type ?? "sidecar"];
    const launch = (): Promise<RunningProcess> =>
      RunningProcess.start({ name, command: process.execPath, args, env, cwd: repository });
    const sidecar = new Sidecar(options, { directory, ports, launch, process: cleanup.use(await launch()) });
    await sidecar.ready();
    cleanup.move();
    return sidecar;
  }

  get process(): RunningProcess {
    return this.#process;
  }

  /** The agent's log and Envoy's, with access logs, of every agent so far. */
  get output(): string {
    return this.#earlierOutput + this.#process.output;
  }

  async ready(): Promise<void> {
    const url = `http://${this.workload.address}:${this.readinessPort}/healthz/ready`;
    const isReady = async (): Promise<boolean> => (await fetch(url, { signal: AbortSignal.timeout(10_000) })).ok;
    await this.#process.until("ready", isReady);
  }

  /** kill -9 of the agent alone: its Envoy stays. */
  async crash(): Promise<void> {
    await this.#process.crash();
  }

  async restart(): Promise<void> {
    this.#earlierOutput = this.output;
    this.#process = await this.#launch();
    await this.ready();
  }

  /** The id of its Envoy's process. */
  async envoyPid(): Promise<number> {
    return Number(await readFile(this.#directory.join("proxy", "envoy.pid"), "utf8"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
    await this.#killOrphan();
    await this.#directory[Symbol.asyncDispose]();
  }

  /** An agent that crashed and was not restarted leaves its Envoy. */
  async #killOrphan(): Promise<void> {
    const pid = await this.envoyPid().catch(() => 0);
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (command.includes(this.#directory.path)) process.kill(pid, "SIGKILL");
  }
}

/** A sidecar for each workload, at the same time. On failure none is left running. */
export async function startSidecars(
  access: MeshAccess,
  workloads: readonly MeshWorkload[],
): Promise<readonly Sidecar[]> {
  const started = await Promise.allSettled(workloads.map((workload) => Sidecar.start({ workload, access })));
  const failure = started.find((result) => result.status === "rejected");
  if (failure === undefined) return started.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  for (const result of started) if (result.status === "fulfilled") await result.value[Symbol.asyncDispose]();
  throw failure.reason;
}

async function environment(
  { workload, access }: SidecarOptions<AgentWorkload>,
  directory: TempDir,
  [adminPort, statusPort, readinessPort, prometheusPort]: readonly number[],
): Promise<Record<string, string>> {
  const tokenFile = directory.join("token");
  const labelsFile = directory.join("labels");
  await writeFile(tokenFile, await mintToken(access.state, workload), { mode: 0o600 });
  await writeFile(
    labelsFile,
    Object.entries(workload.labels)
      .map(([name, value]) => `${name}="${value}"\n`)
      .join(""),
  );
  return {
    POD_NAME: workload.pod,
    POD_NAMESPACE: workload.namespace,
    SERVICE_ACCOUNT: workload.serviceAccount,
    INSTANCE_IP: workload.address,
    XDS_ADDRESS: access.xds,
    XDS_SERVER_NAME: "istiod.istio-system.svc",
    CA_ADDR: access.ca,
    CA_ROOT_CA: access.rootFile,
    TOKEN_FILE: tokenFile,
    LABELS_FILE: labelsFile,
    PROXY_DIR: directory.join("proxy"),
    SDS_SOCKET: directory.join("sds"),
    // All statistics, for tests to look at; an agent by itself shows Istio's choice.
    PROXY_CONFIG: JSON.stringify({
      terminationDrainDuration: "0s",
      proxyStatsMatcher: { inclusionRegexps: [".*"] },
    }),
    ISTIO_META_INTERCEPTION_MODE: "NONE",
    ENVOY: await envoyBinary(),
    ENVOY_CONCURRENCY: "1",
    ENVOY_ADMIN_HOST: workload.address,
    ENVOY_ADMIN_PORT: String(adminPort),
    STATUS_HOST: workload.address,
    STATUS_PORT: String(statusPort),
    ENVOY_STATUS_PORT: String(readinessPort),
    ENVOY_PROMETHEUS_PORT: String(prometheusPort),
    ...workload.agentEnv,
  };
}
