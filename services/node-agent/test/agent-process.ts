import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ControlPlane } from "./control-plane.ts";
import { workload } from "./control-plane.ts";
import { eventually } from "./eventually.ts";
import { loopbackAddress } from "./loopback.ts";

const source = fileURLToPath(new URL("../src/main.ts", import.meta.url));

/** The Envoy that the tests run. */
export function envoyBinary(): string {
  const binary = process.env["ENVOY"];
  if (!binary)
    throw new Error("ENVOY is not set: it names the Envoy 1.40 binary that this test runs (`pnpm test` sets it)");
  return binary;
}

/** A place where agents of one pod run, one after the other. Ends whatever still runs there on dispose. */
export class AgentPod implements AsyncDisposable {
  /** The pod's own address: all ports of the agent and of Envoy are on it. */
  readonly address = loopbackAddress();
  readonly directory: string;
  log = "";
  readonly #plane: ControlPlane;
  #agent: ChildProcess | undefined;

  private constructor(plane: ControlPlane, directory: string) {
    this.#plane = plane;
    this.directory = directory;
  }

  static async create(plane: ControlPlane): Promise<AgentPod> {
    return new AgentPod(plane, await mkdtemp(join(tmpdir(), "na-pod-")));
  }

  /** Starts the agent; `env` goes over what it is given. */
  start(env: Readonly<Record<string, string>> = {}): ChildProcess {
    const agent = spawn(process.execPath, [source, "proxy", "sidecar"], {
      env: { PATH: process.env["PATH"] ?? "", ...this.#environment(), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [agent.stdout, agent.stderr]) stream.on("data", (chunk) => (this.log += String(chunk)));
    this.#agent = agent;
    return agent;
  }

  /** Envoy answers as ready, through its own listener. */
  async ready(): Promise<void> {
    const ready = eventually("the proxy is ready", async () => {
      const response = await fetch(`http://${this.address}:15021/healthz/ready`).catch(() => undefined);
      return response?.ok === true || this.#agent?.exitCode != null;
    });
    await ready.catch((cause: unknown) => {
      throw new Error(`the proxy is not ready:\n${this.log}`, { cause });
    });
    if (this.#agent?.exitCode != null) throw new Error(`the agent ended:\n${this.log}`);
  }

  status(path: string, method = "GET"): Promise<Response> {
    return fetch(`http://${this.address}:15020${path}`, { method });
  }

  async envoyPid(): Promise<number> {
    return Number(await readFile(join(this.directory, "envoy.pid"), "utf8"));
  }

  #environment(): Record<string, string> {
    const { pilotAddress, caAddress, rootFile, tokenFile } = this.#plane;
    return {
      ENVOY: envoyBinary(),
      ENVOY_CONCURRENCY: "1",
      POD_NAME: "reviews-1",
      POD_NAMESPACE: workload.namespace,
      SERVICE_ACCOUNT: workload.serviceAccount,
      INSTANCE_IP: this.address,
      XDS_ADDRESS: pilotAddress,
      XDS_SERVER_NAME: "localhost",
      CA_ADDR: caAddress,
      CA_SERVER_NAME: "localhost",
      CA_ROOT_CA: rootFile,
      TOKEN_FILE: tokenFile,
      PROXY_DIR: this.directory,
      SDS_SOCKET: join(this.directory, "SDS"),
      PROXY_CONFIG: JSON.stringify({ terminationDrainDuration: "0s" }),
      ENVOY_ADMIN_HOST: this.address,
      STATUS_HOST: this.address,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const agent = this.#agent;
    if (agent !== undefined && agent.exitCode === null && agent.signalCode === null) {
      const exited = once(agent, "exit");
      agent.kill("SIGKILL");
      await exited;
    }
    const pid = await this.envoyPid().catch(() => 0);
    if (pid > 1 && (await commandOf(pid)).includes(this.directory)) process.kill(pid, "SIGKILL");
    await eventually("envoy is gone", async () => !(await isRunning(pid)));
    await rm(this.directory, { recursive: true, force: true });
  }
}

async function commandOf(pid: number): Promise<string> {
  return await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
}

/** There is such a process, and it has not ended: a zombie has no command. */
export async function isRunning(pid: number): Promise<boolean> {
  return (await commandOf(pid)) !== "";
}
