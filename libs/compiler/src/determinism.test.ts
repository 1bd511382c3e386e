import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseNode } from "@lateen/model";
import type { ProxyNode } from "@lateen/model";
import { application, binaryOf, listCases } from "@lateen/testkit";
import type { CaseProxy, MeshObjects } from "@lateen/testkit";
import {
  compileEndpoints,
  compileInputs,
  compileProxy,
  createSnapshot,
  defaultMeshSettings,
  endpointQueries,
  sameScopes,
  scopeKey,
  scopeOf,
} from "./index.ts";
import type { MeshSnapshot, MeshState } from "./index.ts";

const meshConfig = defaultMeshSettings();

function stateOf(mesh: MeshObjects, revision = 1n): MeshState {
  return { ...mesh, revision, trust: [], meshConfig };
}

function nodeOf({ id, metadata, ...proxy }: CaseProxy): ProxyNode {
  const parsed = parseNode(id, metadata, binaryOf(proxy));
  assert.ok(parsed.ok);
  return parsed.node;
}

function everything(snapshot: MeshSnapshot, node: ProxyNode): string {
  const scope = scopeOf(snapshot, node);
  const { value, findings } = compileProxy(snapshot, scope);
  const endpoints = endpointQueries(value).map((query) => compileEndpoints(snapshot, scope, query));
  return JSON.stringify([scopeKey(scope), value, endpoints, findings, snapshot.findings]);
}

const shuffled = <Item>(items: readonly Item[]): fc.Arbitrary<Item[]> =>
  fc.shuffledSubarray([...items], { minLength: items.length });

for (const scenario of await listCases()) {
  test(`${scenario.name} compiles the same from its objects in any order`, async () => {
    const mesh = await scenario.mesh();
    const node = nodeOf(await scenario.proxy());
    const expected = everything(createSnapshot(stateOf(mesh)), node);
    fc.assert(
      fc.property(
        shuffled(mesh.configs),
        shuffled(mesh.services),
        shuffled(mesh.slices),
        shuffled(mesh.workloads),
        (configs, services, slices, workloads) => {
          assert.equal(
            everything(createSnapshot(stateOf({ ...mesh, configs, services, slices, workloads })), node),
            expected,
          );
        },
      ),
      { numRuns: 10 },
    );
  });

  test(`${scenario.name} compiles the same on top of an earlier snapshot`, async () => {
    const mesh = await scenario.mesh();
    const node = nodeOf(await scenario.proxy());
    const expected = everything(createSnapshot(stateOf(mesh)), node);
    const arbitrary = fc.tuple(
      fc.subarray([...mesh.configs]),
      fc.subarray([...mesh.services]),
      fc.subarray([...mesh.slices]),
      fc.subarray([...mesh.workloads]),
    );
    fc.assert(
      fc.property(arbitrary, ([configs, services, slices, workloads]) => {
        const before = createSnapshot(stateOf({ configs, services, slices, workloads }));
        everything(before, node);
        assert.equal(everything(createSnapshot(stateOf(mesh, 2n), before), node), expected);
      }),
      { numRuns: 10 },
    );
  });
}

