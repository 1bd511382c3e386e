import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import {
  adsBootstrap,
  ConfigFolder,
  type Envoy,
  eventually,
  freePlanePorts,
  type LateenUp,
  Load,
  LoopbackMesh,
  RunningProcess,
  mainOf,
  repository,
  send,
  startEnvoy,
  startLateen,
  startLateenUp,
  TempDir,
  upArguments,
  virtualService,
} from "@lateen/e2e-harness";

const route = (host: string, httpStatus: number): object =>
  virtualService(
    { namespace: "shop", name: "ratings" },
    {
      hosts: [host],
      http: [{ fault: { abort: { percentage: { value: 100 }, httpStatus } }, route: [{ destination: { host } }] }],
    },
  );

/** What a user gets wrong in the folder: told with file, line, field and reason, and nothing else suffers. */
suite("bad input in the folder", () => {
  const owned = new AsyncDisposableStack();
  let mesh: LoopbackMesh;
  let folder: ConfigFolder;
  let plane: LateenUp;
  let proxy: Envoy;
  let load: Load;

  before(async () => {
    mesh = owned.use(
      await LoopbackMesh.create({
        workloads: [
          { app: "frontend", mutualTls: false },
          { app: "ratings", bare: true },
        ],
      }),
    );
    folder = owned.use(await ConfigFolder.create());
    await folder.write("services.yaml", mesh.manifests());
    plane = owned.use(await startLateenUp({ config: folder.path }));
    const node = { type: "sidecar", ...mesh.workload("frontend") } as const;
    const xds = { address: "127.0.0.1", port: plane.ports.grpc };
    proxy = owned.use(
      await startEnvoy({ name: "frontend", bootstrap: adsBootstrap({ node, xds, protocol: "DELTA_GRPC" }) }),
    );
    await eventually(async () => (await statusOf("/")) === 200, { what: "frontend reaches ratings" });
    const request = { address: node.address, port: mesh.servicePort, host: `ratings.shop:${mesh.servicePort}` };
    load = owned.use(
      Load.start({
        request: () => ({ ...request, path: "/load" }),
        perSecond: 100,
        isSuccess: ({ status }) => status < 500,
      }),
    );
  });
  after(() => owned.disposeAsync());

  const statusOf = async (path: string): Promise<number> => {
    const { address } = mesh.workload("frontend");
    return (await send({ address, port: mesh.servicePort, host: `ratings.shop:${mesh.servicePort}`, path })).status;
  };
  /** What the terminal told the user about a file since `from`. The process's own log, in JSON, is not for the user. */
  const told = (pattern: RegExp, from: number): Promise<string> =>
    eventually(
      () =>
        plane.process.output
          .slice(from)
          .split("\n")
          .find((line) => pattern.test(line) && !line.startsWith("{")),
      {
        what: `the terminal says ${String(pattern)}`,
      },
    );

  test("a value of the wrong kind: file, line, field, reason", async () => {
    const from = plane.process.output.length;
    const lines = [
      ...[
        "apiVersion: networking.istio.io/v1",
        "kind: VirtualService",
        "metadata: { name: bad, namespace: shop }",
        "spec:",
      ],
      ...["  hosts: [ratings.shop.svc.cluster.local]", "  http:", "    - timeout: soon", "      route:"],
      "        - destination: { host: ratings.shop.svc.cluster.local }",
    ];
    await folder.write("bad-value.yaml", lines.join("\n"));
    const line = await told(/bad-value\.yaml/, from);
    assert.match(line, /bad-value\.yaml:7/, "the file and the line");
    assert.match(line, /VirtualService/);
    assert.match(line, /spec\.http\[0\]\.timeout/);
    assert.match(line, /soon/, "the value");
    await folder.write("route.yaml", [route(mesh.host("ratings"), 410)]);
    await eventually(async () => (await statusOf("/")) === 410, { what: "another file of the folder still works" });
    await folder.remove("bad-value.yaml");
  });

  test("YAML that cannot be read: file and line; what was there before keeps serving", async () => {
    const from = plane.process.output.length;
    await folder.write(
      "route.yaml",
      "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: ratings\nspec: [\n",
    );
    assert.match(await told(/route\.yaml/, from), /route\.yaml:\d+/);
    assert.equal(await statusOf("/"), 410, "the last good configuration");
    await folder.write("services-more.yaml", [
      {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "late", namespace: "shop" },
        spec: { ports: [{ name: "http", port: mesh.servicePort }] },
      },
    ]);
    await eventually(async () => (await proxy.admin.configDump()).includes("late.shop.svc.cluster.local"), {
      what: "a new file is taken meanwhile",
    });
    assert.equal(await statusOf("/"), 410);
  });

  test("an object that becomes invalid keeps its last good form", async () => {
    await folder.write("route.yaml", [route(mesh.host("ratings"), 411)]);
    await eventually(async () => (await statusOf("/")) === 411, { what: "the file is good again" });
    const from = plane.process.output.length;
    await folder.write("route.yaml", [route(mesh.host("ratings"), 9_999)]);
    assert.match(await told(/route\.yaml/, from), /route\.yaml:\d+.*httpStatus.*9999/);
    assert.equal(await statusOf("/"), 411);
  });

  test("a half-written file does no harm, and is taken when it is whole", async () => {
    await folder.write("route.yaml", [route(mesh.host("ratings"), 412)]);
    await eventually(async () => (await statusOf("/")) === 412, { what: "the file is good again" });
    const whole = JSON.stringify(route(mesh.host("ratings"), 413), null, 1);
    const from = plane.process.output.length;
    await folder.write("route.yaml", whole.slice(0, whole.length / 2));
    await told(/route\.yaml/, from);
    assert.equal(await statusOf("/"), 412);
    await folder.write("route.yaml", whole);
    await eventually(async () => (await statusOf("/")) === 413, { what: "the whole file" });
  });

  test("a kind that is unknown, one that is not built, and a field that is not built are refused by name", async () => {
    const cases: readonly [file: string, manifest: object, pattern: RegExp][] = [
      [
        "unknown.yaml",
        {
          apiVersion: "networking.istio.io/v1",
          kind: "VirtualServise",
          metadata: { name: "a", namespace: "shop" },
          spec: {},
        },
        /VirtualServise/,
      ],
      [
        "operator.yaml",
        {
          apiVersion: "install.istio.io/v1alpha1",
          kind: "IstioOperator",
          metadata: { name: "b", namespace: "shop" },
          spec: {},
        },
        /IstioOperator/,
      ],
      [
        "group.yaml",
        { apiVersion: "example.com/v1", kind: "Thing", metadata: { name: "c", namespace: "shop" } },
        /example\.com\/v1.*Thing|Thing.*example\.com\/v1/,
      ],
      [
        "typo.yaml",
        virtualService({ namespace: "shop", name: "d" }, { hosts: ["d.example.com"], htttp: [] }),
        /spec\.htttp/,
      ],
    ];
    for (const [file, manifest, pattern] of cases) {
      const from = plane.process.output.length;
      await folder.write(file, [manifest]);
      assert.match(await told(new RegExp(file.replace(".", "\\.")), from), pattern);
      await folder.remove(file);
    }
  });

  test("a deleted file takes its objects away", async () => {
    await folder.remove("route.yaml");
    await eventually(async () => (await statusOf("/")) === 200, { what: "the route is gone" });
  });

  test("through all of it no request failed and Envoy refused nothing", async () => {
    await load.answered(20);
    const { failures } = await load.stop();
    assert.deepEqual(failures, []);
    assert.equal((await proxy.admin.updates()).rejected, 0);
  });
});

