import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../src/testing/eventually.ts";

export interface EnvoyNode {
  readonly id: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface EnvoyOptions {
  readonly node: EnvoyNode;
  readonly xdsPort: number;
  readonly protocol: "GRPC" | "DELTA_GRPC";
}

/** A real Envoy with the bootstrap that an Istio user writes for one without an agent. Ends on dispose. */
export async function startEnvoy({ node, xdsPort, protocol }: EnvoyOptions) {
  const binary = process.env["ENVOY"];
  if (!binary)
    throw new Error("ENVOY is not set: it names the Envoy 1.40 binary that this test runs (`pnpm test` sets it)");
  const folder = await mkdtemp(join(tmpdir(), "pilot-envoy-"));
  await writeFile(join(folder, "bootstrap.json"), JSON.stringify(bootstrap(node, xdsPort, protocol)));
  const arguments_ = [
    "--config-path",
    join(folder, "bootstrap.json"),
    "--admin-address-path",
    join(folder, "admin"),
    "--disable-hot-restart",
    "--concurrency",
    "1",
    "--log-level",
    "warning",
  ];
  const child = spawn(binary, arguments_, { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      log += String(chunk);
    });
  const exited = once(child, "exit");
  const admin = await eventually("Envoy tells its admin address", () =>
    readFile(join(folder, "admin"), "utf8").catch(() => ""),
  );
  const get = async (path: string): Promise<string> => (await fetch(`http://${admin.trim()}${path}`)).text();
  return {
    /** Standard output and error so far. */
    log: () => log,
    ready: () => eventually("Envoy is live", async () => (await get("/ready").catch(() => "")).startsWith("LIVE")),
    async stat(name: string): Promise<number> {
      const line = (await get(`/stats?filter=^${name.replaceAll(".", "\\.")}$`)).trim();
      return Number(line.split(": ")[1] ?? 0);
    },
    configDump: () => get("/config_dump"),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function bootstrap(node: EnvoyNode, xdsPort: number, protocol: EnvoyOptions["protocol"]): object {
  const http2 = {
    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    explicit_http_config: { http2_protocol_options: {} },
  };
  const loopback = (port: number) => ({ socket_address: { address: "127.0.0.1", port_value: port } });
  return {
    admin: { address: loopback(0) },
    node: { id: node.id, cluster: "test", metadata: node.metadata },
    dynamic_resources: {
      ads_config: {
        api_type: protocol,
        transport_api_version: "V3",
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: "xds-grpc" } }],
      },
      cds_config: { ads: {}, resource_api_version: "V3" },
      lds_config: { ads: {}, resource_api_version: "V3" },
    },
    static_resources: {
      clusters: [
        {
          name: "xds-grpc",
          type: "STATIC",
          connect_timeout: "1s",
          load_assignment: {
            cluster_name: "xds-grpc",
            endpoints: [{ lb_endpoints: [{ endpoint: { address: loopback(xdsPort) } }] }],
          },
          typed_extension_protocol_options: { "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2 },
        },
      ],
    },
  };
}
