import assert from "node:assert/strict";
import test from "node:test";
import { openChannel } from "@lateen/rpc";
import { admin, Health } from "@lateen/runtime";
import { routeType } from "@lateen/xds-server";
import fastify from "fastify";
import { AdsClient } from "../testing/ads-client.ts";
import { createTestMesh } from "../testing/mesh.ts";
import { startPilot } from "../testing/running-pilot.ts";

const [proxies, services, connections] = [250, 20, 10];

// Who is served in which order, one by one, and what those cost that leave: libs/xds-server/src/storm.test.ts.

test("hundreds of proxies at once: each gets everything, nobody is left behind, and pilot answers probes and Prometheus meanwhile", async () => {
  const mesh = createTestMesh();
  for (let n = 0; n < services; n++) await mesh.service({ name: `service-${n}`, pods: [`10.1.0.${n + 1}`] });
  await using running = await startPilot({ mesh });
  await using owned = new AsyncDisposableStack();
  const pages = fastify();
  owned.defer(() => pages.close());
  await pages.register(admin, {
    service: "pilot",
    registry: running.registry,
    health: new Health(running.pilot.checks),
  });
  const url = await pages.listen({ host: "127.0.0.1", port: 0 });

  const done: number[] = [];
  const over = Promise.withResolvers<void>();
  const channels = Array.from({ length: connections }, () => openChannel(running.address, { kind: "plaintext" }));
  for (const channel of channels) owned.defer(() => channel.close());
  const clients = Array.from({ length: proxies }, (_, n) => {
    const channel = channels[n % connections] ?? running.channel;
    const acknowledge = async (typeUrl: string): Promise<void> => {
      if (typeUrl === routeType && done.push(n) === proxies) over.resolve();
    };
    const client = new AdsClient(channel, { id: `sidecar~10.2.0.1~web-${n}.shop~shop.svc.cluster.local`, acknowledge });
    owned.defer(async () => void (await client.close()));
    return client;
  });

  let answered = 0;
  const asking = (async () => {
    while (done.length < proxies) {
      for (const path of ["/healthz", "/readyz", "/metrics"]) assert.equal((await fetch(url + path)).status, 200, path);
      if (done.length < proxies) answered++;
    }
  })();
  await over.promise;
  await asking;
  for (const { held } of clients) {
    assert.ok([...(held["CDS"]?.keys() ?? [])].filter((name) => name.startsWith("outbound|")).length >= services);
    assert.ok((held["EDS"]?.size ?? 0) >= services);
    assert.deepEqual([...(held["RDS"]?.keys() ?? [])], ["80"]);
  }
  const arrived = running.pilot.status().proxies.map(({ proxy }) => clients.findIndex(({ id }) => id === proxy.id));
  const late = done.map((n, rank) => rank - arrived.indexOf(n));
  assert.ok(Math.max(...late) < (proxies * 2) / 3, `one was passed by ${Math.max(...late)} that came after it`);
  assert.ok(answered >= 2, `the pages were answered ${answered} times meanwhile`);
});
