import assert from "node:assert/strict";
import { test } from "node:test";
import type * as ir from "@lateen/ir";
import { mergeBootstrap } from "./bootstrap.ts";

function patch(value: object, more: Partial<ir.Patch> = {}): ir.Patch {
  const origin = "EnvoyFilter/shop/start";
  const base = {
    origin,
    path: "spec.configPatches[0]",
    target: "bootstrap",
    operation: "merge",
    traffic: "any",
  } as const;
  return { ...base, value: value as NonNullable<ir.Patch["value"]>, ...more };
}

test("the later of two patches counts, and lists are appended to", () => {
  const { value, findings } = mergeBootstrap([
    patch({ statsFlushInterval: "1s", static_resources: { clusters: [{ name: "a" }] } }),
    patch({ stats_flush_interval: "2s", static_resources: { clusters: [{ name: "b" }] } }),
  ]);
  assert.deepEqual(value, {
    stats_flush_interval: "2s",
    static_resources: { clusters: [{ name: "a" }, { name: "b" }] },
  });
  assert.deepEqual(findings, []);
});

test("what is in an Any stays what it is", () => {
  const sink = {
    name: "envoy.stat_sinks.statsd",
    typed_config: { "@type": "type.googleapis.com/envoy.config.metrics.v3.StatsdSink", prefix: "shop" },
  };
  assert.deepEqual(mergeBootstrap([patch({ stats_sinks: [sink] })]).value, { stats_sinks: [sink] });
});

test("a value that cannot be read is left out by name, and operations without effect change nothing", () => {
  const { value, findings } = mergeBootstrap([
    patch({ stats_flush_interval: "soon" }),
    patch({ stats_flush_interval: "3s" }, { operation: "add" }),
    patch({ header_prefix: "x" }),
  ]);
  assert.deepEqual(value, { header_prefix: "x" });
  assert.deepEqual(
    findings.map(({ object, code }) => [object.name, code]),
    [["start", "patch-unusable"]],
  );
});
