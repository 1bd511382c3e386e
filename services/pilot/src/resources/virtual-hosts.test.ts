import assert from "node:assert/strict";
import test from "node:test";
import { create, fromBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { NodeSchema } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import { VirtualHostSchema } from "@lateen/protos/envoy/config/route/v3/route_components_pb.js";
import type { ProxyNode } from "@lateen/model";
import { parseNode } from "@lateen/model";
import { createSnapshot, defaultMeshSettings } from "@lateen/compiler";
import { createMemoryStore, keys } from "@lateen/mesh-store";
import { routeType } from "@lateen/xds-server";
import { MeshMirror } from "../mesh/mirror.ts";
import { connectedProxy } from "../testing/connected-proxy.ts";
import { createTestMesh } from "../testing/mesh.ts";
import { ResourceLibrary } from "./library.ts";
import { VirtualHosts } from "./virtual-hosts.ts";

const virtualHosts = new VirtualHosts({ minimumHosts: 1 });

function node(): ProxyNode {
  const parsed = parseNode("sidecar~10.0.0.9~a.shop~shop.svc.cluster.local", {});
  assert.ok(parsed.ok);
  return parsed.node;
}

const rule = (seconds: number): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: slow, namespace: shop }
spec:
  hosts: [orders.shop.svc.cluster.local]
  http: [{ timeout: ${seconds}s, route: [{ destination: { host: orders.shop.svc.cluster.local } }] }]
`;

test("of a changed table the other hosts stay the same objects, and each names the objects behind it", async () => {
  const mesh = createTestMesh(createMemoryStore());
  const mirror = new MeshMirror();
  const prefixes = ["config", "service", "endpoint", "workload"].map((token) => keys.prefix(token));
  const batches = mesh.store.watch(prefixes, new AbortController().signal)[Symbol.asyncIterator]();
  const library = new ResourceLibrary();
  const table = async () => {
    mirror.apply((await batches.next()).value);
    const snapshot = createSnapshot(mirror.state(defaultMeshSettings()));
    const { set } = library.resources(library.enter(snapshot, node()), snapshot);
    const found = set.byType.get(routeType)?.get("80");
    assert.ok(found);
    return virtualHosts.split(found);
  };
  await mesh.service({ name: "orders", pods: ["10.0.0.2"] });
  await mesh.service({ name: "users", pods: ["10.0.0.3"] });
  await mesh.apply(rule(1));
  const before = await table();
  await mesh.apply(rule(2));
  const after = await table();
  const [orders, users] = ["orders", "users"].map((name) => `80/${name}.shop.svc.cluster.local:80`) as [string, string];
  assert.equal(after?.table.version, before?.table.version);
  assert.notEqual(after?.hosts.get(orders)?.version, before?.hosts.get(orders)?.version);
  assert.equal(after?.hosts.get(users), before?.hosts.get(users));
  assert.equal(after?.hosts.get(orders)?.origin, "VirtualService/shop/slow");
  assert.equal(after?.hosts.get(users)?.origin, undefined);
});

test("a host that is gone keeps its name and has a domain that nobody asks for", () => {
  const { any, version } = virtualHosts.gone("80/*.example.com:80");
  const { name, domains } = fromBinary(VirtualHostSchema, fromBinary(AnySchema, any).value);
  assert.equal(name, "*.example.com:80");
  assert.match(domains[0] ?? "", /^gone-[0-9a-f]{16}\.invalid$/);
  assert.equal(version, "gone");
});

const versions = [
  ["envoy", 1, 38, true],
  ["envoy", 2, 0, true],
  ["envoy", 1, 37, false],
  ["grpc-go", 1, 80, false],
] as const;

for (const [userAgentName, majorNumber, minorNumber, expected] of versions) {
  test(`${userAgentName} ${majorNumber}.${minorNumber} ${expected ? "takes" : "does not take"} hosts one by one`, () => {
    const value = { version: { majorNumber, minorNumber } };
    const proxy = {
      ...connectedProxy({}),
      node: create(NodeSchema, { userAgentName, userAgentVersionType: { case: "userAgentBuildVersion", value } }),
    };
    assert.equal(virtualHosts.supports(proxy), expected);
  });
}
