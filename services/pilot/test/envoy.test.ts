import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createGrpcServer } from "@lateen/rpc";
import { createRegistry, silentLogger } from "@lateen/runtime";
import { createPilot } from "../src/index.ts";
import type { Acknowledged } from "../src/index.ts";
import { eventually } from "../src/testing/eventually.ts";
import { createTestMesh } from "../src/testing/mesh.ts";
import type { TestMesh } from "../src/testing/mesh.ts";
import { startEnvoy } from "./envoy-process.ts";

const proxyAddress = "127.0.0.9";
const v1 = "127.0.0.21";
const v2 = "127.0.0.22";
const node = {
  id: `sidecar~${proxyAddress}~web-0.shop~shop.svc.cluster.local`,
  metadata: {
    NAMESPACE: "shop",
    CLUSTER_ID: "Kubernetes",
    INSTANCE_IPS: proxyAddress,
    ISTIO_VERSION: "1.31.0",
    INTERCEPTION_MODE: "NONE",
  },
};

const toVersion = (address: string): string => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: orders, namespace: shop }
spec:
  host: orders
  subsets: [{ name: chosen, labels: { instance: "${address}" } }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: orders, namespace: shop }
spec:
  hosts: [orders]
  http: [{ route: [{ destination: { host: orders, subset: chosen } }] }]
`;

/** An application that answers with its own address. */
async function startApp(address: string, port: number) {
  const server = createServer((_request, response) => response.end(address));
  server.listen(port, address);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function startPilot(mesh: TestMesh, port: number) {
  const acknowledged: Acknowledged[] = [];
  const registry = createRegistry("pilot");
  const pilot = createPilot({
    store: mesh.store,
    logger: silentLogger(),
    registry,
    replica: "pilot-0",
    onAcknowledged: (event) => acknowledged.push(event),
  });
  const server = createGrpcServer({ services: pilot.rpc });
  const bound = await server.listen({ address: `127.0.0.1:${port}` });
  const stop = new AbortController();
  const run = pilot.run(stop.signal);
  return {
    port: bound.port,
    pilot,
    acknowledged,
    live: (revision: bigint) =>
      eventually(`revision ${revision} is live`, () => (acknowledged.at(-1)?.revision ?? 0n) >= revision),
    async pushes(): Promise<number> {
      const metric = await registry.getSingleMetric("pilot_xds_pushes")?.get();
      return metric?.values.reduce((sum, { value }) => sum + value, 0) ?? 0;
    },
    /** May be called twice. */
    async [Symbol.asyncDispose]() {
      stop.abort();
      await run;
      await server.close(200);
    },
  };
}

function ask(port: number, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ host: proxyAddress, port, headers: { host }, agent: false }, (response) => {
      let body = "";
      response.on("data", (chunk) => {
        body += String(chunk);
      });
      response.on("end", () => resolve(response.statusCode === 200 ? body : `status ${response.statusCode} ${body}`));
    });
    call.on("error", reject);
    call.end();
  });
}

/** Keeps asking until stopped, and remembers every answer that is not one of an application. */
function keepAsking(port: number) {
  const failures: string[] = [];
  let asked = 0;
  let stopped = false;
  const loop = (async () => {
    while (!stopped) {
      const answer = await ask(port, "orders.shop").catch(String);
      asked++;
      if (answer !== v1 && answer !== v2) failures.push(answer);
      await sleep(2);
    }
  })();
  return {
    failures,
    count: () => asked,
    async [Symbol.asyncDispose]() {
      stopped = true;
      await loop;
    },
  };
}

for (const protocol of ["GRPC", "DELTA_GRPC"] as const) {
  const flavour = protocol === "GRPC" ? "state of the world" : "delta";

  test(`${flavour}: a real Envoy follows every change, refuses nothing and drops no request`, {
    timeout: 300_000,
  }, async () => {
    await using cleanup = new AsyncDisposableStack();
    const { port: targetPort } = cleanup.use(await startApp(v1, 0));
    cleanup.use(await startApp(v2, targetPort));
    const port = targetPort + 1;
    const mesh = createTestMesh();
    const orders = { name: "orders", port, targetPort, pods: [v1, v2] };
    await mesh.service(orders);
    const pilot = cleanup.use(await startPilot(mesh, 0));
    const envoy = cleanup.use(await startEnvoy({ node, xdsPort: pilot.port, protocol }));
    await envoy.ready();
    await eventually("requests pass", async () => (await ask(port, "orders.shop").catch(() => "")).startsWith("127."));
    const traffic = cleanup.use(keepAsking(port));
    const answers = async () => new Set(await Promise.all(Array.from({ length: 10 }, () => ask(port, "orders.shop"))));

    for (const address of [v1, v2, v1, v2]) {
      await pilot.live(await mesh.apply(toVersion(address)));
      assert.deepEqual(await answers(), new Set([address]));
    }

    await mesh.delete("VirtualService", "shop", "orders");
    await pilot.live(await mesh.delete("DestinationRule", "shop", "orders"));
    assert.doesNotMatch(await envoy.configDump(), /\|chosen\|/, "the subset's cluster is removed");
    await pilot.live(await mesh.endpoints({ ...orders, pods: [v2] }));
    assert.deepEqual(await answers(), new Set([v2]));
    await mesh.endpoints(orders);
    await pilot.live(await mesh.service({ name: "billing", port: port + 1, pods: [v1] }));

    await pilot[Symbol.asyncDispose]();
    await sleep(100);
    const next = cleanup.use(await startPilot(mesh, pilot.port));
    await eventually(
      "Envoy is back",
      () => next.pilot.status().proxies.length === 1 && next.pilot.status().laggards.length === 0,
    );
    if (protocol === "DELTA_GRPC") assert.equal(await next.pushes(), 0, "a proxy that has everything is sent nothing");
    await next.live(await mesh.apply(toVersion(v1)));
    assert.deepEqual(await answers(), new Set([v1]));

    await eventually("many requests were sent meanwhile", () => traffic.count() > 50);
    await traffic[Symbol.asyncDispose]();
    assert.deepEqual(traffic.failures, []);
    for (const api of ["cluster_manager.cds", "listener_manager.lds"])
      assert.equal(await envoy.stat(`${api}.update_rejected`), 0, envoy.log());
    assert.deepEqual(next.pilot.status().rejections, []);
  });
}
