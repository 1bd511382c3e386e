import assert from "node:assert/strict";
import test from "node:test";
import { create, fromBinary, toJson } from "@bufbuild/protobuf";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import { AggregatedDiscoveryService } from "@lateen/protos/envoy/service/discovery/v3/ads_pb.js";
import { DeltaDiscoveryRequestSchema } from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import { createClient } from "@lateen/rpc";
import { bootstrapPatchesType } from "@lateen/xds-server";
import { eventually } from "../testing/eventually.ts";
import { startPilot } from "../testing/running-pilot.ts";

type Running = Awaited<ReturnType<typeof startPilot>>;

const patch = (name: string, namespace: string, more: string, value: string): string => `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  ${more}
  configPatches:
  - applyTo: BOOTSTRAP
    patch: { operation: MERGE, value: ${value} }
`;

/** As an agent asks: one question on a stream of its own. */
async function ask({ channel }: Running, question: object = {}, type = "sidecar") {
  const node = { id: `${type}~10.0.0.9~web-0.shop~shop.svc.cluster.local`, metadata: { LABELS: { app: "web" } } };
  const request = create(DeltaDiscoveryRequestSchema, { typeUrl: bootstrapPatchesType, node, ...question });
  const requests = (async function* () {
    yield request;
  })();
  for await (const { resources } of createClient(AggregatedDiscoveryService, channel).deltaAggregatedResources(
    requests,
  ))
    return resources.map(({ name, resource }) => [
      name,
      toJson(StructSchema, fromBinary(StructSchema, resource?.value ?? new Uint8Array())),
    ]);
  return undefined;
}

test("an agent gets the patches that are meant for its proxy, in order, as one, and is no proxy yet", async () => {
  await using running = await startPilot();
  await running.mesh.apply(patch("a", "shop", "priority: 1", "{stats_flush_interval: 2s}"));
  await running.mesh.apply(patch("b", "istio-system", "priority: 2", "{header_prefix: x-b, stats_flush_interval: 3s}"));
  await running.mesh.apply(patch("c", "shop", "workloadSelector: {labels: {app: other}}", "{header_prefix: x-c}"));
  await running.mesh.apply(patch("d", "orders", "priority: 3", "{header_prefix: x-d}"));
  const both = "EnvoyFilter/shop/a#0,EnvoyFilter/istio-system/b#0";
  await eventually("pilot knows them", async () => JSON.stringify(await ask(running)).includes(both));
  assert.deepEqual(await ask(running), [[both, { stats_flush_interval: "3s", header_prefix: "x-b" }]]);
  assert.deepEqual(await ask(running, { resourceNamesSubscribe: ["EnvoyFilter/shop/a#0"] }), [
    ["EnvoyFilter/shop/a#0", { stats_flush_interval: "2s" }],
  ]);
  assert.deepEqual(running.pilot.status().proxies, []);
});

test("what a proxy could not be started with is counted", async () => {
  await using running = await startPilot();
  await running.mesh.apply(patch("a", "shop", "priority: 1", "{stats_flush_interval: 2s}"));
  const errorDetail = { code: 3, message: "no" };
  await eventually("it is taken", async () => (await ask(running, { errorDetail }))?.length === 0);
  assert.match(await running.registry.metrics(), /pilot_total_xds_rejects\{[^}]*type="bds"[^}]*\} [1-9]/);
});
