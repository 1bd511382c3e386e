import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { freePort, TempDir } from "@lateen/e2e-harness";
import { stringify } from "yaml";
import { attempt, capture } from "./command.ts";
import type { Cluster } from "./cluster.ts";
import { Daemon } from "./daemon.ts";
import { configurationFor, podTargets } from "./prometheus-config.ts";

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Rule {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
}

/** A real Prometheus on this machine, with the configuration and the rules of `deploy/observability`. */
export class PrometheusServer implements AsyncDisposable {
  readonly #url: string;
  readonly #parts: AsyncDisposable[];

  private constructor(url: string, parts: AsyncDisposable[]) {
    this.#url = url;
    this.#parts = parts;
  }

  static async start(cluster: Cluster, namespaces: readonly string[]): Promise<PrometheusServer> {
    const directory = await TempDir.create();
    const parts: AsyncDisposable[] = [directory]; // in the order of their end
    try {
      const proxy = await Daemon.start("kubectl", ["proxy", "--port=0"], cluster.environment);
      parts.unshift(proxy);
      const address = await proxy.until("serving", (output) => /Starting to serve on (\S+)/.exec(output)?.[1], 60_000);
      const discovery = await serveTargets(cluster, namespaces);
      parts.unshift(discovery.server);
      const config = directory.join("prometheus.yml");
      await writeFile(config, stringify(await configurationFor(discovery.url, address)));
      const listen = `127.0.0.1:${await freePort()}`;
      const data = directory.join("data");
      const server = await Daemon.start("prometheus", [
        `--config.file=${config}`,
        `--storage.tsdb.path=${data}`,
        `--web.listen-address=${listen}`,
        "--log.level=warn",
      ]);
      parts.unshift(server);
      await server.until("ready", async () => (await fetch(`http://${listen}/-/ready`)).ok || undefined, 120_000);
      return new PrometheusServer(`http://${listen}`, parts);
    } catch (error) {
      await disposeAll(parts);
      throw error;
    }
  }

  async query(expression: string): Promise<readonly Sample[]> {
    const response = await fetch(`${this.#url}/api/v1/query?query=${encodeURIComponent(expression)}`);
    const answer = (await response.json()) as {
      status: string;
      error?: string;
      data?: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
    if (answer.status !== "success")
      throw new Error(`prometheus refuses ${expression}: ${answer.error ?? response.status}`);
    return (answer.data?.result ?? []).map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  /** The one number that an expression gives; 0 where there is no series. */
  async value(expression: string): Promise<number> {
    return (await this.query(expression))[0]?.value ?? 0;
  }

  async rules(): Promise<readonly Rule[]> {
    const answer = (await (await fetch(`${this.#url}/api/v1/rules`)).json()) as {
      data: { groups: readonly { rules: readonly Rule[] }[] };
    };
    return answer.data.groups.flatMap((group) => group.rules);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await disposeAll(this.#parts);
  }
}

/** Installs Debian's package where there is no Prometheus and this user may. */
export async function ensurePrometheus(): Promise<string> {
  const version = async (): Promise<string | undefined> => {
    const result = await attempt("prometheus", ["--version"]).catch(() => undefined);
    return result?.code === 0 ? /version ([^\s,]+)/.exec(result.stdout + result.stderr)?.[1] : undefined;
  };
  const present = await version();
  if (present !== undefined) return present;
  if (process.getuid?.() !== 0)
    throw new Error("there is no prometheus here: install it (Debian: apt-get install prometheus)");
  const env = { DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" }; // installs it, but starts no service
  const install = ["install", "-y", "--no-install-recommends", "prometheus"];
  const first = await attempt("apt-get", install, { env, timeoutMs: 1_200_000 });
  if (first.code !== 0) {
    await capture("apt-get", ["update"], { env, timeoutMs: 480_000 });
    await capture("apt-get", install, { env, timeoutMs: 1_200_000 });
  }
  return (await version()) ?? "unknown";
}

/** Answers with the pods as they are when asked. */
async function serveTargets(
  cluster: Cluster,
  namespaces: readonly string[],
): Promise<{ url: string; server: AsyncDisposable }> {
  const server = createServer((_request, response) => {
    podTargets(cluster, namespaces).then(
      (targets) => response.setHeader("content-type", "application/json").end(JSON.stringify(targets)),
      (error: unknown) => response.writeHead(503).end(String(error)),
    );
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  };
  return { url: `http://127.0.0.1:${port}/`, server: { [Symbol.asyncDispose]: close } };
}

async function disposeAll(parts: readonly AsyncDisposable[]): Promise<void> {
  for (const part of parts) await part[Symbol.asyncDispose]();
}
