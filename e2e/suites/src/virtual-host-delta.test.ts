import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import {
  adsBootstrap,
  ConfigFolder,
  type Envoy,
  eventually,
  freePlanePorts,
  freePort,
  HttpClient,
  type LateenUp,
  LoopbackBlock,
  serviceEntry,
  startEnvoy,
  startLateenUp,
  virtualService,
} from "@lateen/e2e-harness";

const namespace = "shop";
const count = 120;
const hosts = Array.from({ length: count }, (_, index) => `svc-${index}.example.com`);

interface Proxy {
  readonly name: string;
  readonly envoy: Envoy;
  readonly address: string;
}

/** A route table above the size from which delta proxies get it host by host, and proxies of both kinds. */
suite("a large route table", () => {
  const owned = new AsyncDisposableStack();
  const client = owned.use(new HttpClient());
  let plane: LateenUp;
  let folder: ConfigFolder;
  let port: number;
  let split: Proxy;
  let proxies: readonly Proxy[];

  before(async () => {
    port = await freePort();
    const addresses = owned.use(await LoopbackBlock.reserve());
    folder = owned.use(await ConfigFolder.create());
    await folder.replace(
      "hosts.yaml",
      hosts.flatMap((host) => hostAndRoute(host, "v1")),
    );
    const ports = await freePlanePorts();
    plane = await startLateenUp({ config: folder.path, ports });
    const start = async (name: string, protocol: "GRPC" | "DELTA_GRPC", version?: string): Promise<Proxy> => {
      const address = addresses.address();
      const node = { type: "sidecar", address, pod: `${name}-1`, namespace } as const;
      const bootstrap = adsBootstrap({ node, xds: { address: "127.0.0.1", port: ports.grpc }, protocol });
      const envoy = owned.use(await startEnvoy({ name, bootstrap, ...(version !== undefined && { version }) }));
      return { name, envoy, address };
    };
    split = await start("delta", "DELTA_GRPC");
    proxies = [split, await start("sotw", "GRPC"), await start("old-delta", "DELTA_GRPC", "1.36.2")];
  });
  after(async () => {
    await plane[Symbol.asyncDispose]();
    await owned.disposeAsync();
  });

  const hostAndRoute = (host: string, body: string): object[] => {
    const at = { namespace, name: host };
    const http = [{ directResponse: { status: 200, body: { string: body } } }];
    const ports = [{ number: port, name: "http", protocol: "HTTP" }];
    return [
      serviceEntry(at, {
        hosts: [host],
        location: "MESH_EXTERNAL",
        resolution: "STATIC",
        ports,
        endpoints: [{ address: "127.0.0.1" }],
      }),
      virtualService(at, { hosts: [host], http }),
    ];
  };
  const ask = ({ address }: Proxy, host: string) => client.send({ address, port, host });
  const answers = (host: string, expected: { status: number; body?: string }): Promise<unknown> =>
    Promise.all(
      proxies.map((proxy) =>
        eventually(
          async () => {
            const { status, body } = await ask(proxy, host);
            return status === expected.status && (expected.body === undefined || body === expected.body);
          },
          { what: `${host} through ${proxy.name} answers ${JSON.stringify(expected)}` },
        ),
      ),
    );
  const received = async (type: string): Promise<{ bytes: number; answers: number }> => {
    const page = await plane.metrics();
    const of = (what: string): number =>
      Number(
        new RegExp(`pilot_xds_config_size_bytes_${what}\\{[^}]*type="${type}"[^}]*\\} (\\d+)`).exec(page)?.[1] ?? 0,
      );
    return { bytes: of("sum"), answers: of("count") };
  };
  const restarted = async (change: () => Promise<void>): Promise<void> => {
    await plane[Symbol.asyncDispose]();
    await change();
    plane = await startLateenUp({ config: folder.path, ports: plane.ports });
  };

  test("routes alike in one piece and host by host", async () => {
    for (const host of [hosts[0], hosts[57], hosts.at(-1)]) await answers(host ?? "", { status: 200, body: "v1" });
    await answers("unknown.example.com", { status: 502 });
    const own = async ({ envoy }: Proxy): Promise<number> =>
      (await envoy.admin.stats(/rds\.vhds\..*update_success$/)).size;
    assert.deepEqual(await Promise.all(proxies.map(own)), [1, 0, 0]);
  });

  test("shows users Istio's names", async () => {
    const [table] = await tablesOf(split.envoy, String(port));
    const names = table?.virtual_hosts.map(({ name }) => name) ?? [];
    assert.deepEqual([...names].sort(), [...hosts.map((host) => `${host}:${port}`), "block_all"].sort());
    const [whole] = await tablesOf(proxies[1]?.envoy as Envoy, String(port));
    assert.deepEqual(whole?.virtual_hosts.map(({ name }) => name).sort(), names.sort());
  });

  test("a change to one host costs a host", async () => {
    const before = await received("vhds");
    await folder.replace(
      "hosts.yaml",
      hosts.flatMap((host, at) => hostAndRoute(host, at === 3 ? "v2" : "v1")),
    );
    await answers(hosts[3] ?? "", { status: 200, body: "v2" });
    await answers(hosts[4] ?? "", { status: 200, body: "v1" });
    const after = await received("vhds");
    assert.equal(after.answers, before.answers + 1);
    assert.ok(after.bytes - before.bytes < 1_000, `${after.bytes - before.bytes} bytes`);
  });

  test("hosts come and go while connections stay", async () => {
    const kept = hosts.slice(0, -1);
    const last = hosts.at(-1) ?? "";
    await folder.replace(
      "hosts.yaml",
      kept.flatMap((host) => hostAndRoute(host, "v3")),
    );
    await answers(last, { status: 502 });
    await folder.replace(
      "hosts.yaml",
      [...kept, "new.example.com"].flatMap((host) => hostAndRoute(host, "v3")),
    );
    await answers("new.example.com", { status: 200, body: "v3" });
    await folder.replace(
      "hosts.yaml",
      hosts.flatMap((host) => hostAndRoute(host, "v4")),
    );
    await answers(last, { status: 200, body: "v4" });
    for (const { envoy } of proxies) {
      assert.equal((await envoy.admin.updates()).rejected, 0);
      const drained = await envoy.admin.stats(/downstream_cx_drain_close$|total_listeners_draining$/);
      assert.deepEqual(
        [...drained.values()].filter((value) => value > 0),
        [],
      );
    }
  });

  test("what changed while the control plane was away arrives, what did not is not sent again", async () => {
    await restarted(() =>
      folder.replace(
        "hosts.yaml",
        hosts.slice(1).flatMap((host) => hostAndRoute(host, host === hosts[1] ? "v5" : "v4")),
      ),
    );
    await answers(hosts[1] ?? "", { status: 200, body: "v5" });
    await answers(hosts[0] ?? "", { status: 502 });
    await answers(hosts[2] ?? "", { status: 200, body: "v4" });
    const { bytes } = await received("vhds");
    assert.ok(bytes > 0 && bytes < 2_000, `${bytes} bytes`);
    await restarted(() =>
      folder.replace(
        "hosts.yaml",
        hosts.flatMap((host) => hostAndRoute(host, "v6")),
      ),
    );
    for (const host of hosts.slice(0, 3)) await answers(host, { status: 200, body: "v6" });
  });

  test("a table keeps its form in a proxy that has it, however small it becomes", async () => {
    await folder.replace(
      "hosts.yaml",
      hosts.slice(0, 2).flatMap((host) => hostAndRoute(host, "v7")),
    );
    await answers(hosts[0] ?? "", { status: 200, body: "v7" });
    await answers(hosts[9] ?? "", { status: 502 });
    await restarted(() =>
      folder.replace(
        "hosts.yaml",
        hosts.slice(1).flatMap((host) => hostAndRoute(host, "v8")),
      ),
    );
    await answers(hosts[1] ?? "", { status: 200, body: "v8" });
    await answers(hosts[9] ?? "", { status: 200, body: "v8" });
    await answers(hosts[0] ?? "", { status: 502 });
    for (const { envoy } of proxies) assert.equal((await envoy.admin.updates()).rejected, 0);
  });

  test("a host that Envoy refuses without naming it is found, and all others change", async () => {
    const bad = hosts[5] ?? "";
    // Envoy's message is of the expression alone.
    const value = { match: { safe_regex: { regex: "(" } } };
    const routeConfiguration = { vhost: { name: `${bad}:${port}` } };
    const patch = { applyTo: "HTTP_ROUTE", match: { routeConfiguration }, patch: { operation: "MERGE", value } };
    await folder.replace("hosts.yaml", [
      ...hosts.flatMap((host) => hostAndRoute(host, "v9")),
      {
        apiVersion: "networking.istio.io/v1alpha3",
        kind: "EnvoyFilter",
        metadata: { namespace, name: "bad" },
        spec: { configPatches: [patch] },
      },
    ]);
    const others = hosts.filter((host) => host !== bad);
    await eventually(
      async () => {
        for (const host of others) if ((await ask(split, host)).body !== "v9") return false;
        return true;
      },
      { what: "every other host has changed" },
    );
    assert.equal((await ask(split, bad)).body, "v8");
    const { rejected } = await split.envoy.admin.updates();
    assert.ok(rejected > 0 && rejected < 20, `${rejected} refusals`);
    assert.match(plane.process.output, /EnvoyFilter\/shop\/bad/);
  });
});

interface Table {
  readonly name: string;
  readonly virtual_hosts: readonly { readonly name: string }[];
}

async function tablesOf(envoy: Envoy, name: string): Promise<readonly Table[]> {
  const { configs = [] } = JSON.parse(await envoy.admin.get("/config_dump?resource=dynamic_route_configs")) as {
    configs?: { route_config: Table }[];
  };
  return configs.map(({ route_config }) => route_config).filter((table) => table.name === name);
}
