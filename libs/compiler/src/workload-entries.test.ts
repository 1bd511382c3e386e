import assert from "node:assert/strict";
import { test } from "node:test";
import { readMesh } from "@lateen/testkit";
import { compileInputs } from "./inputs.ts";
import {
  compileEndpoints,
  compileProxy,
  createSnapshot,
  defaultMeshSettings,
  endpointQueries,
  scopeOf,
} from "./index.ts";
import type { MeshSnapshot } from "./index.ts";
import { parseNode } from "@lateen/model";

const meshConfig = defaultMeshSettings();

const service = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: api, namespace: shop }
spec:
  hosts: [api.example.com]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: RESOLUTION
  workloadSelector: { labels: { app: api } }
---
`;

function entry(address: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: vm-1, namespace: shop }
spec: { address: ${address}, labels: { app: api } }
`;
}

interface Seen {
  readonly inputs: object;
  readonly addresses: readonly string[];
}

/** What one proxy gets of one mesh after the other; objects that are written the same stay the same. */
function history(resolution: string, ...addresses: readonly string[]): readonly Seen[] {
  const services = readMesh(service.replace("RESOLUTION", resolution), "service.yaml");
  let previous: MeshSnapshot | undefined;
  return addresses.map((address, index) => {
    const { configs } = readMesh(entry(address), "entry.yaml");
    previous = createSnapshot(
      {
        ...services,
        configs: [...services.configs, ...configs],
        revision: BigInt(index + 1),
        trust: [],
        meshConfig,
      },
      previous,
    );
    return seenBy(previous);
  });
}

function seenBy(snapshot: MeshSnapshot): Seen {
  const node = parseNode("sidecar~10.0.0.9~a.shop~shop.svc.cluster.local", {});
  assert.ok(node.ok);
  const scope = scopeOf(snapshot, node.node);
  const inputs = compileInputs(snapshot, scope);
  const { value } = compileProxy(snapshot, scope);
  const fixed = value.clusters.flatMap(({ discovery }) =>
    "localities" in discovery ? discovery.localities.flatMap(({ endpoints }) => endpoints) : [],
  );
  const found = endpointQueries(value).flatMap((query) =>
    compileEndpoints(snapshot, scope, query).localities.flatMap(({ endpoints }) => endpoints),
  );
  return { inputs, addresses: [...fixed, ...found].map(({ address }) => address) };
}

test("a WorkloadEntry that moves takes the endpoints lane", () => {
  const [before, after] = history("STATIC", "10.0.0.1", "10.0.0.2");
  assert.equal(before?.inputs, after?.inputs);
  assert.deepEqual([before?.addresses, after?.addresses], [["10.0.0.1"], ["10.0.0.2"]]);
});

test("behind a service that resolves names it is part of the cluster", () => {
  const [before, after] = history("DNS", "one.example.com", "two.example.com");
  assert.notEqual(before?.inputs, after?.inputs);
  assert.deepEqual([before?.addresses, after?.addresses], [["one.example.com"], ["two.example.com"]]);
});

test("a name is no endpoint where nobody resolves it", () => {
  const [only] = history("STATIC", "one.example.com");
  assert.deepEqual(only?.addresses, []);
});
