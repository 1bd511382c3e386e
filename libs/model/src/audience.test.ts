import assert from "node:assert/strict";
import { test } from "node:test";
import type { Attachments } from "./audience.ts";
import { audienceOf, gatewayNameLabel, isForAll, isMeant } from "./audience.ts";
import type { Labels } from "./object.ts";

const gateway = { group: "gateway.networking.k8s.io", kind: "Gateway", name: "edge", namespace: "" };
const instance = { namespace: "shop", labels: { app: "edge", [gatewayNameLabel]: "edge" } };
const other = { namespace: "shop", labels: { app: "edge", [gatewayNameLabel]: "other" } };
const elsewhere = { ...instance, namespace: "orders" };
const sidecar = { namespace: "shop", labels: { app: "edge" } };
const everyone = { instance, other, elsewhere, sidecar };

const cases: readonly [name: string, given: Attachments & { labels?: Labels }, meant: readonly string[]][] = [
  ["nothing said", {}, ["instance", "other", "elsewhere", "sidecar"]],
  ["labels", { labels: { app: "edge" } }, ["instance", "other", "elsewhere", "sidecar"]],
  ["labels of nobody", { labels: { app: "none" } }, []],
  ["a Gateway", { targetRefs: [gateway] }, ["instance"]],
  ["a Gateway in the old form", { targetRef: gateway }, ["instance"]],
  ["two Gateways", { targetRefs: [gateway, { ...gateway, name: "other" }] }, ["instance", "other"]],
  ["a Gateway of the same namespace by name", { targetRefs: [{ ...gateway, namespace: "shop" }] }, ["instance"]],
  ["a Gateway elsewhere", { targetRefs: [{ ...gateway, namespace: "orders" }] }, []],
  ["a Gateway of Istio's own kind", { targetRefs: [{ ...gateway, group: "networking.istio.io" }] }, []],
  ["a Service", { targetRefs: [{ ...gateway, group: "", kind: "Service" }] }, []],
];

for (const [name, given, expected] of cases)
  test(name, () => {
    const audience = audienceOf("shop", given.labels, given);
    const meant = Object.entries(everyone).filter(([, workload]) => isMeant(audience, workload));
    assert.deepEqual(
      meant.map(([who]) => who),
      expected,
    );
    assert.equal(isForAll(audience), name === "nothing said");
  });
