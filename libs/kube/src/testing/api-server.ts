import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { KubeClient } from "../client.ts";
import { tokenTransport } from "../transport.ts";

/** A kube-apiserver with an etcd of its own and nothing else: no scheduler, no kubelet, no controllers. */
export interface ApiServer {
  readonly url: string;
  /** An administrator's. */
  readonly token: string;
  /** For programs that want a file. */
  readonly kubeconfig: string;
  client(): KubeClient;
  /** kill -9, so that no connection is closed in order. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data; resolves when it is ready. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Paths of both programs: `$KUBE_APISERVER` and `$ETCD`, else on PATH, else undefined. */
function findPrograms(): { apiServer: string; etcd: string } | undefined {
  const apiServer = findProgram("KUBE_APISERVER", "kube-apiserver");
  const etcd = findProgram("ETCD", "etcd");
  return apiServer !== undefined && etcd !== undefined ? { apiServer, etcd } : undefined;
}

/** Undefined where the machine has no kube-apiserver and etcd: the caller says so and skips. */
export async function startApiServer(options: { crds?: readonly object[] } = {}): Promise<ApiServer | undefined> {
  const programs = findPrograms();
  if (programs === undefined) return undefined;
  const server = new RealApiServer(programs, await mkdtemp(join(tmpdir(), "lateen-apiserver-")));
  try {
    await server.start();
    const crdType = { apiVersion: "apiextensions.k8s.io/v1", plural: "customresourcedefinitions" };
    for (const crd of options.crds ?? [])
      await server.client().create(crdType, crd as Parameters<KubeClient["create"]>[1]);
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

class RealApiServer implements ApiServer {
  readonly token = randomBytes(16).toString("hex");
  readonly #programs: { apiServer: string; etcd: string };
  readonly #folder: string;
  #ports = { api: 0, etcd: 0, peer: 0 };
  #etcd: ChildProcess | undefined;
  #apiServer: ChildProcess | undefined;

  constructor(programs: { apiServer: string; etcd: string }, folder: string) {
    this.#programs = programs;
    this.#folder = folder;
  }

  get url(): string {
    return `https://127.0.0.1:${this.#ports.api}`;
  }

  get kubeconfig(): string {
    return join(this.#folder, "kubeconfig");
  }

  client(): KubeClient {
    return new KubeClient(tokenTransport(this.url, { token: this.token, insecure: true }));
  }

  async start(): Promise<void> {
    this.#ports = { api: await freePort(), etcd: await freePort(), peer: await freePort() };
    const keys = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs1", format: "pem" },
    });
    await writeFile(join(this.#folder, "sa.key"), keys.privateKey);
    await writeFile(join(this.#folder, "tokens.csv"), `${this.token},admin,1,"system:masters"\n`);
    await writeFile(this.kubeconfig, kubeconfigText(this.url, this.token), { mode: 0o600 });
    const { etcd, peer } = this.#ports;
    const client = `http://127.0.0.1:${etcd}`;
    const flags = [
      "--data-dir",
      join(this.#folder, "etcd"),
      "--listen-client-urls",
      client,
      "--advertise-client-urls",
      client,
    ];
    this.#etcd = spawn(
      this.#programs.etcd,
      [...flags, "--listen-peer-urls", `http://127.0.0.1:${peer}`, "--unsafe-no-fsync"],
      { stdio: "ignore" },
    );
    await this.restart();
  }

  async kill(): Promise<void> {
    await killed(this.#apiServer, "SIGKILL");
  }

  async restart(): Promise<void> {
    const key = join(this.#folder, "sa.key");
    this.#apiServer = spawn(
      this.#programs.apiServer,
      [
        `--etcd-servers=http://127.0.0.1:${this.#ports.etcd}`,
        "--bind-address=127.0.0.1",
        `--secure-port=${this.#ports.api}`,
        `--cert-dir=${join(this.#folder, "pki")}`,
        `--service-account-key-file=${key}`,
        `--service-account-signing-key-file=${key}`,
        "--service-account-issuer=https://kubernetes.default.svc",
        "--api-audiences=https://kubernetes.default.svc,istio-ca",
        `--token-auth-file=${join(this.#folder, "tokens.csv")}`,
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.96.0.0/16",
      ],
      { stdio: "ignore" },
    );
    await this.#ready(60_000);
  }

  async stop(): Promise<void> {
    await killed(this.#apiServer, "SIGKILL");
    await killed(this.#etcd, "SIGKILL");
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #ready(timeoutMs: number): Promise<void> {
    const client = this.client();
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const problem = await client.raw("/readyz").then(() => undefined, String);
      if (problem === undefined) break;
      if (this.#apiServer?.exitCode !== null)
        throw new Error("kube-apiserver ended while starting; run it by hand to see why");
      if (Date.now() > deadline) throw new Error(`kube-apiserver not ready after ${timeoutMs} ms: ${problem}`);
      await delay(200);
    }
    client.close();
  }
}

function kubeconfigText(server: string, token: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server, "insecure-skip-tls-verify": true } }],
    users: [{ name: "admin", user: { token } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "admin" } }],
    "current-context": "test",
  });
}

function findProgram(variable: string, name: string): string | undefined {
  const given = process.env[variable];
  if (given) return given;
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function killed(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