/** The library compiles a scope again only when these change: whatever they overlook is served stale. */
for (const scenario of await listCases()) {
  test(`${scenario.name}: with the same inputs a scope compiles to the same`, async () => {
    const mesh = await scenario.mesh();
    const node = nodeOf(await scenario.proxy());
    const whole = createSnapshot(stateOf(mesh));
    const kinds = ["configs", "services", "slices", "workloads"] as const;
    for (const kind of kinds) {
      for (const gone of mesh[kind]) {
        const rest = stateOf({ ...mesh, [kind]: mesh[kind].filter((object) => object !== gone) }, 2n);
        const without = createSnapshot(rest, whole);
        assertSameInputsSameResult(whole, without, node);
        assertSameInputsSameResult(without, createSnapshot(stateOf(mesh, 3n), without), node);
      }
    }
  });

  test(`${scenario.name}: what is remembered of an earlier compilation is what a first one gives`, async () => {
    const mesh = await scenario.mesh();
    const node = nodeOf(await scenario.proxy());
    const whole = createSnapshot(stateOf(mesh));
    everything(whole, node);
    for (const kind of ["configs", "services", "slices", "workloads"] as const) {
      for (const index of mesh[kind].keys()) {
        const without = (from: MeshObjects): MeshState =>
          stateOf({ ...from, [kind]: [...from[kind].slice(0, index), ...from[kind].slice(index + 1)] }, 2n);
        const after = createSnapshot(without(mesh), whole);
        if (sameScopes(whole, after, node.namespace))
          assert.equal(scopeKey(scopeOf(after, node)), scopeKey(scopeOf(whole, node)));
        // Objects that were read anew are remembered by nobody.
        assert.equal(everything(after, node), everything(createSnapshot(without(await scenario.mesh())), node));
      }
    }
  });
}

function assertSameInputsSameResult(before: MeshSnapshot, after: MeshSnapshot, node: ProxyNode): void {
  const scopes = [scopeOf(before, node), scopeOf(after, node)] as const;
  if (compileInputs(before, scopes[0]) !== compileInputs(after, scopes[1])) return;
  assert.equal(scopeKey(scopes[1]), scopeKey(scopes[0]));
  const fresh = createSnapshot(after.state);
  const expected = compileProxy(fresh, scopeOf(fresh, node));
  assert.deepEqual(compileProxy(before, scopes[0]).value, expected.value);
}

const node = nodeOf({
  id: "sidecar~10.0.0.1~web-1.shop~shop.svc.cluster.local",
  metadata: { LABELS: { app: "web" }, PROXY_CONFIG: {} },
});
const ports = [{ name: "http", number: 80, protocol: "http" as const }];
const web = application({
  name: "web",
  namespace: "shop",
  address: "10.1.0.1",
  ports,
  workloads: [{ name: "web-1", address: "10.0.0.1" }],
});

function meshWith(...reviews: { name: string; address: string; serviceAccount?: string }[]): MeshObjects {
  const other = application({ name: "reviews", namespace: "shop", address: "10.1.0.2", ports, workloads: reviews });
  return {
    configs: [],
    services: [...web.services, ...other.services],
    slices: [...web.slices, ...other.slices],
    workloads: [...web.workloads, ...other.workloads],
  };
}

const inputsOf = (snapshot: MeshSnapshot): object => compileInputs(snapshot, scopeOf(snapshot, node));

test("a change of endpoints leaves the compile lane alone", () => {
  const mesh = meshWith({ name: "reviews-1", address: "10.0.0.2" });
  const more = meshWith({ name: "reviews-1", address: "10.0.0.2" }, { name: "reviews-2", address: "10.0.0.3" });
  const before = createSnapshot(stateOf(mesh));
  inputsOf(before);
  const after = createSnapshot(stateOf({ ...more, services: mesh.services }, 2n), before);
  assert.equal(inputsOf(after), inputsOf(before));
  assert.equal(
    JSON.stringify(compileProxy(after, scopeOf(after, node)).value),
    JSON.stringify(compileProxy(before, scopeOf(before, node)).value),
  );
});

test("a new identity behind a service is a matter for the compile lane", () => {
  const mesh = meshWith({ name: "reviews-1", address: "10.0.0.2" });
  const more = meshWith(
    { name: "reviews-1", address: "10.0.0.2" },
    { name: "reviews-2", address: "10.0.0.3", serviceAccount: "other" },
  );
  const before = createSnapshot(stateOf(mesh));
  inputsOf(before);
  const after = createSnapshot(stateOf({ ...more, services: mesh.services }, 2n), before);
  assert.notEqual(inputsOf(after), inputsOf(before));
});

