import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openNatsStore } from "@lateen/mesh-store";
import { NatsServer } from "@lateen/mesh-store/testing";
import { openChannel } from "@lateen/rpc";
import { AdsClient } from "../src/testing/ads-client.ts";
import { eventually } from "../src/testing/eventually.ts";
import { createTestMesh } from "../src/testing/mesh.ts";
import { freePorts } from "./free-ports.ts";

/** pilot's own main.ts as a process, with a citadel that is not there. */
async function startService(natsUrl: string) {
  const [grpc = 0, grpcTls = 0, http = 0, admin = 0] = await freePorts(4);
  const env = {
    ...process.env,
    NATS_URL: natsUrl,
    GRPC_PORT: String(grpc),
    GRPC_TLS_PORT: String(grpcTls),
    HTTP_PORT: String(http),
    ADMIN_PORT: String(admin),
    CA_ADDR: "127.0.0.1:1",
    CA_ROOT_FILE: "/nonexistent/root-cert.pem",
    TOKEN_FILE: "/nonexistent/token",
    POD_NAME: "pilot-test",
  };
  const child = spawn(process.execPath, [join(import.meta.dirname, "../src/main.ts")], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let log = "";
  child.stdout.on("data", (chunk) => {
    log += String(chunk);
  });
  const exited = once(child, "exit");
  const get = (port: number) => async (path: string) => fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined);
  return {
    grpc,
    http: get(http),
    admin: get(admin),
    log: () => log,
    async stop(): Promise<number> {
      child.kill("SIGTERM");
      const [code] = await exited;
      return code as number;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await exited;
    },
  };
}

test("the service waits for the mesh, outlives its store and stops in order", { timeout: 300_000 }, async () => {
  await using nats = await NatsServer.start();
  await using service = await startService(nats.url);
  await eventually("it answers", async () => service.http("/ready"));
  assert.equal((await service.http("/ready"))?.status, 503, "the store is empty");
  const ready = (await (await service.admin("/readyz"))?.json()) as { checks: { name: string; ready: boolean }[] };
  assert.deepEqual(
    ready.checks
      .filter((check) => !check.ready)
      .map(({ name }) => name)
      .sort(),
    ["identity", "mesh"],
  );

  const mesh = createTestMesh(await openNatsStore({ servers: [nats.url] }));
  await mesh.service({ name: "orders", pods: ["10.0.0.2"] });
  await eventually("the mesh is loaded", async () => (await service.http("/ready"))?.status === 200);
  const channel = openChannel(`127.0.0.1:${service.grpc}`, { kind: "plaintext" });
  const node = { id: "sidecar~10.0.0.9~web-0.shop~shop.svc.cluster.local", metadata: { INTERCEPTION_MODE: "NONE" } };
  const client = new AdsClient(channel, node);
  await eventually("everything arrives", () => client.held["RDS"]?.has("80"));

  await nats.kill();
  await sleep(300);
  const second = new AdsClient(channel, { ...node, id: node.id.replace("web-0", "web-1") });
  await eventually("a new proxy is served without the store", () => second.held["RDS"]?.has("80"));
  client.received.length = 0;
  await nats.restart();
  await mesh.endpoints({ name: "orders", pods: ["10.0.0.2", "10.0.0.3"] });
  await eventually("the change arrives", () => client.received.length > 0);
  assert.deepEqual(client.received, ["EDS outbound|80||orders.shop.svc.cluster.local"], "nothing else was sent again");
  assert.match((await (await service.admin("/metrics"))?.text()) ?? "", /^pilot_xds\{.*\} 2$/m);

  await Promise.all([client.close(), second.close()]);
  channel.close();
  assert.equal(await service.stop(), 0, service.log());
  assert.equal(await mesh.store.get("status.pilot.pilot-test"), undefined);
  await mesh.store.close();
});

test("a bad configuration is refused by name", async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, "../src/main.ts")], {
    env: { GRPC_PORT: "many" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let log = "";
  child.stdout.on("data", (chunk) => {
    log += String(chunk);
  });
  const [code] = await once(child, "exit");
  assert.equal(code, 2);
  assert.match(log, /NATS_URL/);
  assert.match(log, /GRPC_PORT/);
});
