import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseNode } from "@lateen/model";
import type { ProxyNode, Release } from "@lateen/model";
import { application, listCases } from "@lateen/testkit";
import type { MeshObjects } from "@lateen/testkit";
import { compileParts, compileProxy, createSnapshot, defaultMeshSettings, scopeOf } from "./index.ts";
import type { MeshSnapshot } from "./index.ts";

const snapshotOf = (mesh: MeshObjects): MeshSnapshot =>
  createSnapshot({ ...mesh, revision: 1n, trust: [], meshConfig: defaultMeshSettings() });

function everything(snapshot: MeshSnapshot, node: ProxyNode): string {
  const { value, findings } = compileProxy(snapshot, scopeOf(snapshot, node));
  return JSON.stringify([value, findings]);
}

/** A binary that contains whatever it is asked for, and remembers. */
class Asked extends Array<string> {
  readonly names = new Set<string>();

  override includes(name: string): boolean {
    this.names.add(name);
    return true;
  }
}

const releases: readonly (Release | undefined)[] = [
  undefined,
  ...[36, 37, 38, 40].map((minor) => ({ major: 1, minor })),
];

for (const scenario of await listCases()) {
  test(`${scenario.name}: what one binary is given is never given to one that must not have it`, async () => {
    const [mesh, { id, metadata }] = await Promise.all([scenario.mesh(), scenario.proxy()]);
    const parsed = parseNode(id, metadata, {});
    assert.ok(parsed.ok);
    const { extensions: _all, release: _any, ...node } = parsed.node;
    const asked = new Asked();
    everything(snapshotOf(mesh), { ...node, extensions: asked });
    const binaries = fc.record({ extensions: fc.subarray([...asked.names]), release: fc.constantFrom(...releases) });
    await fc.assert(
      fc.asyncProperty(fc.array(binaries, { minLength: 2, maxLength: 4 }), async (several) => {
        const shared = snapshotOf(await scenario.mesh());
        for (const { extensions, release } of several) {
          const proxy: ProxyNode = { ...node, extensions, ...(release && { release }) };
          assert.equal(everything(shared, proxy), everything(snapshotOf(await scenario.mesh()), proxy));
        }
      }),
      { numRuns: 3 },
    );
  });
}

test("proxies whose binaries differ in nothing that was asked share what they call", () => {
  const ports = [{ name: "http", number: 80, protocol: "http" as const }];
  const mesh = application({ name: "web", namespace: "shop", address: "10.1.0.1", ports, workloads: [] });
  const snapshot = snapshotOf({ ...mesh, configs: [] });
  const partsOf = (extensions: readonly string[], minor: number) => {
    const parsed = parseNode(
      "sidecar~10.0.0.1~web-1.shop~shop.svc.cluster.local",
      { LABELS: { app: "web" } },
      { extensions, release: { major: 1, minor } },
    );
    assert.ok(parsed.ok);
    return compileParts(snapshot, scopeOf(snapshot, parsed.node)).value;
  };
  const [fault, cors] = ["envoy.filters.http.fault", "envoy.filters.http.cors"];
  const [callable, calls] = partsOf([fault, cors], 36);
  const another = partsOf([fault, cors, "envoy.filters.http.lua"], 40);
  assert.deepEqual([another[0] === callable, another[1] === calls], [true, true]);
  const poorer = partsOf([fault], 40);
  assert.deepEqual([poorer[0] === callable, poorer[1] === calls], [true, false]);
});
