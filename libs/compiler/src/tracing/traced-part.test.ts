import assert from "node:assert/strict";
import { test } from "node:test";
import { parseNode } from "@lateen/model";
import type { ProxyNode } from "@lateen/model";
import { listCases } from "@lateen/testkit";
import { compileParts, createSnapshot, defaultMeshSettings, scopeOf } from "../index.ts";

function node(pod: string, app: string): ProxyNode {
  const parsed = parseNode(
    `sidecar~10.244.1.10~${pod}.shop~shop.svc.cluster.local`,
    { NAMESPACE: "shop", PROXY_CONFIG: {}, LABELS: { "service.istio.io/canonical-name": app } },
    { serviceCluster: `${app}.shop` },
  );
  assert.ok(parsed.ok);
  return parsed.node;
}

test("spans tell a namespace's workloads apart in their listeners only", async () => {
  const scenario = (await listCases()).find(({ name }) => name === "tracing");
  assert.ok(scenario);
  const snapshot = createSnapshot({
    ...(await scenario.mesh()),
    revision: 1n,
    trust: [],
    meshConfig: defaultMeshSettings(),
  });
  const [web, replica, other] = [node("web-1", "web"), node("web-2", "web"), node("cart-1", "cart")].map((proxy) => {
    const [callable, calls] = compileParts(snapshot, scopeOf(snapshot, proxy)).value;
    return { callable, calls };
  });
  assert.equal(web?.callable, other?.callable);
  assert.equal(web?.calls, replica?.calls, "replicas share all of it");
  assert.notEqual(web?.calls, other?.calls);
  assert.equal(web?.calls?.routeTables, other?.calls?.routeTables);
  assert.notDeepEqual(web?.calls?.listeners, other?.calls?.listeners);
});
