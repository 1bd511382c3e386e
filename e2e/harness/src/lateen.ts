import { join } from "node:path";
import { freePorts } from "./loopback.ts";
import type { MeshAccess } from "./node-agent.ts";
import { mainOf, repository } from "./repository.ts";
import { type ProcessExit, RunningProcess } from "./running-process.ts";
import { TempDir } from "./temp-dir.ts";

/** Where `lateen up` listens; all on 127.0.0.1. */
export interface PlanePorts {
  readonly grpc: number;
  readonly secureGrpc: number;
  readonly monitoring: number;
  readonly http: number;
  readonly policy: number;
}

export interface LateenUpOptions {
  /** The folder it follows. */
  readonly config: string;
  /** Default: free ones. */
  readonly ports?: PlanePorts;
  /** Where it keeps its CA; default a directory of its own, removed with it. */
  readonly state?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** More flags. */
  readonly flags?: readonly string[];
}

/** `lateen up` as a process of its own. Ends on dispose. */
export interface LateenUp extends AsyncDisposable {
  readonly ports: PlanePorts;
  readonly state: string;
  /** For node agents. */
  readonly access: MeshAccess;
  readonly process: RunningProcess;
  /** The answer of a page of its debug port, e.g. `/debug/syncz`, as JSON. */
  debug<T>(path: string): Promise<T>;
  /** The metrics page. */
  metrics(): Promise<string>;
}

export async function freePlanePorts(): Promise<PlanePorts> {
  const [grpc = 0, secureGrpc = 0, monitoring = 0, http = 0, policy = 0] = await freePorts(5);
  return { grpc, secureGrpc, monitoring, http, policy };
}

/** Starts `lateen up` and resolves when it is ready. Rejects with its output when it ends before. */
export async function startLateenUp(options: LateenUpOptions): Promise<LateenUp> {
  await using cleanup = new AsyncDisposableStack();
  const ports = options.ports ?? (await freePlanePorts());
  const state = options.state ?? cleanup.use(await TempDir.create()).path;
  const process = cleanup.use(
    await startLateen([...upArguments(options.config, state, ports), ...(options.flags ?? [])], options.env),
  );
  await waitForPlane(process, ports);
  const owned = cleanup.move();
  return {
    ...{ ports, state, process, access: accessOf(ports, state) },
    debug: async <T>(path: string) => JSON.parse(await page(ports.http, path)) as T,
    metrics: () => page(ports.monitoring, "/metrics"),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Resolves when the plane answers ready on both of its HTTP ports. */
export async function waitForPlane(process: RunningProcess, ports: PlanePorts): Promise<void> {
  const isReady = async (): Promise<boolean> => {
    await page(ports.http, "/ready");
    return (await page(ports.monitoring, "/readyz")) !== "";
  };
  await process.until("ready", isReady);
}

export function upArguments(config: string, state: string, ports: PlanePorts): readonly string[] {
  return ["up", "--config", config, "--state", state, ...portArguments(ports)];
}

/** The flags that `up` and `demo` share. */
export function portArguments(ports: PlanePorts): readonly string[] {
  return [
    ...["--grpc-port", String(ports.grpc), "--secure-grpc-port", String(ports.secureGrpc)],
    ...["--monitoring-port", String(ports.monitoring), "--http-port", String(ports.http)],
    ...["--policy-port", String(ports.policy)],
  ];
}

function accessOf(ports: PlanePorts, state: string): MeshAccess {
  const secure = `127.0.0.1:${ports.secureGrpc}`;
  return { xds: secure, ca: secure, rootFile: join(state, "root-cert.pem"), state };
}

/** The mesh's root, where citadel alone keeps it. */
export function rootFileIn(state: string): string {
  return join(state, "istio-ca-secret", "ca-cert.pem");
}

/** A service account's token, by the command a user has for it. */
export async function mintToken(
  state: string,
  account: { namespace: string; serviceAccount: string },
): Promise<string> {
  const { namespace, serviceAccount } = account;
  const who = ["--namespace", namespace, "--service-account", serviceAccount];
  const { code, output } = await runLateen(["token", "--state", state, ...who]);
  if (code !== 0) throw new Error(`lateen token ended with ${code}: ${output}`);
  return output.trim();
}

/** Any command of the CLI, running. */
export function startLateen(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<RunningProcess> {
  const name = `lateen ${args[0] ?? ""}`.trim();
  return RunningProcess.start({
    name,
    command: process.execPath,
    args: [mainOf("lateen"), ...args],
    env,
    cwd: repository,
  });
}

/** Any command of the CLI, to its end. */
export async function runLateen(args: readonly string[]): Promise<ProcessExit & { readonly output: string }> {
  await using process = await startLateen(args);
  const exit = await process.exited;
  return { ...exit, output: process.output };
}

async function page(port: number, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(30_000) });
  const body = await response.text();
  if (!response.ok) throw new Error(`${path} on port ${port} answered ${response.status}: ${body}`);
  return body;
}
