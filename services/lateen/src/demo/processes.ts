import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Child processes that end with us: SIGTERM, then SIGKILL after `graceMs`. */
export class Processes {
  readonly #running = new Map<string, ChildProcess>();
  readonly #onExit: (name: string, reason: string) => void;
  #stopping = false;

  constructor(onExit: (name: string, reason: string) => void) {
    this.#onExit = onExit;
  }

  /** Runs a TypeScript entry with this Node; its output goes to `logFile`. */
  start(name: string, entry: URL, options: { args?: string[]; env?: Record<string, string>; logFile: string }): void {
    // A file, not a pipe of Node's (which is a socket): Envoy opens /dev/stdout for its access log.
    const log = openSync(options.logFile, "a", 0o600);
    const child = fork(fileURLToPath(entry), options.args ?? [], {
      env: { ...process.env, ...options.env },
      stdio: ["ignore", log, log, "ipc"], // the channel closes when we die, whatever kills us
    });
    closeSync(log);
    this.#running.set(name, child);
    child.on("exit", (code, signal) => {
      this.#running.delete(name);
      if (!this.#stopping) this.#onExit(name, signal ?? `code ${code}`);
    });
  }

  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    const children = [...this.#running.values()].filter(
      (child) => child.exitCode === null && child.signalCode === null,
    );
    const gone = Promise.all(children.map((child) => once(child, "exit")));
    for (const child of children) child.kill("SIGTERM");
    const deadline = setTimeout(() => {
      for (const child of children) child.kill("SIGKILL");
    }, graceMs);
    await gone;
    clearTimeout(deadline);
  }
}
