import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import {
  adsBootstrap,
  ConfigFolder,
  eventually,
  freePort,
  type LateenUp,
  LoopbackMesh,
  nodeId,
  runLateen,
  startEnvoy,
  startLateenUp,
  virtualService,
} from "@lateen/e2e-harness";

const commands = ["up", "demo", "analyze", "proxy-status", "proxy-config", "token", "version"];

suite("the command line", () => {
  test("--help lists every command, and each explains itself", async () => {
    const { code, output } = await runLateen(["--help"]);
    assert.equal(code, 0);
    for (const command of commands) assert.match(output, new RegExp(`^  ${command}\\b`, "m"));
    for (const command of commands) {
      const help = await runLateen([command, "--help"]);
      assert.equal(help.code, 0);
      assert.match(help.output, new RegExp(`Usage: lateen ${command}`));
      const description = help.output.split("\n").slice(1, 6).join(" ").trim();
      assert.ok(description.length > 30, `${command} is described`);
    }
  });

  test("an unknown command or option is named, with the way to the list", async () => {
    const command = await runLateen(["upp"]);
    assert.notEqual(command.code, 0);
    assert.match(command.output, /unknown command 'upp'[\s\S]*--help/);
    const option = await runLateen(["up", "--config", "x", "--confg", "y"]);
    assert.notEqual(option.code, 0);
    assert.match(option.output, /--confg/);
  });

  test("analyze: mistakes with place and remedy, exit code 1; a clean folder 0", async () => {
    await using folder = await ConfigFolder.create();
    const at = { namespace: "shop", name: "ratings" };
    await folder.write("route.yaml", [
      virtualService(at, {
        hosts: ["ratings"],
        http: [{ timeout: "soon", route: [{ destination: { host: "ratings" } }] }],
      }),
    ]);
    const bad = await runLateen(["analyze", folder.path]);
    assert.equal(bad.code, 1, bad.output);
    assert.match(bad.output, /route\.yaml:\d+.*spec\.http\[0\]\.timeout.*soon/);
    const json = await runLateen(["analyze", folder.path, "--output", "json"]);
    const [first] = JSON.parse(json.output) as { path: string; severity: string }[];
    assert.deepEqual([first?.path, first?.severity], ["spec.http[0].timeout", "error"]);
    await folder.write("route.yaml", [
      { apiVersion: "v1", kind: "Service", metadata: at, spec: { ports: [{ name: "http", port: 80 }] } },
    ]);
    const good = await runLateen(["analyze", folder.path]);
    assert.equal(good.code, 0, good.output);
    assert.match(good.output, /0 errors/);
  });

  test("no plane: the address and the remedy, not a stack", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    for (const args of [
      ["proxy-status", "--url", url],
      ["proxy-config", "cluster", "x", "--url", url],
    ]) {
      const { code, output } = await runLateen(args);
      assert.notEqual(code, 0);
      assert.match(output, /lateen up/);
      assert.doesNotMatch(output, /^ {4}at /m);
    }
  });
});

suite("the command line against a running plane", () => {
  const owned = new AsyncDisposableStack();
  let mesh: LoopbackMesh;
  let plane: LateenUp;
  let url: string;
  let id: string;

  before(async () => {
    mesh = owned.use(await LoopbackMesh.create({ workloads: [{ app: "ratings", mutualTls: false }] }));
    const folder = owned.use(await ConfigFolder.create());
    await folder.write("services.yaml", mesh.manifests());
    plane = owned.use(await startLateenUp({ config: folder.path }));
    url = `http://127.0.0.1:${plane.ports.http}`;
    const node = { type: "sidecar", ...mesh.workload("ratings") } as const;
    id = nodeId(node);
    const xds = { address: "127.0.0.1", port: plane.ports.grpc };
    owned.use(await startEnvoy({ name: "ratings", bootstrap: adsBootstrap({ node, xds, protocol: "DELTA_GRPC" }) }));
  });
  after(() => owned.disposeAsync());

  test("proxy-status: the proxy is SYNCED for every type", async () => {
    await eventually(
      async () => {
        const { code, output } = await runLateen(["proxy-status", "--url", url]);
        assert.equal(code, 0, output);
        assert.match(output, /^NAME .*CDS/);
        assert.match(output, /^ratings-v1-1\.shop .*SYNCED/m);
        assert.doesNotMatch(output, /STALE|ERROR/);
        return true;
      },
      { intervalMs: 500 },
    );
    const json = await runLateen(["proxy-status", "--url", url, "--output", "json"]);
    const [proxy] = JSON.parse(json.output) as { proxy: string; node: string }[];
    assert.deepEqual([proxy?.proxy, proxy?.node], ["ratings-v1-1.shop", id]);
  });

  test("proxy-config: each type, by id and by pod", async () => {
    const host = mesh.host("ratings");
    for (const type of ["cluster", "endpoint", "route", "listener"]) {
      const { code, output } = await runLateen(["proxy-config", type, "ratings-v1-1.shop", "--url", url]);
      assert.equal(code, 0, output);
      const isNamedByPort = type === "listener" || type === "route";
      assert.match(output, isNamedByPort ? new RegExp(String(mesh.servicePort)) : new RegExp(host));
    }
    const json = await runLateen(["proxy-config", "all", id, "--url", url, "--output", "json"]);
    assert.ok(JSON.stringify(JSON.parse(json.output)).includes(`outbound|${mesh.servicePort}||${host}`));
    const yaml = await runLateen(["proxy-config", "cluster", id, "--url", url, "--output", "yaml"]);
    assert.match(yaml.output, /^\s*-? ?"?name"?:/m);
    const unknown = await runLateen(["proxy-config", "cluster", "nobody", "--url", url]);
    assert.notEqual(unknown.code, 0);
    assert.match(unknown.output, /nobody/);
  });

  test("version: the client's and the plane's", async () => {
    const { code, output } = await runLateen(["version", "--url", `http://127.0.0.1:${plane.ports.monitoring}`]);
    assert.equal(code, 0);
    assert.match(output, /client: \d+\.\d+\.\d+/);
    assert.match(output, /plane:\s+\S+/);
    assert.doesNotMatch(output, /none answers/);
  });
});
