import { type ChildProcess, spawn } from "node:child_process";
import { eventually } from "./eventually.ts";
import { descendants, type ProcessRef } from "./process-tree.ts";

export interface ProcessOptions {
  /** For messages. */
  readonly name: string;
  readonly command: string;
  readonly args?: readonly string[];
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** How long a process may take to end after SIGTERM before it and its descendants are killed. */
const graceMs = 60_000;

/**
 * A child process with its output. Ends on dispose: SIGTERM, and after a bound SIGKILL to it and everything below it.
 * When the test process itself exits, however, its children are killed too.
 */
export class RunningProcess implements AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  /** Resolves when the process has ended; never rejects. */
  readonly exited: Promise<ProcessExit>;
  readonly #child: ChildProcess;
  #output = "";
  #ended = false;
  readonly #onOutput = new Set<() => void>();

  private constructor(name: string, child: ChildProcess, pid: number) {
    this.name = name;
    this.#child = child;
    this.pid = pid;
    const { promise, resolve } = Promise.withResolvers<ProcessExit>();
    this.exited = promise;
    const finish = (code: number | null, signal: NodeJS.Signals | null): void => {
      this.#ended = true;
      running.delete(this);
      resolve({ code, signal });
      this.#notify();
    };
    child.on("close", finish);
    // A child of the child may hold the pipes open for longer: give the rest of the output a moment, not for ever. What is
    // in the pipes by then is read, however late the timer is.
    child.on("exit", (code, signal) =>
      setTimeout(() => setImmediate(() => setImmediate(() => finish(code, signal))), 200),
    );
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8");
      stream?.on("data", (chunk: string) => {
        this.#output += chunk;
        this.#notify();
      });
    }
    running.add(this);
  }

  /** Rejects when the command cannot be run at all. */
  static async start(options: ProcessOptions): Promise<RunningProcess> {
    endWithUs();
    const child = spawn(options.command, options.args ?? [], {
      env: { ...process.env, ...options.env },
      cwd: options.cwd,
      stdio: ["ignore", "pipe", "pipe"],
    });
    await new Promise<void>((resolve, reject) => child.once("spawn", resolve).once("error", reject));
    if (child.pid === undefined) throw new Error(`${options.name}: ${options.command} has no pid`);
    return new RunningProcess(options.name, child, child.pid);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Everything written to standard output and error so far. */
  get output(): string {
    return this.#output;
  }

  /** The last lines of the output, for messages. */
  tail(lines = 25): string {
    return this.#output.trimEnd().split("\n").slice(-lines).join("\n");
  }

  /** Waits until the output holds `pattern`. Rejects when the process ends first or after the time, with the last output. */
  async waitForOutput(pattern: RegExp, timeoutMs = 60_000): Promise<RegExpExecArray> {
    const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
    const fail = (why: string): void =>
      reject(new Error(`${this.name} ${why} without writing ${String(pattern)}; its last output:\n${this.tail()}`));
    const look = (): void => {
      const match = pattern.exec(this.#output);
      if (match !== null) resolve(match);
      else if (this.#ended) fail("ended");
    };
    const timer = setTimeout(() => fail(`ran ${timeoutMs} ms`), timeoutMs);
    this.#onOutput.add(look);
    look();
    return promise.finally(() => {
      clearTimeout(timer);
      this.#onOutput.delete(look);
    });
  }

  /** Polls until `attempt` answers, as `eventually`. Rejects at once when the process ends, and always with its last output. */
  async until<T>(what: string, attempt: () => Promise<T | undefined | false>, timeoutMs = 120_000): Promise<T> {
    const polled = await eventually(async () => (this.#ended ? { ended: true as const } : wrap(await attempt())), {
      what: `${this.name} ${what}`,
      timeoutMs,
    }).catch((cause: unknown) => {
      throw new Error(`${String(cause)}; its last output:\n${this.tail()}`, { cause });
    });
    if ("value" in polled) return polled.value;
    throw new Error(`${this.name} ended before it was ${what}; its last output:\n${this.tail()}`);
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#ended) this.#child.kill(signal);
  }

  /** kill -9 of this process alone, as a crash would be; resolves when it is gone. */
  async crash(): Promise<void> {
    this.signal("SIGKILL");
    await this.exited;
  }

  /** Asks it to end and waits; kills it with all below it when it takes longer than `ms`. */
  async stop(ms = graceMs): Promise<ProcessExit> {
    const below: readonly ProcessRef[] = this.#ended ? [] : descendants(this.pid);
    this.signal("SIGTERM");
    const timer = setTimeout(() => this.killTree(below), ms);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  /** SIGKILL to the process, everything below it now, and `more`. Synchronous, for exit handlers. */
  killTree(more: readonly ProcessRef[] = []): void {
    for (const { pid } of [...more, ...(this.#ended ? [] : descendants(this.pid))]) killQuietly(pid);
    if (!this.#ended) killQuietly(this.pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #notify(): void {
    for (const listener of [...this.#onOutput]) listener();
  }
}

function wrap<T>(answer: T | undefined | false): { readonly value: T } | undefined {
  return answer === undefined || answer === false ? undefined : { value: answer };
}

const running = new Set<RunningProcess>();
let watching = false;

/** No child survives this process, unless it is killed with SIGKILL. */
function endWithUs(): void {
  if (watching) return;
  watching = true;
  process.on("exit", () => {
    for (const one of running) one.killTree();
  });
  process.once("SIGTERM", () => process.exit(143));
  process.once("SIGINT", () => process.exit(130));
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // it ended meanwhile
  }
}
