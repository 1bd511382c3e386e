import assert from "node:assert/strict";
import test from "node:test";
import { create } from "@bufbuild/protobuf";
import { createMemoryStore, keys } from "@lateen/mesh-store";
import { EntrySchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import { RpcError } from "@lateen/rpc";
import { createRegistry, silentLogger } from "@lateen/runtime";
import { registerPilotMetrics } from "../metrics.ts";
import { AdsClient } from "../testing/ads-client.ts";
import { eventually } from "../testing/eventually.ts";
import { createTestMesh } from "../testing/mesh.ts";
import { startPilot } from "../testing/running-pilot.ts";
import { excessOf, keepBalance } from "./balance.ts";
import type { Distribution, Excess } from "./balance.ts";

const cases: readonly (Partial<Distribution> & { readonly name: string; readonly excess: Excess | undefined })[] = [
  { name: "one replica alone", own: 5_000, excess: undefined },
  { name: "what chance does", own: 550, others: [450], excess: undefined },
  { name: "a new replica beside a full one", own: 1_000, others: [0], excess: { reason: "imbalance", proxies: 500 } },
  { name: "the new replica itself", own: 0, others: [1_000], excess: undefined },
  { name: "a storm that is being taken in", own: 1_000, others: [0], waiting: 1, excess: undefined },
  { name: "too much to do", own: 500, others: [400], lagMs: 300, excess: { reason: "overload", proxies: 50 } },
  { name: "too much to do, as everywhere", own: 500, others: [500], lagMs: 300, excess: undefined },
];

for (const { name, excess, ...given } of cases) {
  test(`excess: ${name}`, () => {
    assert.deepEqual(excessOf({ own: 0, others: [], lagMs: 0, waiting: 0, ...given }), excess);
  });
}

test("a replica that has just come is given proxies at the second look", async () => {
  const memory = createMemoryStore();
  const status = (replica: string) => {
    const value = { service: "pilot", replica, proxies: 0, updatedAtMs: BigInt(Date.now()) };
    return create(EntrySchema, { schemaVersion: 1, value: { case: "status", value } });
  };
  let [looks, looksAtTwo] = [0, 0];
  const list = async (prefix: string) => {
    const found = await memory.list(prefix);
    looks++;
    if (found.length === 2) looksAtTwo++;
    return found;
  };
  const handed: (readonly [afterLooks: number, count: number])[] = [];
  const xds = {
    load: () => ({ proxies: 100, waiting: 0, underWay: 0 }),
    handOff: (count: number) => {
      handed.push([looksAtTwo, count]);
      return count;
    },
  };
  const metrics = registerPilotMetrics(createRegistry("pilot"));
  const settings = { replica: "pilot-0", perSecond: 100_000, intervalMs: 5, logger: silentLogger() };
  const stop = new AbortController();
  const balance = keepBalance({ store: { ...memory, list }, xds, metrics, ...settings }, stop.signal);
  await memory.put(keys.status("pilot", "pilot-0"), status("pilot-0"));
  await eventually("it has looked", () => looks > 2);
  assert.deepEqual(handed, [], "it is alone");
  await memory.put(keys.status("pilot", "pilot-1"), status("pilot-1"));
  await eventually("it has handed over", () => handed.length > 0);
  assert.deepEqual(handed[0], [2, 50]);
  stop.abort();
  await balance;
});

test("proxies that are handed over are told to take another connection, and keep what they have", async () => {
  const mesh = createTestMesh();
  await mesh.service({ name: "orders", pods: ["10.0.0.2"] });
  await using running = await startPilot({ mesh });
  const id = (n: number): string => `sidecar~10.0.0.${n}~web-${n}.shop~shop.svc.cluster.local`;
  const clients = [1, 2, 3].map((n) => new AdsClient(running.channel, { id: id(n) }));
  await eventually("all have everything", () => clients.every(({ held }) => (held["RDS"]?.size ?? 0) > 0));
  let handed = 0;
  await eventually("two are handed over", () => {
    handed += running.pilot.handOff(2 - handed);
    return handed === 2;
  });
  const [first, second, third] = clients;
  for (const client of [first, second]) {
    const error = await client?.ended;
    assert.ok(error instanceof RpcError && /another replica takes over/.test(error.message), String(error));
    assert.ok((client?.held["CDS"]?.size ?? 0) > 0);
  }
  await mesh.service({ name: "billing", pods: ["10.0.0.5"] });
  await eventually("the third is told of the new service", () =>
    third?.held["CDS"]?.has("outbound|80||billing.shop.svc.cluster.local"),
  );
  await third?.close();
});
