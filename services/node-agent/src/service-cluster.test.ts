import assert from "node:assert/strict";
import { test } from "node:test";
import { serviceClusterOf } from "./service-cluster.ts";

const bare = { labels: {}, namespace: "shop", workloadName: "" };
const app = { ...bare, labels: { app: "reviews", "service.istio.io/canonical-name": "reviews-all" } };

const cases = [
  { name: "nothing known", config: {}, of: bare, expected: "istio-proxy.shop" },
  { name: "the workload's name", config: {}, of: { ...bare, workloadName: "reviews-v1" }, expected: "reviews-v1.shop" },
  { name: "the label app", config: {}, of: app, expected: "reviews.shop" },
  { name: "a name given", config: { serviceCluster: "mine" }, of: app, expected: "mine" },
  { name: "Istio's default given", config: { serviceCluster: "istio-proxy" }, of: app, expected: "reviews.shop" },
  {
    name: "the canonical name",
    config: { tracingServiceName: "CANONICAL_NAME_ONLY" },
    of: app,
    expected: "reviews-all",
  },
  {
    name: "the canonical name with the namespace",
    config: { tracingServiceName: "CANONICAL_NAME_AND_NAMESPACE" },
    of: app,
    expected: "reviews-all.shop",
  },
  {
    name: "no canonical name",
    config: { tracingServiceName: "CANONICAL_NAME_ONLY" },
    of: bare,
    expected: "istio-proxy.shop",
  },
];

for (const { name, config, of, expected } of cases)
  test(`service cluster: ${name}`, () => assert.equal(serviceClusterOf(config, of), expected));
