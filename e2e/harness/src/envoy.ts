import { readFile, writeFile } from "node:fs/promises";
import { envoyBinary } from "@lateen/binaries";
import { EnvoyAdmin } from "./envoy-admin.ts";
import { RunningProcess } from "./running-process.ts";
import { TempDir } from "./temp-dir.ts";

export interface EnvoyOptions {
  readonly name: string;
  /** Bootstrap as JSON; its admin listens on port 0. */
  readonly bootstrap: object;
  /** Envoy's own log goes to the output from this level on; default `warning`. Access logs are there too. */
  readonly logLevel?: "debug" | "info" | "warning" | "error";
  /** Wait until it is live and its workers take connections; default true. Off for a control plane that does not answer at first. */
  readonly waitUntilLive?: boolean;
  /** Another release than the usual one. */
  readonly version?: string;
  /** Where it runs; default here. */
  readonly directory?: string;
  /** Goes before the command: into a network namespace, as another user. */
  readonly prefix?: readonly string[];
}

/** An Envoy process of our own. Ends, and its files with it, on dispose. */
export interface Envoy extends AsyncDisposable {
  readonly admin: EnvoyAdmin;
  readonly process: RunningProcess;
}

/** Starts Envoy and resolves when its admin port answers and, by default, it serves. */
export async function startEnvoy(options: EnvoyOptions): Promise<Envoy> {
  await using cleanup = new AsyncDisposableStack();
  const directory = cleanup.use(await TempDir.create());
  const bootstrapFile = directory.join("bootstrap.json");
  const adminFile = directory.join("admin");
  await writeFile(bootstrapFile, JSON.stringify(options.bootstrap));
  const binary = await envoyBinary(options.version === undefined ? {} : { version: options.version });
  const whole = [...(options.prefix ?? []), binary];
  const process = cleanup.use(
    await RunningProcess.start({
      name: options.name,
      command: whole[0] ?? binary,
      args: [
        ...whole.slice(1),
        ...["--config-path", bootstrapFile, "--admin-address-path", adminFile, "--disable-hot-restart"],
        ...["--concurrency", "1", "--drain-time-s", "2", "--log-level", options.logLevel ?? "warning"],
        ...["--file-flush-interval-msec", "200"],
      ],
      ...(options.directory !== undefined && { cwd: options.directory }),
    }),
  );
  const admin = await process.until("told its admin address", async () => {
    const address = (await readFile(adminFile, "utf8")).trim();
    return address !== "" && new EnvoyAdmin(`http://${address}`);
  });
  if (options.waitUntilLive ?? true) await process.until("live", () => admin.isServing());
  const owned = cleanup.move();
  return { admin, process, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** `envoy --mode validate`: resolves with what is wrong, or undefined when Envoy accepts the bootstrap. */
export async function validateBootstrap(bootstrap: object): Promise<string | undefined> {
  await using directory = await TempDir.create();
  const file = directory.join("bootstrap.json");
  await writeFile(file, JSON.stringify(bootstrap));
  await using process = await RunningProcess.start({
    name: "envoy --mode validate",
    command: await envoyBinary(),
    args: ["--mode", "validate", "--config-path", file, "--log-level", "error", "--disable-hot-restart"],
  });
  const { code } = await process.exited;
  return code === 0 ? undefined : process.tail();
}
