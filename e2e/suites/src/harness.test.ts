import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { suite, test } from "node:test";
import {
  assertShare,
  descendants,
  eventually,
  freePort,
  isRunning,
  Load,
  LoopbackMesh,
  NatsServer,
  RunningProcess,
  SampleApp,
  send,
  startEnvoy,
  TempDir,
} from "@lateen/e2e-harness";

/** The other suites rest on these: a harness that cannot fail proves nothing. */
suite("harness", () => {
  test("a process that ignores SIGTERM is killed with everything below it", async () => {
    const script = `process.on("SIGTERM", () => {}); require("node:child_process").spawn("sleep", ["600"]); console.log("up"); setInterval(() => {}, 1e6)`;
    const stubborn = await RunningProcess.start({ name: "stubborn", command: process.execPath, args: ["-e", script] });
    await stubborn.waitForOutput(/up/);
    const below = await eventually(() =>
      descendants(stubborn.pid).length > 0 ? descendants(stubborn.pid) : undefined,
    );
    assert.deepEqual(
      below.map(({ command }) => command),
      ["sleep"],
    );
    const { signal } = await stubborn.stop(200);
    assert.equal(signal, "SIGKILL");
    await eventually(() => !below.some(isRunning), { what: "the child has ended" });
  });

  test("waiting for output tells of a process that ended without it", async () => {
    await using failing = await RunningProcess.start({
      name: "failing",
      command: process.execPath,
      args: ["-e", "console.error('no luck')"],
    });
    await assert.rejects(failing.waitForOutput(/ready/), /failing ended without writing[\s\S]*no luck/);
  });

  test("a temporary directory is gone after its scope", async () => {
    let path = "";
    {
      await using directory = await TempDir.create();
      path = directory.path;
      assert.ok(existsSync(path));
    }
    assert.ok(!existsSync(path));
  });

  test("load counts an error and a status as failures", async () => {
    await using app = await SampleApp.start({ app: "sample", version: "v1", port: await freePort() });
    const nobody = await freePort();
    const { port } = app.options;
    await using load = Load.start({
      perSecond: 500,
      request: (n) => [{ port }, { port, path: "/status/503" }, { port: nobody }][n % 3] ?? { port },
    });
    await load.answered(30);
    const { requests, failures } = await load.stop();
    assert.ok(requests >= 30);
    assert.ok(
      failures.some(({ reason }) => reason.startsWith("503")),
      "the status is counted",
    );
    assert.ok(
      failures.some(({ reason }) => reason.includes("ECONNREFUSED")),
      "the error is counted",
    );
    assertShare(failures.length, requests, 2 / 3);
  });

  test("a share that is off is refused", () => {
    assertShare(118, 1000, 0.1);
    assert.throws(() => assertShare(200, 1000, 0.1), /σ from 10.0 %/);
  });

  test("Envoy serves what its bootstrap says, and a bad bootstrap is told", async () => {
    await using envoy = await startEnvoy({
      name: "static",
      bootstrap: { admin: { address: { socket_address: { address: "127.0.0.1", port_value: 0 } } } },
    });
    assert.deepEqual(await envoy.admin.updates(), { accepted: 0, rejected: 0, rejectedNames: [] });
    await assert.rejects(
      startEnvoy({ name: "bad", bootstrap: { node: { nonsense: 1 } } }),
      /bad ended before[\s\S]*nonsense/,
    );
  });

  test("nats-server comes back on its port and files", async () => {
    await using nats = await NatsServer.start();
    const before = nats.process.pid;
    await nats.crash();
    await nats.restart();
    assert.notEqual(nats.process.pid, before);
  });

  test("a loopback mesh describes programs that answer", async () => {
    await using mesh = await LoopbackMesh.create({
      workloads: [{ app: "reviews" }, { app: "reviews", version: "v2" }],
    });
    const { port, address } = mesh.workload("reviews", "v2");
    assert.match((await send({ port })).body, /"version":"v2"/);
    assert.match(JSON.stringify(mesh.manifests()), new RegExp(`"podIP":"${address}"`));
    assert.equal(mesh.identity("reviews"), "spiffe://cluster.local/ns/shop/sa/reviews");
  });
});
