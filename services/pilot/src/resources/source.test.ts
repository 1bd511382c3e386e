import assert from "node:assert/strict";
import test from "node:test";
import type { MeshSnapshot } from "@lateen/compiler";
import { createRegistry, silentLogger } from "@lateen/runtime";
import type { ResourceSet } from "@lateen/xds-server";
import type { Publication } from "../mesh/feed.ts";
import { Latest } from "../mesh/latest.ts";
import { registerPilotMetrics } from "../metrics.ts";
import { connectedProxy } from "../testing/connected-proxy.ts";
import type { ResourceLibrary, ScopeResources } from "./library.ts";
import { meshResources } from "./source.ts";

const set = (revision: bigint): ResourceSet => ({ revision, byType: new Map() });
const good = (revision: bigint): ScopeResources => ({ set: set(revision), findings: [], dangling: [] });
const dangling = (revision: bigint): ScopeResources => ({ ...good(revision), dangling: [{ kind: "cluster", name: "nowhere", usedBy: "80" }] });

function start(resources: (revision: bigint) => ScopeResources) {
  const published = new Latest<Publication>();
  const library = { resources: async ({ revision }: MeshSnapshot) => resources(revision), endpointsAhead: () => undefined } as unknown as ResourceLibrary;
  const source = meshResources({ published, library, logger: silentLogger(), metrics: registerPilotMetrics(createRegistry("pilot")) });
  const sets = source.watch(connectedProxy({}), new AbortController().signal)[Symbol.asyncIterator]();
  return {
    publish: (revision: bigint) => published.set({ snapshot: { revision } as MeshSnapshot, arrivedAtMs: 0 }),
    next: async () => (await sets.next()).value?.revision as bigint,
  };
}

test("a result that refers to what it does not define is not published; the next good one is", async () => {
  const { publish, next } = start((revision) => (revision === 2n ? dangling(revision) : good(revision)));
  publish(1n);
  assert.equal(await next(), 1n);
  const following = next();
  publish(2n);
  await new Promise(setImmediate);
  publish(3n);
  assert.equal(await following, 3n);
});

test("a result that cannot be built leaves a proxy with what it has", async () => {
  const { publish, next } = start((revision) => {
    if (revision === 2n) throw new Error("mistake of ours");
    return good(revision);
  });
  publish(1n);
  assert.equal(await next(), 1n);
  const following = next();
  publish(2n);
  await new Promise(setImmediate);
  publish(3n);
  assert.equal(await following, 3n);
});

test("a proxy that has nothing yet gets what works, or is told to come again", async () => {
  const faulty = start(dangling);
  faulty.publish(1n);
  assert.equal(await faulty.next(), 1n);
  const broken = start(() => { throw new Error("mistake of ours"); });
  broken.publish(1n);
  await assert.rejects(broken.next(), /cannot be built/);
});

test("nothing is given before the mesh is known", async () => {
  const { publish, next } = start(good);
  let answered = false;
  const first = next().finally(() => { answered = true; });
  await new Promise(setImmediate);
  assert.equal(answered, false);
  publish(5n);
  assert.equal(await first, 5n);
});
