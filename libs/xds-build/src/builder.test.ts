import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import type * as ir from "@lateen/ir";
import { ClusterSchema } from "@lateen/protos/envoy/config/cluster/v3/cluster_pb.js";
import { createBuilder } from "./builder.ts";
import { verifyReferences } from "./references.ts";

const reviews: ir.ClusterRef = { kind: "outbound", host: "reviews.shop", port: 80, subset: "" };

function clusterOf(ref: ir.ClusterRef, connectTimeoutMs = 10_000): ir.Cluster {
  return {
    ref,
    connectTimeoutMs,
    discovery: { kind: "none" },
    balancing: { kind: "round-robin" },
    limits: { maxRequests: 7 },
    http: { protocol: "http1" },
    tls: { mode: "none" },
    services: [],
  };
}

function proxyOf(clusters: readonly ir.Cluster[], routeTables: readonly ir.RouteTable[] = []): ir.ProxyIr {
  return { clusters, listeners: [], routeTables };
}

function tableTo(cluster: ir.ClusterRef): ir.RouteTable {
  const action: ir.Forward = { kind: "forward", targets: [{ cluster, weight: 1 }], timeoutMs: 0 };
  const route: ir.Route = { name: "", operation: "", match: { path: { kind: "prefix", value: "/" } }, action };
  const host: ir.VirtualHost = { kind: "service", host: "reviews.shop", port: 80, domains: ["*"], routes: [route] };
  return { ref: { kind: "port", port: 80 }, virtualHosts: [host], origins: [] };
}

test("an equal part of an IR yields the very same resource; a different one does not", () => {
  const builder = createBuilder();
  const build = (cluster: ir.Cluster) => builder.build(proxyOf([cluster])).resources[0];
  const first = build(clusterOf(reviews));
  assert.equal(build(structuredClone(clusterOf(reviews))), first);
  assert.notEqual(build(clusterOf(reviews, 5_000)), first);
});

test("the memory is bounded, and what falls out of it is built again the same", () => {
  const builder = createBuilder({ capacity: 2 });
  const build = (port: number) => builder.build(proxyOf([clusterOf({ kind: "inbound", port })])).resources[0];
  const first = build(1);
  for (const port of [2, 3, 4, 5, 6]) build(port);
  const again = build(1);
  assert.notEqual(again, first);
  assert.deepEqual(again, first);
});

test("limits that are not set are infinite, not Envoy's 1024", () => {
  const [resource] = createBuilder().build(proxyOf([clusterOf(reviews)])).resources;
  const [threshold] = fromBinary(ClusterSchema, resource?.value ?? new Uint8Array()).circuitBreakers?.thresholds ?? [];
  assert.equal(threshold?.maxRequests, 7);
  assert.equal(threshold?.maxConnections, 4_294_967_295);
});

test("a route to a cluster that is not there is dangling", () => {
  assert.deepEqual(verifyReferences(proxyOf([], [tableTo(reviews)])), [
    { kind: "cluster", name: "outbound|80||reviews.shop", usedBy: "80" },
  ]);
  assert.deepEqual(verifyReferences(proxyOf([clusterOf(reviews)], [tableTo(reviews)])), []);
});

test("two resources of one name are refused", () => {
  assert.equal(verifyReferences(proxyOf([clusterOf(reviews), clusterOf(reviews)])).length, 1);
});

function patchOf(path: string, fields: Partial<ir.Patch>): ir.Patch {
  return {
    origin: "EnvoyFilter/shop/a",
    path,
    target: "cluster",
    operation: "merge",
    traffic: "any",
    value: { alt_stat_name: path },
    ...fields,
  };
}

test("a patch touches what it is for; all else is the resource that proxies without it have", () => {
  const builder = createBuilder();
  const clusters = [clusterOf(reviews), clusterOf({ kind: "inbound", port: 80 })];
  const patches = [patchOf("one", { cluster: { host: "reviews.shop" } })];
  const plain = builder.build(proxyOf(clusters)).resources;
  const patched = builder.build({ ...proxyOf(clusters), patches }).resources;
  assert.equal(patched[1], plain[1]);
  assert.notEqual(patched[0], plain[0]);
  assert.equal(patched[0]?.origin, "EnvoyFilter/shop/a");
  assert.equal(builder.build({ ...proxyOf(clusters), patches }).resources[0], patched[0]);
});

test("a patch that cannot be applied is left out, and the others apply", () => {
  const wrong = patchOf("wrong", { value: { connect_timeout: "soon" } });
  const { resources, findings } = createBuilder().build({
    ...proxyOf([clusterOf(reviews)]),
    patches: [patchOf("before", {}), wrong, patchOf("after", {})],
  });
  const [resource] = resources;
  assert.equal(fromBinary(ClusterSchema, resource?.value ?? new Uint8Array()).altStatName, "after");
  assert.deepEqual(
    findings.map(({ object, message }) => [object.name, message.split(":")[0]]),
    [["a", "wrong is left out"]],
  );
});

test("a resource can be removed and added", () => {
  const patches = [
    patchOf("gone", { operation: "remove", cluster: { host: "reviews.shop" } }),
    patchOf("new", { operation: "add", value: { name: "new", connect_timeout: "1s" } }),
  ];
  const [gone, added] = patches as [ir.Patch, ir.Patch];
  const { resources } = createBuilder().build({
    ...proxyOf([clusterOf(reviews)]),
    patches: [gone],
    additions: [added],
  });
  assert.deepEqual(
    resources.map(({ name }) => name),
    ["new"],
  );
});
