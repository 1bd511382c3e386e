import assert from "node:assert/strict";
import test from "node:test";
import { createSnapshot, defaultMeshSettings } from "@lateen/compiler";
import type { MeshSnapshot } from "@lateen/compiler";
import { createMemoryStore, keys } from "@lateen/mesh-store";
import { parseNode } from "@lateen/model";
import type { ProxyNode } from "@lateen/model";
import { clusterType, endpointType, listenerType, routeType } from "@lateen/xds-server";
import { MeshMirror } from "../mesh/mirror.ts";
import { createTestMesh } from "../testing/mesh.ts";
import { ResourceLibrary } from "./library.ts";
import type { ScopeResources } from "./library.ts";

const settings = defaultMeshSettings();
const cluster = "outbound|80||orders.shop.svc.cluster.local";

function nodeAt(pod: string, address = "10.0.0.9"): ProxyNode {
  const parsed = parseNode(`sidecar~${address}~${pod}.shop~shop.svc.cluster.local`, { INTERCEPTION_MODE: "NONE" });
  assert.ok(parsed.ok);
  return parsed.node;
}

/** Snapshots of a store, each made from the one before. */
function snapshots() {
  const mesh = createTestMesh(createMemoryStore());
  const mirror = new MeshMirror();
  const batches = mesh.store
    .watch(
      ["config", "service", "endpoint", "workload"].map((token) => keys.prefix(token)),
      new AbortController().signal,
    )
    [Symbol.asyncIterator]();
  let previous: MeshSnapshot | undefined;
  return {
    mesh,
    async next(): Promise<MeshSnapshot> {
      mirror.apply((await batches.next()).value);
      previous = createSnapshot(mirror.state(settings), previous);
      return previous;
    },
  };
}

function served(library: ResourceLibrary, snapshot: MeshSnapshot, node: ProxyNode): ScopeResources {
  return library.resources(library.enter(snapshot, node), snapshot);
}

test("proxies of one scope get the same objects; another scope its own", async () => {
  const { mesh, next } = snapshots();
  await mesh.service({ name: "orders", pods: ["10.0.0.2"] });
  const snapshot = await next();
  const compiled: bigint[] = [];
  const library = new ResourceLibrary({ onCompiled: (_scope, { revision }) => compiled.push(revision) });
  const [one, two, other] = [nodeAt("a"), nodeAt("b"), nodeAt("c", "10.0.0.8")].map((node) =>
    served(library, snapshot, node),
  );
  assert.equal(one?.set, two?.set);
  assert.notEqual(one?.set, other?.set);
  const shared = (typeUrl: string) =>
    one?.set.byType.get(typeUrl)?.get(cluster) === other?.set.byType.get(typeUrl)?.get(cluster);
  assert.ok(shared(clusterType) && shared(endpointType), "equal resources of different scopes are one object");
  assert.equal(compiled.length, 2);
  assert.equal(library.size, 2);
  library.retain([library.enter(snapshot, nodeAt("a"))]);
  assert.equal(library.size, 1);
});

test("changed endpoints change one map, without compiling; an unchanged one stays the same object", async () => {
  const { mesh, next } = snapshots();
  const orders = { name: "orders", pods: ["10.0.0.2"] };
  await mesh.service(orders);
  const compiled: bigint[] = [];
  const library = new ResourceLibrary({ onCompiled: (_scope, { revision }) => compiled.push(revision) });
  const before = served(library, await next(), nodeAt("a")).set;
  await mesh.endpoints({ ...orders, pods: ["10.0.0.2", "10.0.0.3"] });
  const after = served(library, await next(), nodeAt("a")).set;
  assert.equal(compiled.length, 1);
  for (const typeUrl of [clusterType, listenerType, routeType])
    assert.equal(after.byType.get(typeUrl), before.byType.get(typeUrl));
  assert.notEqual(
    after.byType.get(endpointType)?.get(cluster)?.version,
    before.byType.get(endpointType)?.get(cluster)?.version,
  );
  await mesh.apply(
    "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: x, namespace: elsewhere }\nspec: {}",
  );
  const { revision } = after;
  assert.equal(served(library, await next(), nodeAt("a")).set, after, "the same result changes nothing");
  assert.ok(after.revision > revision, "but that it is true for a later mesh");
});

