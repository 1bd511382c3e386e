import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { goProgram } from "@lateen/binaries";
import type { TempDir } from "@lateen/e2e-harness";
import type { CallOrder, CallReport } from "./protocol.ts";

const answerWithinMs = 240_000;

export interface XdsProgramOptions {
  /** Where its bootstrap and certificates are written. */
  readonly directory: TempDir;
  readonly pod: string;
  readonly namespace: string;
  readonly address: string;
  /** A server's. Its own on this machine: the library listens on all addresses, whichever it was given. */
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly xdsPort: number;
  readonly certificates: { readonly chain: string; readonly privateKey: string; readonly roots: string };
}

/** How the client and the server of one gRPC library are started. */
export interface Library {
  readonly name: string;
  readonly client: readonly string[];
  /** Followed by a name and `address:port`. */
  readonly server: readonly string[];
}

export const grpcJs: Library = {
  name: "@grpc/grpc-js-xds",
  client: [process.execPath, join(import.meta.dirname, "client-program.ts")],
  server: [process.execPath, join(import.meta.dirname, "server-program.ts")],
};

/** Built on first use. */
export async function grpcGo(): Promise<Library> {
  const program = await goProgram(join(import.meta.dirname, "xds-echo"), { onProgress: console.log });
  return { name: "google.golang.org/grpc", client: [program, "client"], server: [program, "server"] };
}

/** A program with a bootstrap file as Istio's agent writes one; orders and reports are lines of JSON. Ends on dispose. */
export class XdsProgram implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor([command = "", ...args]: readonly string[], bootstrap: string) {
    const env = { ...process.env, GRPC_XDS_BOOTSTRAP: bootstrap, GRPC_XDS_EXPERIMENTAL_RBAC: "true" };
    this.#child = spawn(command, args, { env, stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#child.stdout ?? process.stdin })[Symbol.asyncIterator]();
  }

  /** Resolves when the server has its configuration and listens. */
  static async serve(library: Library, options: XdsProgramOptions): Promise<XdsProgram> {
    const command = [...library.server, options.pod, `${options.address}:${options.port}`];
    const program = new XdsProgram(command, await writeBootstrap(options));
    try {
      await program.#next();
      return program;
    } catch (error) {
      await program[Symbol.asyncDispose]();
      throw error;
    }
  }

  static async client(library: Library, options: XdsProgramOptions): Promise<XdsProgram> {
    return new XdsProgram(library.client, await writeBootstrap(options));
  }

  async call(order: CallOrder): Promise<CallReport> {
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`);
    return (await this.#next()) as CallReport;
  }

  async #next(): Promise<unknown> {
    const stop = new AbortController();
    const late = sleep(answerWithinMs, undefined, { signal: stop.signal }).then(() => {
      throw new Error(`the program said nothing within ${answerWithinMs} ms`);
    });
    late.catch(() => undefined);
    try {
      const line = await Promise.race([this.#lines.next(), late]);
      if (line.done === true) throw new Error("the program has ended");
      return JSON.parse(line.value);
    } finally {
      stop.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill();
    await once(this.#child, "exit");
  }
}

async function writeBootstrap(options: XdsProgramOptions): Promise<string> {
  const file = (name: string): string => options.directory.join(`${options.pod}-${name}`);
  const { chain, privateKey, roots } = options.certificates;
  await Promise.all([
    writeFile(file("cert.pem"), chain),
    writeFile(file("key.pem"), privateKey),
    writeFile(file("root.pem"), roots),
  ]);
  const { pod, namespace, address, labels } = options;
  await writeFile(
    file("bootstrap.json"),
    JSON.stringify({
      xds_servers: [
        {
          server_uri: `127.0.0.1:${options.xdsPort}`,
          channel_creds: [{ type: "insecure" }],
          server_features: ["xds_v3"],
        },
      ],
      node: {
        cluster: pod,
        // npm's library insists on one, Go's does without.
        locality: {},
        id: `sidecar~${address}~${pod}.${namespace}~${namespace}.svc.cluster.local`,
        metadata: {
          GENERATOR: "grpc",
          NAMESPACE: namespace,
          INSTANCE_IPS: address,
          CLUSTER_ID: "Kubernetes",
          LABELS: labels,
        },
      },
      certificate_providers: {
        default: {
          plugin_name: "file_watcher",
          config: {
            certificate_file: file("cert.pem"),
            private_key_file: file("key.pem"),
            ca_certificate_file: file("root.pem"),
            refresh_interval: "60s",
          },
        },
      },
      server_listener_resource_name_template: "xds.istio.io/grpc/lds/inbound/%s",
    }),
  );
  return file("bootstrap.json");
}
