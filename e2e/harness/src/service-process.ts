import { freePort } from "./loopback.ts";
import { mainOf, repository } from "./repository.ts";
import { RunningProcess } from "./running-process.ts";

/** What to run instead of a service's sources: a bundle, with what its image sets. */
export interface Program {
  readonly entry: string;
  readonly env: Readonly<Record<string, string>>;
  /** Node's, before the entry. */
  readonly flags?: readonly string[];
}

export interface ServiceOptions {
  /** Folder below services/. */
  readonly name: string;
  /** Its settings; ADMIN_PORT is added. */
  readonly env: Readonly<Record<string, string>>;
  /** Told apart from another replica in messages. */
  readonly replica?: string;
  readonly program?: Program;
}

/** One service as a process of its own, which may crash and be restarted with the same settings. Ends on dispose. */
export class ServiceProcess implements AsyncDisposable {
  readonly name: string;
  readonly adminPort: number;
  readonly #options: ServiceOptions;
  #process: RunningProcess;

  private constructor(options: ServiceOptions, adminPort: number, process: RunningProcess) {
    this.name = options.replica === undefined ? options.name : `${options.name} ${options.replica}`;
    this.#options = options;
    this.adminPort = adminPort;
    this.#process = process;
  }

  /** Resolves when /readyz answers 200. Rejects with its output when it ends before. */
  static async start(options: ServiceOptions): Promise<ServiceProcess> {
    const adminPort = await freePort();
    const service = new ServiceProcess(options, adminPort, await launch(options, adminPort));
    await service.ready();
    return service;
  }

  get process(): RunningProcess {
    return this.#process;
  }

  /** kill -9, as a crash would be. */
  async crash(): Promise<void> {
    await this.#process.crash();
  }

  /** Starts it again; resolves when it is ready. */
  async restart(): Promise<void> {
    this.#process = await launch(this.#options, this.adminPort);
    await this.ready();
  }

  async ready(): Promise<void> {
    await this.#process.until("ready", async () => (await this.page("/readyz")) !== "");
  }

  /** A page of the admin port. Rejects unless it answers 200. */
  async page(path: string): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.adminPort}${path}`, { signal: AbortSignal.timeout(30_000) });
    const body = await response.text();
    if (!response.ok) throw new Error(`${path} of ${this.name} answered ${response.status}: ${body}`);
    return body;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}

function launch(options: ServiceOptions, adminPort: number): Promise<RunningProcess> {
  return RunningProcess.start({
    name: options.name,
    command: process.execPath,
    args: [...(options.program?.flags ?? []), options.program?.entry ?? mainOf(options.name)],
    env: { LOG_LEVEL: "info", ...options.program?.env, ...options.env, ADMIN_PORT: String(adminPort) },
    cwd: repository,
  });
}