test("ahead of a compilation endpoints are those of now, but never none", async () => {
  const { mesh, next } = snapshots();
  const orders = { name: "orders", pods: ["10.0.0.2"] };
  await mesh.service(orders);
  const library = new ResourceLibrary();
  const node = nodeAt("a");
  const first = served(library, await next(), node).set;
  await mesh.service({ name: "billing", pods: ["10.0.0.5"] });
  await mesh.endpoints({ ...orders, pods: ["10.0.0.3"] });
  const second = await next();
  const ahead = library.endpointsAhead(library.enter(second, node), second);
  assert.equal(ahead?.revision, first.revision);
  assert.equal(ahead?.byType.get(clusterType), first.byType.get(clusterType));
  assert.notEqual(ahead?.byType.get(endpointType)?.get(cluster), first.byType.get(endpointType)?.get(cluster));
  assert.equal(
    library.endpointsAhead(library.enter(second, node), second),
    ahead,
    "the same for the next proxy of the scope",
  );
  served(library, second, node);
  assert.equal(
    library.endpointsAhead(library.enter(second, node), second),
    undefined,
    "nothing is left to be ahead of",
  );
  await mesh.service({ name: "third", pods: ["10.0.0.6"] });
  await mesh.endpoints({ ...orders, pods: [] });
  const third = await next();
  assert.equal(
    library.endpointsAhead(library.enter(third, node), third)?.byType.get(endpointType)?.get(cluster),
    ahead?.byType.get(endpointType)?.get(cluster),
  );
  const last = served(library, third, node).set;
  assert.notEqual(
    last.byType.get(endpointType)?.get(cluster),
    ahead?.byType.get(endpointType)?.get(cluster),
    "compiled, it has none",
  );
});

test("what refers to an undefined name is not published; endpoints go on, the revision stays behind", async () => {
  const { mesh, next } = snapshots();
  const orders = { name: "orders", pods: ["10.0.0.2"] };
  await mesh.service(orders);
  let faulty = false;
  const library = new ResourceLibrary({ verify: () => (faulty ? [{ kind: "cluster", name: "x", usedBy: "80" }] : []) });
  const node = nodeAt("a");
  const first = served(library, await next(), node);
  faulty = true;
  await mesh.service({ name: "billing", pods: ["10.0.0.5"] });
  await mesh.endpoints({ ...orders, pods: ["10.0.0.3"] });
  const second = served(library, await next(), node);
  assert.deepEqual(second.faults, ["80 uses cluster x, which is not defined"]);
  assert.ok(second.good);
  assert.equal(second.set.revision, first.set.revision);
  assert.equal(second.set.byType.get(clusterType), first.set.byType.get(clusterType));
  assert.notEqual(second.set.byType.get(endpointType)?.get(cluster), first.set.byType.get(endpointType)?.get(cluster));
  const stranger = served(library, await unrelatedChange(mesh, next), nodeAt("b", "10.0.0.8"));
  assert.equal(stranger.good, false, "a scope without a good one gets what works");
  faulty = false;
  await mesh.service({ name: "third", pods: ["10.0.0.6"] });
  const third = served(library, await next(), node);
  assert.deepEqual(
    [third.faults, third.set.byType.get(clusterType)?.has("outbound|80||third.shop.svc.cluster.local")],
    [[], true],
  );
});

/** One more snapshot, by a change that concerns nobody. */
async function unrelatedChange(
  mesh: ReturnType<typeof createTestMesh>,
  next: () => Promise<MeshSnapshot>,
): Promise<MeshSnapshot> {
  await mesh.apply(
    "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: y, namespace: elsewhere }\nspec: {}",
  );
  return await next();
}
