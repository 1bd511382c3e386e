import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createMemoryStore, keys } from "@lateen/mesh-store";
import { clusterType, listenerType, routeType, shortTypeName } from "@lateen/xds-server";
import { fastify } from "fastify";
import type { Acknowledged } from "./progress/progress.ts";
import { AdsClient } from "./testing/ads-client.ts";
import type { AdsClientOptions } from "./testing/ads-client.ts";
import { eventually } from "./testing/eventually.ts";
import { createTestMesh } from "./testing/mesh.ts";
import { startPilot } from "./testing/running-pilot.ts";

type Running = Awaited<ReturnType<typeof startPilot>>;

const ordersCluster = "outbound|80||orders.shop.svc.cluster.local";
const orders = { name: "orders", pods: ["10.0.0.2"] };
const routeRule = (timeout: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: orders, namespace: shop }
spec:
  hosts: [orders]
  http:
  - timeout: ${timeout}
    route: [{ destination: { host: orders } }]
`;

function connect(running: Running, pod = "web-0", options: Partial<AdsClientOptions> = {}): AdsClient {
  const id = `sidecar~10.0.0.9~${pod}.shop~shop.svc.cluster.local`;
  return new AdsClient(running.channel, {
    id,
    metadata: { INTERCEPTION_MODE: "NONE", CLUSTER_ID: "Kubernetes", ISTIO_VERSION: "1.31.0" },
    ...options,
  });
}

async function connected(running: Running, pod?: string, options?: Partial<AdsClientOptions>): Promise<AdsClient> {
  const client = connect(running, pod, options);
  await eventually("everything arrives", () => client.held["RDS"]?.has("80"));
  return client;
}

const compilations = async ({ registry }: Running): Promise<number> => {
  const metric = await registry.getSingleMetric("lateen_pilot_compile_seconds")?.get();
  return (
    metric?.values.find((value) => "metricName" in value && value.metricName === "lateen_pilot_compile_seconds_count")
      ?.value ?? 0
  );
};

test("a proxy gets the mesh, then only what changes, and every change is acknowledged", async () => {
  const acknowledged: Acknowledged[] = [];
  await using running = await startPilot({ onAcknowledged: (event) => acknowledged.push(event) });
  await running.mesh.service(orders);
  const client = await connected(running);
  assert.deepEqual(
    client.received.map((line) => line.split(" ")[0]),
    ["CDS", "EDS", "LDS", "RDS"],
  );
  client.received.length = 0;
  const revision = await running.mesh.apply(routeRule("3s"));
  await eventually("the change is live", () => acknowledged.at(-1)?.revision === revision);
  assert.deepEqual(client.received, ["RDS 80"]);
  assert.equal(acknowledged.at(-1)?.proxies, 1);
  assert.equal(running.pilot.status().acknowledgedRevision, revision);
  await client.close();
});

test("endpoints take their own lane: nothing is compiled, nothing else is sent", async () => {
  await using running = await startPilot();
  await running.mesh.service(orders);
  const client = await connected(running);
  client.received.length = 0;
  const before = await compilations(running);
  await running.mesh.endpoints({ ...orders, pods: ["10.0.0.2", "10.0.0.3"] });
  await eventually("endpoints arrive", () => client.received.length > 0);
  assert.deepEqual(client.received, [`EDS ${ordersCluster}`]);
  assert.equal(await compilations(running), before);
  await client.close();
});

test("proxies of one scope share a compilation; a revision that changes nothing sends nothing and is live at once", async () => {
  const acknowledged: Acknowledged[] = [];
  await using running = await startPilot({ onAcknowledged: (event) => acknowledged.push(event) });
  await running.mesh.service(orders);
  const clients = await Promise.all(["web-0", "web-1", "web-2"].map((pod) => connected(running, pod)));
  assert.equal(await compilations(running), 1);
  for (const client of clients) client.received.length = 0;
  const revision = await running.mesh.apply(`
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: nobody, namespace: elsewhere }
spec: {}
`);
  await eventually("the revision is live", () => acknowledged.at(-1)?.revision === revision);
  assert.deepEqual(
    clients.flatMap(({ received }) => received),
    [],
  );
  await Promise.all(clients.map((client) => client.close()));
});

test("two replicas at one revision hold the same resources", async () => {
  const mesh = createTestMesh();
  await mesh.service(orders);
  await mesh.apply(routeRule("3s"));
  await using first = await startPilot({ mesh });
  await using second = await startPilot({ mesh, replica: "pilot-1" });
  const clients = await Promise.all([connected(first), connected(second)]);
  assert.deepEqual(clients[0]?.held, clients[1]?.held);
  await Promise.all(clients.map((client) => client.close()));
});

test("a pilot that starts is not ready and answers nothing before it has the whole store", async () => {
  const mesh = createTestMesh();
  await using running = await startPilot({ mesh, emptyMesh: "wait" });
  const client = connect(running);
  await sleep(100);
  assert.deepEqual(client.received, []);
  assert.equal(running.pilot.checks[0]?.check().ready, false);
  await mesh.service(orders);
  await eventually("everything arrives", () => client.held["RDS"]?.has("80"));
  assert.equal(running.pilot.checks[0]?.check().ready, true);
  await client.close();
});

test("a proxy that has not acknowledged holds the revision back and is named", async () => {
  const acknowledged: bigint[] = [];
  let holding = false;
  const release = Promise.withResolvers<void>();
  await using running = await startPilot({ onAcknowledged: ({ revision }) => acknowledged.push(revision) });
  await running.mesh.service(orders);
  const quick = await connected(running, "quick-0");
  const slow = await connected(running, "slow-0", {
    acknowledge: async () => {
      if (holding) await release.promise;
    },
  });
  holding = true;
  const revision = await running.mesh.apply(routeRule("4s"));
  await eventually("the slow proxy has it", () => slow.received.filter((line) => line.startsWith("RDS")).length > 1);
  await sleep(50);
  assert.ok((acknowledged.at(-1) ?? 0n) < revision);
  assert.deepEqual(
    running.pilot.status().laggards.map((id) => id.split("~")[2]),
    ["slow-0.shop"],
  );
  release.resolve();
  await eventually("live", () => acknowledged.at(-1) === revision);
  assert.deepEqual(running.pilot.status().laggards, []);
  await Promise.all([quick.close(), slow.close()]);
});

test("a refusal names the object, stops nobody else, and ends when the object changes", async () => {
  let refusing = false;
  await using running = await startPilot();
  await running.mesh.service(orders);
  const refuse = (typeUrl: string) =>
    refusing && typeUrl === routeType ? "RouteConfiguration 80: bad timeout" : undefined;
  const client = await connected(running, "web-0", { refuse });
  refusing = true;
  const bad = await running.mesh.apply(routeRule("5s"));
  await eventually("refused", () => running.pilot.status().rejections.length > 0);
  const { report } = running.pilot.status().rejections[0] ?? assert.fail();
  assert.equal(report.message, "RouteConfiguration 80: bad timeout");
  assert.ok(
    report.resources[0]?.origin?.split(",").includes("VirtualService/shop/orders"),
    report.resources[0]?.origin,
  );
  assert.ok(running.pilot.status().acknowledgedRevision < bad);
  const status = await eventually("status in the store", async () => {
    const entry = await running.mesh.store.get(keys.status("pilot", "pilot-0"));
    const value = entry?.entry.value;
    return value?.case === "status" && value.value.rejections.length > 0 ? value.value : undefined;
  });
  assert.equal(status.rejections[0]?.proxy, "sidecar~10.0.0.9~web-0.shop~shop.svc.cluster.local");
  assert.deepEqual(status.laggards.length, 1);
  refusing = false;
  const fixed = await running.mesh.apply(routeRule("6s"));
  await eventually("live again", () => running.pilot.status().acknowledgedRevision === fixed);
  assert.deepEqual(running.pilot.status().rejections, []);
  await client.close();
});

test("status is published, and withdrawn at the end", async () => {
  const mesh = createTestMesh(createMemoryStore());
  const key = keys.status("pilot", "pilot-0");
  {
    await using _running = await startPilot({ mesh });
    await mesh.service(orders);
    await eventually("status", async () => {
      const value = (await mesh.store.get(key))?.entry.value;
      return (
        value?.case === "status" &&
        value.value.appliedRevision > 0n &&
        value.value.acknowledgedRevision === value.value.appliedRevision
      );
    });
  }
  assert.equal(await mesh.store.get(key), undefined);
});

test("a node that is none is refused by name", async () => {
  await using running = await startPilot();
  const client = connect(running, "web-0", { id: "envoy-1" });
  assert.match(String(await client.ended), /node id "envoy-1" must have the form/);
});

test("debug pages show proxies, resources and the mesh", async () => {
  await using running = await startPilot();
  await running.mesh.service(orders);
  await running.mesh.apply(routeRule("3s"));
  const client = await connected(running);
  const app = fastify();
  await app.register(running.pilot.routes);
  const page = async (url: string) => (await app.inject({ url })).json();
  await eventually("all is acknowledged", async () =>
    (await page("/debug/syncz"))[0]?.types.every(({ status }: { status: string }) => status === "SYNCED"),
  );
  const [proxy] = await page("/debug/syncz");
  assert.deepEqual([proxy.proxy, proxy.version, proxy.cluster_id], ["web-0.shop", "1.31.0", "Kubernetes"]);
  assert.deepEqual(proxy.types.map(({ name }: { name: string }) => name).sort(), ["CDS", "EDS", "LDS", "RDS"]);
  for (const type of proxy.types) assert.equal(type.sent_nonce, type.acked_nonce);
  const dump = await page("/debug/config_dump?proxyID=web-0.shop&include_eds");
  assert.deepEqual(
    dump.configs.map((section: { "@type": string }) => section["@type"].split(".").at(-1)),
    ["Bootstrap", "Clusters", "Endpoints", "Listeners", "ScopedRoutes", "Routes", "Secrets", "Ecds"].map(
      (name) => `${name}ConfigDump`,
    ),
  );
  const text = JSON.stringify(dump);
  assert.match(text, /"timeout":"3s"/);
  assert.match(text, /HttpConnectionManager/);
  assert.doesNotMatch(text, /cannot be shown/);
  const origins = await page("/debug/originz?proxyID=web-0.shop");
  const [table] = origins.resources.RDS.filter(({ name }: { name: string }) => name === "80");
  assert.deepEqual(table.origin, ["VirtualService/shop/orders"]);
  assert.equal((await page("/debug/configz"))[0].metadata.name, "orders");
  assert.equal((await page("/debug/registryz"))[0].host, "orders.shop.svc.cluster.local");
  assert.equal((await page("/debug/endpointz"))[0].ep[0].addresses[0], "10.0.0.2");
  assert.equal(
    (await page("/debug/edsz?proxyID=web-0.shop"))[0].clusterName,
    "outbound|80||orders.shop.svc.cluster.local",
  );
  assert.equal((await page("/debug/adsz")).clients[0].watches[listenerType][0], "*");
  assert.ok((await page("/debug/ir?proxyID=web-0.shop")).ir.routeTables.length > 0);
  for (const name of await page("/debug/list")) assert.doesNotMatch(name, /list|\//);
  for (const [url, status] of [
    ["/debug/config_dump?proxyID=nobody", 404],
    ["/debug/config_dump", 400],
    ["/debug/nothing", 404],
  ] as const)
    assert.equal((await app.inject({ url })).statusCode, status, url);
  assert.equal((await app.inject({ url: "/ready" })).statusCode, 200);
  await client.close();
  await app.close();
});

test("metrics have Istio's names", async () => {
  await using running = await startPilot();
  await running.mesh.service(orders);
  const client = await connected(running);
  await eventually("converged", () => running.pilot.status().laggards.length === 0);
  const text = await running.registry.metrics();
  assert.match(text, /^pilot_xds\{.*version="1\.31\.0".*\} 1$/m);
  for (const type of [clusterType, listenerType])
    assert.match(text, new RegExp(`^pilot_xds_pushes\\{.*type="${shortTypeName(type).toLowerCase()}".*\\} 1$`, "m"));
  assert.match(text, /^pilot_services(\{.*\})? 1$/m);
  assert.match(text, /^lateen_config_acknowledged_revision(\{.*\})? 3$/m);
  assert.match(text, /^pilot_proxy_convergence_time_count(\{.*\})? [1-9]/m);
  await client.close();
});
