import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromJson, toJson } from "@bufbuild/protobuf";
import type { JsonValue } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { ClusterSchema } from "@lateen/protos/envoy/config/cluster/v3/cluster_pb.js";
import { RouteSchema } from "@lateen/protos/envoy/config/route/v3/route_components_pb.js";
import { RouterSchema } from "@lateen/protos/envoy/extensions/filters/http/router/v3/router_pb.js";
import { messageTypes } from "@lateen/protos/types";
import { mergeAny, mergeInto } from "./merge.ts";
import type { ListRule } from "./merge.ts";
import { PatchProblem } from "./problem.ts";

type Schema = typeof ClusterSchema | typeof RouteSchema;

function merged(schema: Schema, into: JsonValue, from: JsonValue, lists: ListRule = "append"): JsonValue {
  const message = fromJson(schema, into, { registry: messageTypes });
  mergeInto(schema, message, fromJson(schema, from, { registry: messageTypes }), lists);
  return toJson(schema, message, { registry: messageTypes, useProtoFieldName: true });
}

const cases: readonly (readonly [name: string, Schema, into: JsonValue, from: JsonValue, result: JsonValue])[] = [
  [
    "scalars replace",
    ClusterSchema,
    { name: "a", alt_stat_name: "b" },
    { name: "c" },
    { name: "c", alt_stat_name: "b" },
  ],
  ["zero says nothing", ClusterSchema, { name: "a" }, { name: "" }, { name: "a" }],
  [
    "durations are one value",
    ClusterSchema,
    { connect_timeout: "1.5s" },
    { connect_timeout: "2s" },
    { connect_timeout: "2s" },
  ],
  [
    "a wrapped zero replaces",
    ClusterSchema,
    { per_connection_buffer_limit_bytes: 5 },
    { per_connection_buffer_limit_bytes: 0 },
    { per_connection_buffer_limit_bytes: 0 },
  ],
  [
    "lists are appended to",
    ClusterSchema,
    { circuit_breakers: { thresholds: [{ max_requests: 1 }] } },
    { circuit_breakers: { thresholds: [{ max_retries: 2 }] } },
    { circuit_breakers: { thresholds: [{ max_requests: 1 }, { max_retries: 2 }] } },
  ],
  [
    "structs are merged by entry",
    ClusterSchema,
    { metadata: { filter_metadata: { a: { x: 1 } } } },
    { metadata: { filter_metadata: { b: { y: 2 } } } },
    { metadata: { filter_metadata: { a: { x: 1 }, b: { y: 2 } } } },
  ],
  [
    "the same member of a oneof is merged",
    RouteSchema,
    { match: { prefix: "/" }, route: { cluster: "a", timeout: "1s" } },
    { route: { timeout: "3s" } },
    { match: { prefix: "/" }, route: { cluster: "a", timeout: "3s" } },
  ],
  [
    "another member of a oneof takes its place",
    RouteSchema,
    { match: { prefix: "/" }, route: { cluster: "a" } },
    { match: { path: "/x" }, redirect: { path_redirect: "/y" } },
    { match: { path: "/x" }, redirect: { path_redirect: "/y" } },
  ],
];

for (const [name, schema, into, from, result] of cases)
  test(name, () => assert.deepEqual(merged(schema, into, from), result));

test("lists are replaced where the patch says so", () => {
  const [into, from] = [{ dns_resolvers: [{ pipe: { path: "a" } }] }, { dns_resolvers: [{ pipe: { path: "b" } }] }];
  assert.deepEqual(merged(ClusterSchema, into, from, "replace"), from);
});

test("what is merged into is not shared with the patch", () => {
  const from = fromJson(ClusterSchema, { circuit_breakers: { thresholds: [{ max_requests: 1 }] } });
  const [one, two] = [create(ClusterSchema), create(ClusterSchema)];
  mergeInto(ClusterSchema, one, from, "append");
  mergeInto(ClusterSchema, one, from, "append");
  mergeInto(ClusterSchema, two, from, "append");
  assert.deepEqual(
    [one, two, from].map((each) => each.circuitBreakers?.thresholds.length),
    [2, 1, 1],
  );
});

test("an Any is merged as what it holds, and only with its like", () => {
  const [into, from] = [
    anyPack(RouterSchema, create(RouterSchema, { startChildSpan: true })),
    anyPack(RouterSchema, create(RouterSchema, { suppressEnvoyHeaders: true })),
  ];
  const both = anyPack(RouterSchema, create(RouterSchema, { startChildSpan: true, suppressEnvoyHeaders: true }));
  assert.deepEqual(mergeAny(into, from, "append"), both);
  assert.throws(() => mergeAny(into, anyPack(ClusterSchema, create(ClusterSchema)), "append"), PatchProblem);
});
