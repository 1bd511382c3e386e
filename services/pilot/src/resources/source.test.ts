import assert from "node:assert/strict";
import test from "node:test";
import type { MeshSnapshot } from "@lateen/compiler";
import type { ResourceSet } from "@lateen/xds-server";
import type { Publication } from "../mesh/feed.ts";
import { Latest } from "../mesh/latest.ts";
import { connectedProxy } from "../testing/connected-proxy.ts";
import type { ScopeResources } from "./library.ts";
import { MeshResources } from "./source.ts";

const setAt = (revision: bigint): ResourceSet => ({ revision, byType: new Map() });
const good = (revision: bigint): ScopeResources => ({ set: setAt(revision), faults: [], good: true });
const faulty = (revision: bigint): ScopeResources => ({
  set: setAt(revision),
  faults: ["80 uses cluster x, which is not defined"],
  good: false,
});

interface Options {
  readonly resources?: (revision: bigint, key: string) => ScopeResources;
  readonly ahead?: (revision: bigint) => ResourceSet | undefined;
  /** The scope of a proxy with the label `app`, from a revision on. */
  readonly scopeOf?: (app: string, revision: bigint) => string;
  /** Namespaces of the mesh's sidecars. */
  readonly sidecars?: readonly string[];
}

function start(options: Options = {}) {
  const { resources = good, ahead = () => undefined, scopeOf = (app) => app, sidecars = [] } = options;
  const published = new Latest<Publication>();
  const served: string[] = [];
  const caughtUp: bigint[] = [];
  const prepared: string[] = [];
  const source = new MeshResources({
    published,
    library: {
      enter: ({ revision }, { labels }) => scopeOf(labels["app"] ?? "", revision),
      resources(key, { revision }) {
        served.push(`${key}@${revision}`);
        return resources(revision, key);
      },
      endpointsAhead: (_key, { revision }) => ahead(revision),
      retain: () => {},
      prepare: (_snapshot, { namespace }) => void prepared.push(namespace),
    },
    sameScopes: () => false,
    onCaughtUp: ({ revision }) => void caughtUp.push(revision),
  });
  const end = new AbortController();
  const running = source.run(end.signal);
  return {
    served,
    caughtUp,
    prepared,
    connect(app = "web", signal = end.signal) {
      const sets = source.watch(connectedProxy({ metadata: { LABELS: { app } } }), signal)[Symbol.asyncIterator]();
      return async () => (await sets.next()).value?.revision as bigint;
    },
    publish(revision: bigint) {
      const workloads = sidecars.map((namespace) => ({
        namespace,
        mutualTls: true,
        name: "pod",
        addresses: ["10.0.0.1"],
        labels: {},
      }));
      const snapshot = { revision, state: { workloads }, settings: { domain: "cluster.local" } };
      published.set({ snapshot: snapshot as unknown as MeshSnapshot, arrivedAtMs: 0 });
    },
    async [Symbol.asyncDispose]() {
      end.abort();
      await running;
    },
  };
}

async function turns(): Promise<void> {
  for (let n = 0; n < 10; n++) await new Promise(setImmediate);
}

test("nothing is given before the mesh is known", async () => {
  await using mesh = start();
  let answered = false;
  const first = mesh
    .connect()()
    .finally(() => {
      answered = true;
    });
  await turns();
  assert.equal(answered, false);
  mesh.publish(5n);
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
    await using mesh = start({ resources: (revision) => (revision === 2n ? bad(revision) : good(revision)) });
    const next = mesh.connect();
    mesh.publish(1n);
    assert.equal(await next(), 1n);
    const following = next();
    mesh.publish(2n);
    await turns();
    mesh.publish(3n);
    assert.equal(await following, 3n);
  });
}

test("a proxy that has nothing yet gets what works, or is told to come again", async () => {
  await using withFaults = start({ resources: faulty });
  withFaults.publish(1n);
  assert.equal(await withFaults.connect()(), 1n);
  await using without = start({ resources: broken });
  without.publish(1n);
  await assert.rejects(without.connect()(), /cannot be built/);
});

test("endpoints go ahead of what has to be compiled, under the old revision", async () => {
  await using mesh = start({ ahead: (revision) => (revision === 2n ? setAt(1n) : undefined) });
  const next = mesh.connect();
  mesh.publish(1n);
  assert.equal(await next(), 1n);
  const ahead = next();
  mesh.publish(2n);
  assert.equal(await ahead, 1n);
  assert.equal(await next(), 2n);
});

test("a publication is looked at once for a scope, however many proxies it has; who it changes nothing for hears nothing", async () => {
  const same = good(1n);
  await using mesh = start({ resources: (revision, key) => (key === "web" ? same : good(revision)) });
  mesh.publish(1n);
  const [one, two, other] = [mesh.connect("web"), mesh.connect("web"), mesh.connect("cart")];
  assert.deepEqual(await Promise.all([one(), two(), other()]), [1n, 1n, 1n]);
  await turns();
  mesh.served.length = 0;
  let heard = 0;
  for (const next of [one, two]) void next().then(() => heard++);
  mesh.publish(2n);
  assert.equal(await other(), 2n);
  await turns();
  assert.deepEqual([mesh.served.toSorted(), heard], [["cart@2", "web@2"], 0]);
  assert.equal(mesh.caughtUp.at(-1), 2n);
});

test("a proxy whose scope becomes another one gets that one's resources", async () => {
  const resources = { web: good(1n), admin: good(7n) };
  await using mesh = start({
    resources: (_revision, key) => (key === "admin" ? resources.admin : resources.web),
    scopeOf: (app, revision) => (revision > 1n ? "admin" : app),
  });
  mesh.publish(1n);
  const next = mesh.connect();
  assert.equal(await next(), 1n);
  mesh.publish(2n);
  assert.equal(await next(), 7n);
});

test("of many publications in a row each scope gets its turn, with the newest", async () => {
  await using mesh = start();
  mesh.publish(1n);
  const proxies = ["a", "b", "c"].map((app) => mesh.connect(app));
  await Promise.all(proxies.map((next) => next()));
  for (let revision = 2n; revision < 20n; revision++) {
    mesh.publish(revision);
    await new Promise(setImmediate);
  }
  for (const next of proxies) {
    let revision = 0n;
    while (revision < 19n) revision = await next();
    assert.equal(revision, 19n);
  }
});

test("nobody looks at a scope whose proxies are gone", async () => {
  await using mesh = start();
  mesh.publish(1n);
  const leaving = new AbortController();
  const next = mesh.connect("web", leaving.signal);
  assert.equal(await next(), 1n);
  leaving.abort();
  await next();
  mesh.served.length = 0;
  mesh.publish(2n);
  await turns();
  assert.deepEqual([mesh.served, mesh.caughtUp.at(-1)], [[], 2n]);
});

test("what proxies will ask for is made before they come, while nobody waits, for the largest namespaces first", async () => {
  await using mesh = start({ sidecars: ["small", "shop", "large", "large"] });
  const connected = mesh.connect();
  mesh.publish(1n);
  assert.equal(await connected(), 1n);
  await turns();
  assert.deepEqual(mesh.prepared, ["large", "small"], "shop has a proxy");
  mesh.publish(2n);
  await turns();
  assert.equal(mesh.prepared.length, 2);
});
