import { natsServerBinary } from "@lateen/binaries";
import { connect } from "node:net";
import { eventually } from "./eventually.ts";
import { freePort } from "./loopback.ts";
import { RunningProcess } from "./running-process.ts";
import { TempDir } from "./temp-dir.ts";

/** A nats-server with JetStream on disk; what it stores outlives a crash of it. Removed on dispose. */
export class NatsServer implements AsyncDisposable {
  readonly url: string;
  readonly #port: number;
  readonly #directory: TempDir;
  #process: RunningProcess;

  private constructor(port: number, directory: TempDir, process: RunningProcess) {
    this.#port = port;
    this.url = `nats://127.0.0.1:${port}`;
    this.#directory = directory;
    this.#process = process;
  }

  static async start(): Promise<NatsServer> {
    const directory = await TempDir.create();
    const port = await freePort();
    return new NatsServer(port, directory, await launch(port, directory));
  }

  get process(): RunningProcess {
    return this.#process;
  }

  /** kill -9; `restart` starts it again on the same port and files. */
  async crash(): Promise<void> {
    await this.#process.crash();
  }

  async restart(): Promise<void> {
    this.#process = await launch(this.#port, this.#directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
    await this.#directory[Symbol.asyncDispose]();
  }
}

async function launch(port: number, directory: TempDir): Promise<RunningProcess> {
  const process = await RunningProcess.start({
    name: "nats-server",
    command: await natsServerBinary(),
    args: ["--addr", "127.0.0.1", "--port", String(port), "--jetstream", "--store_dir", directory.join("jetstream")],
  });
  await process.waitForOutput(/Server is ready/);
  await eventually(() => accepts(port), { what: "nats-server accepts connections" });
  return process;
}

function accepts(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host: "127.0.0.1", port });
  socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}
