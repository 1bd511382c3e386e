import assert from "node:assert/strict";
import { test } from "node:test";
import type { MeshObject } from "@lateen/model";
import { readMesh } from "@lateen/testkit";
import type { HttpRule, VirtualService } from "../istio.ts";
import { defaultMeshSettings } from "../settings.ts";
import { delegatedRules } from "./delegated-rules.ts";
import { indexVirtualServices } from "./virtual-services.ts";

const settings = defaultMeshSettings();
const route = [{ destination: { host: "reviews" } }];

function rules(name: string, spec: object): MeshObject<VirtualService> {
  const metadata = { namespace: "shop", name };
  const text = JSON.stringify({ apiVersion: "networking.istio.io/v1", kind: "VirtualService", metadata, spec });
  return readMesh(text, "test.yaml").configs[0] as MeshObject<VirtualService>;
}

function matched(match: readonly object[]): HttpRule {
  const [rule] = rules("rules", { http: [{ match, route }] }).spec.http;
  assert.ok(rule);
  return rule;
}

const exact = (value: string) => ({ exact: value });
const prefix = (value: string) => ({ prefix: value });
const regex = (value: string) => ({ regex: value });

/** How many matches both together make; undefined: the delegate's rule is left out. */
const cases: readonly [name: string, outer: readonly object[], own: readonly object[], count: number | undefined][] = [
  ["neither matches", [], [], 0],
  ["only the outer one", [{ uri: exact("/a") }, { uri: exact("/b") }], [], 2],
  ["only the delegate", [], [{ uri: exact("/a") }], 1],
  ["a longer prefix", [{ uri: prefix("/a") }], [{ uri: prefix("/a/b") }], 1],
  ["a shorter prefix", [{ uri: prefix("/a/b") }], [{ uri: prefix("/a") }], undefined],
  ["a path below the prefix", [{ uri: prefix("/a") }], [{ uri: exact("/a/b") }], 1],
  ["a prefix of an exact path", [{ uri: exact("/a/b") }], [{ uri: prefix("/a") }], undefined],
  ["two expressions", [{ uri: regex("/a.*") }], [{ uri: regex("/a.*") }], undefined],
  ["an expression beside nothing", [{ uri: regex("/a.*") }], [{ method: exact("GET") }], 1],
  ["other case rules", [{ uri: prefix("/a"), ignoreUriCase: true }], [{ uri: prefix("/a/b") }], undefined],
  ["the same header", [{ headers: { x: exact("1") } }], [{ headers: { x: exact("2") } }], undefined],
  ["a value of a header that must be there", [{ headers: { x: {} } }], [{ headers: { x: exact("2") } }], 1],
  ["a header without a value", [{ headers: { x: exact("1") } }], [{ headers: { x: {} } }], undefined],
  ["another header", [{ headers: { x: exact("1") } }], [{ headers: { y: exact("2") } }], 1],
  [
    "the same absent header",
    [{ withoutHeaders: { x: prefix("1") } }],
    [{ withoutHeaders: { x: exact("12") } }],
    undefined,
  ],
  ["another port", [{ port: 80 }], [{ port: 81 }], undefined],
  ["another source namespace", [{ sourceNamespace: "a" }], [{ sourceNamespace: "b" }], undefined],
  ["no source namespace", [{ sourceNamespace: "a" }], [{ port: 80 }], 1],
  ["other source labels", [{ sourceLabels: { app: "a" } }], [{ sourceLabels: { app: "b" } }], undefined],
  ["fewer gateways", [{ gateways: ["a/b", "mesh"] }], [{ gateways: ["mesh"] }], 1],
  ["other gateways", [{ gateways: ["a/b"] }], [{ gateways: ["mesh"] }], undefined],
  [
    "within two of three",
    [{ uri: prefix("/a") }, { uri: prefix("/a/b") }, { uri: prefix("/c") }],
    [{ uri: exact("/a/b") }],
    2,
  ],
  ["one of two fits nowhere", [{ uri: prefix("/a") }], [{ uri: exact("/a") }, { uri: exact("/b") }], undefined],
];
for (const [name, outer, own, count] of cases) {
  test(`delegated matches: ${name}`, () => {
    assert.equal(delegatedRules(matched(outer), matched(own))?.match.length, count);
  });
}

test("both matches hold together", () => {
  const outer = matched([{ name: "o", uri: prefix("/a"), headers: { x: exact("1") }, statPrefix: "s", port: 80 }]);
  const own = matched([{ name: "i", uri: exact("/a/b"), headers: { y: exact("2") }, method: exact("GET") }]);
  const [match] = delegatedRules(outer, own)?.match ?? [];
  assert.equal(match?.name, "o-i");
  assert.deepEqual(match.uri?.matchType, { case: "exact", value: "/a/b" });
  assert.equal(match.method?.matchType.value, "GET");
  assert.deepEqual(Object.keys(match.headers), ["x", "y"]);
  assert.deepEqual([match.statPrefix, match.port], ["s", 80]);
});

test("a record is the same until its VirtualService or a delegate changes", () => {
  const root = rules("root", { hosts: ["reviews"], http: [{ delegate: { name: "team" } }] });
  const team = rules("team", { http: [{ route }] });
  const other = rules("other", { hosts: ["other"], http: [{ timeout: "1s", route }] });
  const index = (...objects: readonly MeshObject<VirtualService>[]) => indexVirtualServices(objects, settings).all;
  const [recordOfOther, recordOfRoot] = index(root, team, other);
  const again = index(team, other, root);
  assert.ok(again[0] === recordOfOther && again[1] === recordOfRoot && again.length === 2);
  assert.equal(index(team, root)[0], recordOfRoot);
  const changed = rules("team", { http: [{ redirect: { uri: "/new" } }] });
  const [later] = index(changed, root);
  assert.notEqual(later, recordOfRoot);
  assert.equal(later?.object.spec.http[0]?.redirect?.uri, "/new");
  assert.deepEqual(index(root)[0]?.object.spec.http, []);
});
