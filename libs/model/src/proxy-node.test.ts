import assert from "node:assert/strict";
import { test } from "node:test";
import { parseNode } from "./proxy-node.ts";

const id = "sidecar~10.0.0.1~web-1.shop~shop.svc.cluster.local";

test("the id alone makes a node", () => {
  const parsed = parseNode(id, undefined);
  assert.ok(parsed.ok);
  assert.deepEqual(parsed.node, {
    id,
    type: "sidecar",
    dataPlane: "envoy",
    name: "web-1",
    namespace: "shop",
    dnsDomain: "shop.svc.cluster.local",
    addresses: ["10.0.0.1"],
    labels: {},
    serviceAccount: "",
    cluster: "",
    serviceCluster: "",
    interception: "redirect",
    metadata: {},
    agent: false,
    dnsCapture: false,
    autoRegisterGroup: "",
    network: "",
  });
});

test("metadata wins over the id and says the rest", () => {
  const parsed = parseNode(
    id,
    {
      NAMESPACE: "other",
      INSTANCE_IPS: "127.0.0.2, ::1",
      INTERCEPTION_MODE: "NONE",
      LABELS: { b: "2", a: "1", bad: 3 },
      SERVICE_ACCOUNT: "web",
      CLUSTER_ID: "c1",
      PROXY_CONFIG: {},
    },
    { extensions: ["envoy.filters.http.router", "envoy.filters.http.cors", "envoy.filters.http.router"] },
  );
  assert.ok(parsed.ok);
  const { namespace, addresses, interception, labels, agent, extensions } = parsed.node;
  assert.deepEqual(
    { namespace, addresses, interception, agent, extensions },
    {
      namespace: "other",
      addresses: ["127.0.0.2", "::1"],
      interception: "none",
      agent: true,
      extensions: ["envoy.filters.http.cors", "envoy.filters.http.router"],
    },
  );
  assert.deepEqual(Object.keys(labels), ["a", "b"]);
});

const refused = [
  { name: "too few parts", id: "sidecar~10.0.0.1~web.shop", metadata: {}, says: /must have the form/ },
  {
    name: "an unknown type",
    id: id.replace("sidecar", "ztunnel"),
    metadata: {},
    says: /unsupported proxy type "ztunnel"/,
  },
  { name: "no address", id: id.replace("10.0.0.1", "pod"), metadata: {}, says: /no valid IP address/ },
  { name: "no namespace", id: id.replace("web-1.shop", "web"), metadata: {}, says: /names no namespace/ },
  {
    name: "an unknown interception mode",
    id,
    metadata: { INTERCEPTION_MODE: "MAGIC" },
    says: /INTERCEPTION_MODE "MAGIC"/,
  },
];

for (const { name, id: given, metadata, says } of refused) {
  test(`refuses ${name}`, () => {
    const parsed = parseNode(given, metadata);
    assert.ok(!parsed.ok);
    assert.match(parsed.problem, says);
  });
}