test("endpoints of a service nobody touched are the same object in the next snapshot", () => {
  const mesh = meshWith({ name: "reviews-1", address: "10.0.0.2" });
  const more = meshWith({ name: "reviews-1", address: "10.0.0.2" }, { name: "reviews-2", address: "10.0.0.3" });
  const before = createSnapshot(stateOf(mesh));
  const after = createSnapshot(
    stateOf(
      {
        ...more,
        services: mesh.services,
        slices: [...mesh.slices.slice(0, 1), ...more.slices.slice(1)],
        workloads: [...mesh.workloads, ...more.workloads.slice(2)],
      },
      2n,
    ),
    before,
  );
  const scope = scopeOf(before, node);
  const sets = (snapshot: MeshSnapshot) =>
    endpointQueries(compileProxy(snapshot, scope).value).map((query) => compileEndpoints(snapshot, scope, query));
  const [firstReviews, firstWeb] = sets(before);
  const [secondReviews, secondWeb] = sets(after);
  assert.equal(secondWeb, firstWeb);
  assert.notEqual(secondReviews, firstReviews);
});

test("a service nobody in a namespace may see concerns no compilation there", () => {
  const mesh = meshWith({ name: "reviews-1", address: "10.0.0.2" });
  const hidden = application({ name: "hidden", namespace: "stars", address: "10.1.0.3", ports, exportTo: ["."] });
  const seen = application({ name: "seen", namespace: "stars", address: "10.1.0.4", ports });
  const before = createSnapshot(stateOf(mesh));
  const inputs = inputsOf(before);
  const hiddenToo = createSnapshot(stateOf({ ...mesh, services: [...mesh.services, ...hidden.services] }, 2n), before);
  assert.equal(inputsOf(hiddenToo), inputs);
  const seenToo = createSnapshot(stateOf({ ...mesh, services: [...mesh.services, ...seen.services] }, 3n), hiddenToo);
  assert.notEqual(inputsOf(seenToo), inputs);
});

test("a service that a Sidecar does not import concerns none of its workloads", () => {
  const config: MeshState["configs"][number] = {
    ...{ apiVersion: "networking.istio.io/v1", kind: "Sidecar" },
    meta: { namespace: "shop", name: "default", labels: {}, annotations: {}, createdAtMs: 0, generation: 1 },
    origin: { kind: "Sidecar", namespace: "shop", name: "default" },
    spec: { ingress: [], egress: [{ hosts: ["./*"], bind: "", captureMode: 0 }] },
  };
  const mesh = { ...meshWith({ name: "reviews-1", address: "10.0.0.2" }), configs: [config] };
  const far = application({ name: "far", namespace: "stars", address: "10.1.0.3", ports });
  const near = application({ name: "near", namespace: "shop", address: "10.1.0.4", ports });
  const before = createSnapshot(stateOf(mesh));
  const inputs = inputsOf(before);
  const farToo = createSnapshot(stateOf({ ...mesh, services: [...mesh.services, ...far.services] }, 2n), before);
  assert.equal(inputsOf(farToo), inputs);
  const nearToo = createSnapshot(stateOf({ ...mesh, services: [...mesh.services, ...near.services] }, 3n), farToo);
  assert.notEqual(inputsOf(nearToo), inputs);
});

test("replicas of a workload share a scope", () => {
  const snapshot = createSnapshot(
    stateOf(meshWith({ name: "reviews-1", address: "10.0.0.2" }, { name: "reviews-2", address: "10.0.0.3" })),
  );
  const replica = (name: string, ip: string, hash: string): ProxyNode =>
    nodeOf({
      id: `sidecar~${ip}~${name}.shop~shop.svc.cluster.local`,
      metadata: { LABELS: { app: "reviews", "pod-template-hash": hash }, PROXY_CONFIG: {} },
    });
  assert.equal(
    scopeKey(scopeOf(snapshot, replica("reviews-1", "10.0.0.2", "a"))),
    scopeKey(scopeOf(snapshot, replica("reviews-2", "10.0.0.3", "b"))),
  );
});
