import assert from "node:assert/strict";
import test from "node:test";
import type { MeshSnapshot } from "@lateen/compiler";
import type { ResourceSet } from "@lateen/xds-server";
import type { Publication } from "../mesh/feed.ts";
import { Latest } from "../mesh/latest.ts";
import { connectedProxy } from "../testing/connected-proxy.ts";
import type { ScopeResources } from "./library.ts";
import { meshResources } from "./source.ts";

const setAt = (revision: bigint): ResourceSet => ({ revision, byType: new Map() });
const good = (revision: bigint): ScopeResources => ({ set: setAt(revision), faults: [], good: true });
const faulty = (revision: bigint): ScopeResources => ({
  set: setAt(revision),
  faults: ["80 uses cluster x, which is not defined"],
  good: false,
});

function start(
  resources: (revision: bigint) => ScopeResources,
  ahead: (revision: bigint) => ResourceSet | undefined = () => undefined,
) {
  const published = new Latest<Publication>();
  const source = meshResources(published, {
    resources: async ({ revision }) => resources(revision),
    endpointsAhead: ({ revision }) => ahead(revision),
  });
  const sets = source.watch(connectedProxy({}), new AbortController().signal)[Symbol.asyncIterator]();
  return {
    publish: (revision: bigint) => published.set({ snapshot: { revision } as MeshSnapshot, arrivedAtMs: 0 }),
    next: async () => (await sets.next()).value?.revision as bigint,
  };
}

const turn = () => new Promise(setImmediate);

test("nothing is given before the mesh is known", async () => {
  const { publish, next } = start(good);
  let answered = false;
  const first = next().finally(() => {
    answered = true;
  });
  await turn();
  assert.equal(answered, false);
  publish(5n);
  assert.equal(await first, 5n);
});

const broken = (): ScopeResources => {
  throw new Error("mistake of ours");
};
for (const [name, bad] of [
  ["with faults and no good one before it", faulty],
  ["that cannot be built", broken],
] as const) {
  test(`a result ${name} leaves a proxy with what it has; the next good one comes`, async () => {
    const { publish, next } = start((revision) => (revision === 2n ? bad(revision) : good(revision)));
    publish(1n);
    assert.equal(await next(), 1n);
    const following = next();
    publish(2n);
    await turn();
    publish(3n);
    assert.equal(await following, 3n);
  });
}

test("a proxy that has nothing yet gets what works, or is told to come again", async () => {
  const withFaults = start(faulty);
  withFaults.publish(1n);
  assert.equal(await withFaults.next(), 1n);
  const without = start(broken);
  without.publish(1n);
  await assert.rejects(without.next(), /cannot be built/);
});

test("endpoints go ahead of what has to be compiled, under the old revision", async () => {
  const { publish, next } = start(good, (revision) => (revision === 2n ? setAt(1n) : undefined));
  publish(1n);
  assert.equal(await next(), 1n);
  const ahead = next();
  publish(2n);
  assert.equal(await ahead, 1n);
  assert.equal(await next(), 2n);
});
