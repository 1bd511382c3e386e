import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { TempDir } from "@lateen/e2e-harness";
import type { CallOrder, CallReport } from "./protocol.ts";

const answerWithinMs = 30_000;

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

/** A program of this folder with a bootstrap file as Istio's agent writes one. Ends on dispose. */
export class XdsProgram implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<never>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = once(child, "exit").then(([code]) => {
      throw new Error(`the program ended with ${String(code)}`);
    });
    this.#ended.catch(() => undefined);
  }

  /** Resolves when the server has its configuration and listens. */
  static async serve(options: XdsProgramOptions): Promise<XdsProgram> {
    const program = await XdsProgram.#start(options, "server-program.ts", [
      options.pod,
      `${options.address}:${options.port}`,
    ]);
    try {
      await program.#next();
      return program;
    } catch (error) {
      await program[Symbol.asyncDispose]();
      throw error;
    }
  }

  static client(options: XdsProgramOptions): Promise<XdsProgram> {
    return XdsProgram.#start(options, "client-program.ts", []);
  }

  static async #start(options: XdsProgramOptions, program: string, args: readonly string[]): Promise<XdsProgram> {
    const bootstrap = await writeBootstrap(options);
    const env = { ...process.env, GRPC_XDS_BOOTSTRAP: bootstrap, GRPC_XDS_EXPERIMENTAL_RBAC: "true" };
    return new XdsProgram(fork(join(import.meta.dirname, program), args, { env, stdio: "inherit" }));
  }

  async call(order: CallOrder): Promise<CallReport> {
    this.#child.send(order);
    return (await this.#next()) as CallReport;
  }

  async #next(): Promise<unknown> {
    const stop = new AbortController();
    const late = sleep(answerWithinMs, undefined, { signal: stop.signal }).then(() => {
      throw new Error(`the program said nothing within ${answerWithinMs} ms`);
    });
    late.catch(() => undefined);
    try {
      const [message] = (await Promise.race([once(this.#child, "message", stop), this.#ended, late])) as [unknown];
      return message;
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
