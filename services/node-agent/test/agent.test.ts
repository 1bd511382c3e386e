import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentPod, isRunning } from "./agent-process.ts";
import { type ControlPlaneOptions, startControlPlane } from "./control-plane.ts";
import { type EnvoyResource, mutualTlsListener, unusedCluster } from "./envoy-resources.ts";
import { eventually } from "./eventually.ts";
import { freePort } from "./loopback.ts";
import { askOverTls } from "./tls-client.ts";

const reviews = "spiffe://cluster.local/ns/shop/sa/reviews";

/** A plane that serves one mutual TLS listener, and a pod whose agent is not started yet. */
async function setUp({ extra = [], ...options }: ControlPlaneOptions & { extra?: readonly EnvoyResource[] } = {}) {
  await using cleanup = new AsyncDisposableStack();
  const host = "127.0.0.1";
  const port = await freePort(host);
  const plane = cleanup.use(
    await startControlPlane({
      resources: [unusedCluster("unused"), mutualTlsListener(host, port), ...extra],
      ...options,
    }),
  );
  const pod = cleanup.use(await AgentPod.create(plane));
  const client = await plane.issue("productpage");
  const owned = cleanup.move();
  return {
    plane,
    pod,
    client,
    ask: () => askOverTls(host, port, client),
    host,
    port,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

test("Envoy serves mutual TLS with the workload's certificate, configured through the agent", async () => {
  await using mesh = await setUp();
  mesh.pod.start();
  await mesh.pod.ready();
  const answer = await mesh.ask();
  assert.deepEqual(
    { ...answer, serialNumber: "" },
    { status: 200, body: "hello", uri: `URI:${reviews}`, serialNumber: "" },
  );
  await assert.rejects(
    askOverTls(mesh.host, mesh.port, { rootsPem: mesh.client.rootsPem }),
    "a client without a certificate",
  );
  assert.deepEqual(mesh.plane.callers, [reviews]);
  assert.deepEqual(mesh.plane.refusals, []);
});

test("a push of 2 MB is relayed and served from", async () => {
  const large = unusedCluster("large", 100_000);
  assert.ok(large.resource.value.length > 2_000_000, `${large.resource.value.length} bytes`);
  await using mesh = await setUp({ extra: [large] });
  mesh.pod.start();
  await mesh.pod.ready();
  assert.equal((await mesh.ask()).status, 200);
  assert.deepEqual(mesh.plane.refusals, []);
});

test("the status port tells of the agent and of Envoy", async () => {
  await using mesh = await setUp();
  mesh.pod.start();
  await mesh.pod.ready();
  const metrics = await (await mesh.pod.status("/stats/prometheus")).text();
  for (const expected of [
    /^envoy_server_live/m,
    /^lateen_agent_certificates_total 1$/m,
    /^lateen_agent_xds_streams 1$/m,
    /^istio_agent_cert_expiry_timestamp_seconds \d{10}/m,
  ])
    assert.match(metrics, expected);
  const cases = [
    ["GET", "/healthz", 200, /"alive":true/],
    ["GET", "/healthz/ready", 200, /^$/],
    ["GET", "/readyz", 200, /"name":"identity","ready":true/],
    ["GET", "/version", 200, /"service":"node-agent"/],
    ["GET", "/metrics", 200, /process_resident_memory_bytes \d+/],
    ["GET", "/app-health/none/livez", 404, /no probe of the application/],
    ["GET", "/quitquitquit", 404, /no GET \/quitquitquit/],
    ["GET", "/toString", 404, /./],
  ] as const;
  for (const [method, path, status, body] of cases) {
    const response = await mesh.pod.status(path, method);
    assert.equal(response.status, status, path);
    assert.match(await response.text(), body, path);
  }
});

test("a new connection gets the renewed certificate, and no request fails meanwhile", async () => {
  await using mesh = await setUp({ ttlSeconds: 12 });
  mesh.pod.start();
  await mesh.pod.ready();
  const first = await mesh.ask();
  const renewed = await eventually("another certificate is shown", async () => {
    const { serialNumber } = await mesh.ask();
    return serialNumber === first.serialNumber ? undefined : serialNumber;
  });
  assert.notEqual(renewed, first.serialNumber);
  assert.equal(mesh.plane.callers.length, 1, "the xDS stream outlives a rotation");
});

test("a killed Envoy is started again", async () => {
  await using mesh = await setUp();
  mesh.pod.start();
  await mesh.pod.ready();
  const before = await mesh.pod.envoyPid();
  process.kill(before, "SIGKILL");
  await eventually(
    "another Envoy serves",
    async () => (await mesh.pod.envoyPid()) !== before && (await mesh.ask()).status === 200,
  );
  assert.match(mesh.pod.log, /envoy ended, starting it again/);
});

test("the agent after a killed one adopts its Envoy, which serves all along", async () => {
  await using mesh = await setUp();
  const first = mesh.pod.start();
  await mesh.pod.ready();
  const envoy = await mesh.pod.envoyPid();
  const asking = new AbortController();
  const failures: unknown[] = [];
  let answers = 0;
  const traffic = (async () => {
    while (!asking.signal.aborted) {
      await mesh.ask().then(
        () => (answers += 1),
        (error: unknown) => failures.push(error),
      );
      await sleep(5);
    }
  })();
  first.kill("SIGKILL");
  await once(first, "exit");
  const second = mesh.pod.start();
  await eventually("the second agent relays xDS", () => mesh.plane.callers.length === 2);
  await mesh.pod.ready();
  asking.abort();
  await traffic;
  assert.equal(await mesh.pod.envoyPid(), envoy);
  assert.match(mesh.pod.log, /adopted a running envoy/);
  assert.deepEqual(failures, []);
  assert.ok(answers > 10, `${answers} answers`);
  second.kill("SIGTERM");
  assert.deepEqual(await once(second, "exit"), [0, null]);
  assert.equal(await isRunning(envoy), false);
});

test("an adopted Envoy that dies is replaced", async () => {
  await using mesh = await setUp();
  const first = mesh.pod.start();
  await mesh.pod.ready();
  first.kill("SIGKILL");
  await once(first, "exit");
  mesh.pod.start();
  await eventually("the Envoy is adopted", () => mesh.pod.log.includes("adopted a running envoy"));
  const envoy = await mesh.pod.envoyPid();
  process.kill(envoy, "SIGKILL");
  await eventually(
    "another Envoy serves",
    async () => (await mesh.pod.envoyPid()) !== envoy && (await mesh.ask()).status === 200,
  );
});

const stops = [
  { name: "SIGTERM", stop: (_pod: AgentPod, pid: number) => process.kill(pid, "SIGTERM") },
  { name: "SIGINT", stop: (_pod: AgentPod, pid: number) => process.kill(pid, "SIGINT") },
  { name: "/quitquitquit", stop: (pod: AgentPod) => pod.status("/quitquitquit", "POST") },
];
for (const { name, stop } of stops) {
  test(`${name} ends the agent in order, and no process is left`, async () => {
    await using mesh = await setUp();
    const agent = mesh.pod.start();
    await mesh.pod.ready();
    const envoy = await mesh.pod.envoyPid();
    const exited = once(agent, "exit");
    await stop(mesh.pod, agent.pid ?? 0);
    assert.deepEqual(await exited, [0, null], mesh.pod.log);
    assert.equal(await isRunning(envoy), false);
    assert.match(mesh.pod.log, /service stopped/);
  });
}

test("while Envoy drains it still serves, and readiness is red; a second signal hurries", async () => {
  await using mesh = await setUp();
  const agent = mesh.pod.start({ PROXY_CONFIG: JSON.stringify({ terminationDrainDuration: "60s" }) });
  await mesh.pod.ready();
  const envoy = await mesh.pod.envoyPid();
  agent.kill("SIGTERM");
  await eventually("readiness is red", async () => (await mesh.pod.status("/readyz")).status === 503);
  assert.equal((await mesh.pod.status("/healthz/ready")).status, 503);
  assert.equal((await mesh.ask()).status, 200);
  const exited = once(agent, "exit");
  agent.kill("SIGTERM");
  assert.deepEqual(await exited, [1, null]);
  await eventually("Envoy went along", async () => !(await isRunning(envoy)));
});

test("a CA that comes late: nothing is asked of pilot before there is a certificate", async () => {
  await using mesh = await setUp({ withoutCa: true });
  mesh.pod.start();
  await eventually("Envoy runs", () => mesh.pod.envoyPid());
  await eventually("the CA was looked for", () => mesh.pod.log.includes("cannot obtain a certificate"));
  await sleep(500);
  assert.deepEqual(mesh.plane.callers, []);
  const ready = await mesh.pod.status("/readyz");
  assert.equal(ready.status, 503);
  assert.match(await ready.text(), /"name":"identity","ready":false/);
  await mesh.plane.startCa();
  await mesh.pod.ready();
  assert.deepEqual(mesh.plane.callers, [reviews]);
  assert.equal((await mesh.ask()).status, 200);
});

test("an Envoy that cannot be run is named with its remedy", async () => {
  await using mesh = await setUp();
  const agent = mesh.pod.start({ ENVOY: "/nowhere/envoy" });
  assert.deepEqual(await once(agent, "exit"), [1, null]);
  assert.match(mesh.pod.log, /cannot start envoy \(\/nowhere\/envoy\).*set ENVOY to an Envoy binary/);
});

test("a bad environment names every variable, exit 2", async () => {
  await using mesh = await setUp();
  const agent = mesh.pod.start({ POD_NAME: "", STATUS_PORT: "70000", LOG_LEVEL: "loud" });
  assert.deepEqual(await once(agent, "exit"), [2, null]);
  for (const problem of [
    /POD_NAME: must be set/,
    /STATUS_PORT: must be a port number/,
    /LOG_LEVEL: must be one of trace/,
  ])
    assert.match(mesh.pod.log, problem);
});

for (const variable of ["ISTIO_KUBE_APP_PROBERS", "ISTIO_METAJSON_LABELS"])
  test(`${variable} that is no JSON is named, exit 2`, async () => {
    await using mesh = await setUp();
    const agent = mesh.pod.start({ [variable]: "{app" });
    assert.deepEqual(await once(agent, "exit"), [2, null]);
    assert.match(mesh.pod.log, new RegExp(`${variable}: must be JSON`));
  });

const concurrencies = [
  { name: "ENVOY_CONCURRENCY first", env: { ENVOY_CONCURRENCY: "3" }, proxyConfig: { concurrency: 2 }, flag: "3" },
  { name: "the ProxyConfig's without it", env: { ENVOY_CONCURRENCY: "" }, proxyConfig: { concurrency: 1 }, flag: "1" },
  { name: "0 is one a core", env: { ENVOY_CONCURRENCY: "" }, proxyConfig: { concurrency: 0 }, flag: undefined },
];
for (const { name, env, proxyConfig, flag } of concurrencies) {
  test(`worker threads of Envoy: ${name}`, async () => {
    await using mesh = await setUp();
    mesh.pod.start({ ...env, PROXY_CONFIG: JSON.stringify({ terminationDrainDuration: "0s", ...proxyConfig }) });
    const pid = await eventually("Envoy runs", () => mesh.pod.envoyPid());
    const command = (await readFile(join("/proc", String(pid), "cmdline"), "utf8")).split("\0");
    const at = command.indexOf("--concurrency");
    assert.equal(at < 0 ? undefined : command[at + 1], flag);
  });
}
