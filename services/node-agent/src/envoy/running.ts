import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** One Envoy process, started by this agent or by one before it. */
export interface RunningEnvoy {
  readonly pid: number;
  /** Resolves with how it ended. */
  readonly exited: Promise<string>;
  kill(signal: "SIGTERM" | "SIGKILL"): void;
}

/** Starts Envoy and notes its process id in `pidFile`. Rejects with the remedy when the binary cannot be run. */
export async function startEnvoy(binary: string, args: readonly string[], pidFile: string): Promise<RunningEnvoy> {
  const child = spawn(binary, args, { stdio: ["ignore", "inherit", "inherit"] });
  try {
    await once(child, "spawn");
  } catch (cause) {
    throw new Error(`cannot start envoy (${binary}): ${String(cause)}; set ENVOY to an Envoy binary`, { cause });
  }
  const exited = once(child, "exit").then(([code, signal]) => String(signal ?? `exit code ${code}`));
  const pid = child.pid ?? 0;
  await writeFile(pidFile, String(pid), { mode: 0o600 });
  // Whatever makes this process exit takes Envoy along. Only SIGKILL does not: then the next agent adopts it.
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  void exited.then(() => process.off("exit", kill));
  return { pid, exited, kill: (signal) => void child.kill(signal) };
}

/** The Envoy that a killed agent left behind, still serving; undefined when there is none with this bootstrap file. */
export async function adoptEnvoy(pidFile: string, bootstrapFile: string): Promise<RunningEnvoy | undefined> {
  const pid = Number(await readFile(pidFile, "utf8").catch(() => ""));
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""); // empty for a zombie
  if (!command.split("\0").includes(bootstrapFile)) return undefined; // the id belongs to someone else by now
  const kill = (signal: NodeJS.Signals): void => {
    try {
      process.kill(pid, signal);
    } catch {
      // gone
    }
  };
  const gone = async (): Promise<string> => {
    while (await isAlive(pid)) await sleep(200);
    return "an end nobody saw";
  };
  return { pid, exited: gone(), kill };
}

/** A zombie has ended, too: not every machine has an init that buries orphans. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const [state] = stat.slice(stat.lastIndexOf(")") + 2);
  return state !== undefined && state !== "Z";
}
