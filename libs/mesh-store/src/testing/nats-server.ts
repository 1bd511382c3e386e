import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface NatsServerOptions {
  /** Default 8 MiB, as the Helm chart has it. */
  readonly maxPayload?: number;
  /** More lines of the server's configuration file. */
  readonly config?: string;
  /** With TLS there is no plain port to probe for readiness. */
  readonly tls?: boolean;
}

/** A real nats-server with JetStream on a free loopback port, its data in a directory of its own. */
export class NatsServer implements AsyncDisposable {
  readonly url: string;
  readonly #directory: string;
  readonly #port: number;
  #process: ChildProcess | undefined;

  private constructor(directory: string, port: number, scheme: string) {
    this.#directory = directory;
    this.#port = port;
    this.url = `${scheme}://127.0.0.1:${port}`;
  }

  static async start(options: NatsServerOptions = {}): Promise<NatsServer> {
    serverBinary(); // before anything has to be tidied up
    const directory = await mkdtemp(join(tmpdir(), "mesh-store-nats-"));
    const server = new NatsServer(directory, await freePort(), options.tls ? "tls" : "nats");
    const lines = [
      `listen: "127.0.0.1:${server.#port}"`,
      `max_payload: ${options.maxPayload ?? 8 * 1024 * 1024}`,
      `jetstream { store_dir: ${JSON.stringify(join(directory, "data"))} }`,
    ];
    await writeFile(join(directory, "nats.conf"), [...lines, options.config ?? "", ""].join("\n"));
    await server.restart();
    return server;
  }

  /** Starts it (again) on the same port with the same data. */
  async restart(): Promise<void> {
    const child = spawn(
      serverBinary(),
      ["-c", join(this.#directory, "nats.conf"), "-l", join(this.#directory, "log")],
      { stdio: "ignore" },
    );
    this.#process = child;
    for (const deadline = Date.now() + 60_000; !(await this.#listens()); await sleep(10)) {
      if (child.exitCode !== null || Date.now() > deadline)
        throw new Error(
          `nats-server did not start: ${await readFile(join(this.#directory, "log"), "utf8").catch(String)}`,
        );
    }
  }

  /** kill -9: no chance to flush anything. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  /** Killed, and all its data deleted, as when its pod is replaced and its volume was an emptyDir. */
  async lose(): Promise<void> {
    await this.kill();
    await rm(join(this.#directory, "data"), { recursive: true, force: true, maxRetries: 5 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }

  #listens(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.#port, "127.0.0.1");
      const answer = (open: boolean) => (): void => {
        socket.destroy();
        resolve(open);
      };
      socket.once("data", answer(true)).once("error", answer(false)); // it greets with INFO
    });
  }
}

function serverBinary(): string {
  const path = process.env["NATS_SERVER"];
  if (!path)
    throw new Error(
      "NATS_SERVER is not set: it must be the path of a nats-server binary (2.11 or newer) for the mesh store's NATS tests",
    );
  return path;
}

/**
 * A port that nothing listens on. Below those that the system gives to clients: a client that tries such a port again and
 * again while the server is away meets itself one day.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_100, 20_400);
    const probe = createServer();
    const free = once(probe, "listening").then(
      () => true,
      () => false,
    );
    probe.listen({ host: "127.0.0.1", port, exclusive: true });
    if (!(await free)) continue;
    probe.close();
    await once(probe, "close");
    return port;
  }
}