/** What is wrong around `lateen up`: it ends with one clear reason, or goes on with what it had. */
suite("a bad place to start", () => {
  const owned = new AsyncDisposableStack();
  let folder: ConfigFolder;
  before(async () => {
    folder = owned.use(await ConfigFolder.create());
  });
  after(() => owned.disposeAsync());

  test("a second start on the same ports names the port and the flag", async () => {
    await using plane = await startLateenUp({ config: folder.path });
    await using state = await TempDir.create();
    const others = await freePlanePorts();
    const flags = {
      grpc: "--grpc-port",
      secureGrpc: "--secure-grpc-port",
      monitoring: "--monitoring-port",
      http: "--http-port",
      policy: "--policy-port",
    } as const;
    for (const port of ["grpc", "secureGrpc", "monitoring", "http", "policy"] as const) {
      const ports = { ...others, [port]: plane.ports[port] };
      await using second = await startLateen(upArguments(folder.path, state.path, ports));
      await assertEnds(
        second,
        new RegExp(`${plane.ports[port]}.*${flags[port]}|${flags[port]}.*${plane.ports[port]}`, "s"),
      );
    }
  });

  test("a folder that does not exist is named", async () => {
    await using state = await TempDir.create();
    await using second = await startLateen(upArguments("/nonexistent/mesh", state.path, await freePlanePorts()));
    await assertEnds(second, /\/nonexistent\/mesh/);
  });

  test("a state folder that cannot be made is named", async () => {
    await using directory = await TempDir.create();
    await writeFile(directory.join("file"), "");
    const state = directory.join("file", "state");
    await using second = await startLateen(upArguments(folder.path, state, await freePlanePorts()));
    await assertEnds(second, new RegExp(`${state}|--state`));
  });

  test("a disk that takes no byte more: one clear error, and no half-written key", async () => {
    await using state = await TempDir.create();
    const args = [mainOf("lateen"), ...upArguments(folder.path, state.path, await freePlanePorts())];
    // A file size limit of zero is what a full disk looks like to a program, without needing root to make one.
    const command = `ulimit -f 0; exec "$0" "$@"`;
    await using full = await RunningProcess.start({
      name: "lateen up on a full disk",
      command: "bash",
      args: ["-c", command, process.execPath, ...args],
      cwd: repository,
    });
    await assertEnds(full, new RegExp(`${state.path}|--state`));
    const left = await Promise.all(
      (await readdir(state.path)).map((file) => readFile(join(state.path, file), "utf8").catch(() => "")),
    );
    assert.deepEqual(
      left.filter((text) => text.includes("PRIVATE KEY") && !text.includes("END")),
      [],
    );
    await using again = await startLateenUp({ config: folder.path, state: state.path });
    assert.ok(!again.process.ended, "a start once there is room again works");
  });

  test("a second start on the same state keeps the CA", async () => {
    await using state = await TempDir.create();
    const keys: string[] = [];
    for (let start = 0; start < 2; start++) {
      await using plane = await startLateenUp({ config: folder.path, state: state.path });
      assert.ok(!plane.process.ended);
      keys.push(await fingerprints(state.path));
    }
    assert.notEqual(keys[0], "", "the state holds a certificate");
    assert.equal(keys[1], keys[0]);
  });
});

async function assertEnds(process: RunningProcess, pattern: RegExp): Promise<void> {
  const timeout = AbortSignal.timeout(120_000);
  const exit = await Promise.race([
    process.exited,
    new Promise<"runs">((resolve) => timeout.addEventListener("abort", () => resolve("runs"))),
  ]);
  assert.notEqual(exit, "runs", `${process.name} goes on; its output:\n${process.tail()}`);
  if (exit === "runs") return;
  assert.notEqual(exit.code, 0);
  assert.match(process.output, pattern);
  assert.doesNotMatch(process.output, /^ {4}at /m, "a message, not a stack trace");
}

/** Of every file with a certificate below `directory`. */
async function fingerprints(directory: string): Promise<string> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const texts = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      // The store's own files come and go meanwhile.
      .map((entry) => readFile(join(entry.parentPath, entry.name), "utf8").catch(() => "")),
  );
  const certificates = texts.filter((text) => text.includes("BEGIN CERTIFICATE") || text.includes("PRIVATE KEY"));
  return certificates
    .map((text) => createHash("sha256").update(text).digest("hex"))
    .sort()
    .join(" ");
}
