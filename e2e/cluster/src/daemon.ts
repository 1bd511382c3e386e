import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * A process on this machine that runs until it is disposed of. Ended by its pid, and at the latest with this process.
 * Leaves signals alone, so that the suite can clear up when it is interrupted.
 */
export class Daemon implements AsyncDisposable {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #onExit: () => void;
  #output = "";

  private constructor(name: string, child: ChildProcess) {
    this.#name = name;
    this.#child = child;
    this.#onExit = () => child.kill("SIGKILL");
    process.once("exit", this.#onExit);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8");
      stream?.on("data", (chunk: string) => {
        this.#output = (this.#output + chunk).slice(-20_000);
      });
    }
  }

  static async start(
    program: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Daemon> {
    // A process group of its own: Ctrl-C is for the suite, which ends it in its turn.
    const child = spawn(program, args, {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    await new Promise<void>((done, fail) => child.once("spawn", done).once("error", fail));
    return new Daemon(program, child);
  }

  /** Repeats `look` at the output until it finds something. */
  async until<T>(
    what: string,
    look: (output: string) => Promise<T | undefined> | T | undefined,
    timeoutMs: number,
  ): Promise<T> {
    for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await sleep(100)) {
      const found = await Promise.resolve(look(this.#output)).catch(() => undefined);
      if (found !== undefined) return found;
      if (this.#child.exitCode !== null) break;
    }
    throw new Error(
      `${this.#name} is not ${what} within ${timeoutMs / 1000} s; its last output:\n${this.#output.slice(-1_000)}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.removeListener("exit", this.#onExit);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(timer);
  }
}
