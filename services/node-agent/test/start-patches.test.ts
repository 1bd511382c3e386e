import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { AgentPod } from "./agent-process.ts";
import { type ControlPlaneOptions, startControlPlane } from "./control-plane.ts";
import { unusedCluster } from "./envoy-resources.ts";
import { eventually } from "./eventually.ts";

type Patches = NonNullable<ControlPlaneOptions["bootstrapPatches"]>;

const flush = "EnvoyFilter/shop/flush#0";
const broken = "EnvoyFilter/shop/broken#1";
const stats = { stats_config: { stats_tags: [{ tag_name: "row", fixed_value: "patched" }] } };
const flushEvery = { stats_flush_interval: "7s" };
/** Envoy refuses it: "cannot create an EDS cluster without an EDS config". */
const invalid = { static_resources: { clusters: [{ name: "bad", type: "EDS", connect_timeout: "1s" }] } };

async function setUp(bootstrapPatches: Patches) {
  await using cleanup = new AsyncDisposableStack();
  const plane = cleanup.use(await startControlPlane({ resources: [unusedCluster("unused")], bootstrapPatches }));
  const pod = cleanup.use(await AgentPod.create(plane));
  const owned = cleanup.move();
  return { plane, pod, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function bootstrapOf(pod: AgentPod): Promise<string> {
  return await (await fetch(`http://${pod.address}:15000/config_dump?mask=bootstrap`)).text();
}

test("patches of pilot's are in the bootstrap that Envoy starts with, and it serves", async () => {
  await using mesh = await setUp({ [flush]: flushEvery, "EnvoyFilter/shop/tags#0": stats });
  mesh.pod.start();
  await mesh.pod.ready();
  const dump = await bootstrapOf(mesh.pod);
  assert.match(dump, /"stats_flush_interval": "7s"/);
  assert.match(dump, /"fixed_value": "patched"/);
  assert.match(dump, /"name": "xds-grpc"/, "what it had before is still there");
  assert.match(
    mesh.pod.log,
    /"origin":\["EnvoyFilter\/shop\/flush#0","EnvoyFilter\/shop\/tags#0"\].*the bootstrap is patched/,
  );
  assert.deepEqual(mesh.plane.refusals, []);
});

test("a change takes effect when Envoy starts the next time", async () => {
  const patches: Record<string, Patches[string]> = { [flush]: flushEvery };
  await using mesh = await setUp(patches);
  mesh.pod.start();
  await mesh.pod.ready();
  patches[flush] = { stats_flush_interval: "8s" };
  assert.match(await bootstrapOf(mesh.pod), /"stats_flush_interval": "7s"/);
  process.kill(await mesh.pod.envoyPid(), "SIGKILL");
  await eventually("Envoy has it", async () => (await bootstrapOf(mesh.pod)).includes('"stats_flush_interval": "8s"'));
});

test("a patch that Envoy does not take is left out by name, and the others hold", async () => {
  await using mesh = await setUp({ [flush]: flushEvery, [broken]: invalid });
  mesh.pod.start();
  await mesh.pod.ready();
  const dump = await bootstrapOf(mesh.pod);
  assert.match(dump, /"stats_flush_interval": "7s"/);
  assert.doesNotMatch(dump, /"name": "bad"/);
  assert.match(mesh.pod.log, /"origin":\["EnvoyFilter\/shop\/broken#1"\].*envoy is started without patches/);
  assert.deepEqual(mesh.plane.refusals, ["cannot create an EDS cluster without an EDS config"]);
});

test("a patch with which Envoy ends again and again is left out", async () => {
  const elsewhere = { admin: { address: { socket_address: { address: "192.0.2.1", port_value: 1 } } } };
  await using mesh = await setUp({ [broken]: elsewhere });
  mesh.pod.start();
  await mesh.pod.ready();
  assert.match(mesh.pod.log, /envoy ended 2 times .* before it was ready/);
  assert.equal(mesh.plane.refusals.length, 1);
});

test("a pilot that does not answer: Envoy starts with the last good patches", async () => {
  await using mesh = await setUp({ [flush]: flushEvery });
  const first = mesh.pod.start();
  await mesh.pod.ready();
  first.kill("SIGTERM");
  await once(first, "exit");
  mesh.pod.start({ XDS_ADDRESS: "127.0.0.1:1" });
  await eventually("Envoy has them", async () =>
    (await bootstrapOf(mesh.pod)).includes('"stats_flush_interval": "7s"'),
  );
  assert.match(mesh.pod.log, /pilot does not say what to patch/);
});

test("an agent that is told so does not ask", async () => {
  await using mesh = await setUp({ [flush]: flushEvery });
  mesh.pod.start({ BOOTSTRAP_XDS_AGENT: "false" });
  await mesh.pod.ready();
  assert.doesNotMatch(await bootstrapOf(mesh.pod), /7s/);
});
