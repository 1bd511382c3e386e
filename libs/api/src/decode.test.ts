import { create } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decodeMeshConfigMap,
  decodeObject,
  fromConfigObject,
  kinds,
  readDocuments,
  resolveKind,
  toConfigObject,
  unbuiltKinds,
} from "./index.ts";
import type { VirtualService } from "./index.ts";
import { decodeSpec, decodeText, summary } from "./testing/decode-text.ts";

const good = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
  namespace: shop
  labels: {b: "2", a: "1"}
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: "{}"
  creationTimestamp: "2026-01-31T12:00:00Z"
  generation: 3
spec:
  hosts: [reviews]
  http:
  - match:
    - ignore_uri_case: true
    route:
    - destination: {host: reviews}
    timeout: 1h0.5s
`;

test("a good object is its message, its metadata and its origin", () => {
  const result = decodeText(good);
  assert.ok(result.ok);
  const { object } = result;
  const spec = object.spec as VirtualService;
  assert.deepEqual(spec.http[0]?.timeout, create(DurationSchema, { seconds: 3600n, nanos: 500_000_000 }));
  assert.equal(spec.http[0]?.match[0]?.ignoreUriCase, true);
  assert.deepEqual(object.meta, {
    name: "reviews",
    namespace: "shop",
    labels: { a: "1", b: "2" },
    annotations: {},
    createdAtMs: Date.UTC(2026, 0, 31, 12),
    generation: 3,
  });
  assert.deepEqual(object.origin, {
    kind: "VirtualService",
    namespace: "shop",
    name: "reviews",
    file: "test.yaml",
    line: 1,
  });
});

test("the store's form and back is the same object, whatever the order of its maps", () => {
  const result = decodeText(good);
  assert.ok(result.ok);
  const stored = toConfigObject(result.object);
  assert.deepEqual(fromConfigObject(stored), result.object);
  const reordered = decodeText(good.replace(`{b: "2", a: "1"}`, `{a: "1", b: "2"}`));
  assert.ok(reordered.ok);
  assert.deepEqual(toConfigObject(reordered.object), stored);
  assert.equal(fromConfigObject({ ...stored, kind: "Unheard" }), undefined);
  assert.equal(fromConfigObject({ ...stored, spec: new Uint8Array([255, 255, 255]) }), undefined);
});

const misshapen: readonly (readonly [name: string, spec: string, line: number, column: number, message: RegExp])[] = [
  ["a misspelt field", "hots: [a]", 5, 3, /^unknown field "hots"; did you mean "hosts"\?$/],
  [
    "an unknown field",
    "zzzzzz: 1",
    5,
    3,
    /^unknown field "zzzzzz"; known here: hosts, gateways, http, tls, tcp, exportTo$/,
  ],
  ["a string for a list", "hosts: a", 5, 10, /^expects a list, got the string "a"$/],
  ["a number for a string", "hosts: [1]", 5, 11, /^expects a string, got the number 1; write it in quotes: "1"$/],
  [
    "a list for an object",
    "hosts: [a]\nhttp:\n- - a",
    7,
    5,
    /^expects an object with name, match, route, .*, got a list$/,
  ],
  [
    "a string for a number",
    'hosts: [a]\nhttp:\n- route:\n  - weight: "5"',
    8,
    15,
    /^expects a whole number, got the string "5"; write it without quotes$/,
  ],
  [
    "a fraction for a whole number",
    "hosts: [a]\nhttp:\n- route:\n  - weight: 0.5",
    8,
    15,
    /^expects a whole number, got the number 0\.5$/,
  ],
  [
    "a number out of range",
    "hosts: [a]\nhttp:\n- route:\n  - weight: 3000000000",
    8,
    15,
    /^must be from -2147483648 to 2147483647, got 3000000000$/,
  ],
  [
    "a number for a duration",
    "hosts: [a]\nhttp:\n- timeout: 5",
    7,
    14,
    /^expects a duration such as .*, got the number 5; for seconds write "5s"$/,
  ],
  [
    "a word for a boolean",
    'hosts: [a]\nhttp:\n- match:\n  - ignoreUriCase: "true"',
    8,
    22,
    /^expects true or false, got the string "true"; write it without quotes$/,
  ],
  [
    "both members of a oneof",
    "hosts: [a]\nhttp:\n- match:\n  - uri:\n      exact: a\n      prefix: b",
    10,
    9,
    /^"prefix" and "exact" exclude each other; set one of exact, prefix, regex$/,
  ],
  [
    "both names of a field",
    "hosts: [a]\nexportTo: [.]\nexport_to: [.]",
    7,
    3,
    /^is the same field as "exportTo"; keep one of them$/,
  ],
  [
    "an entry of a map",
    "hosts: [a]\nhttp:\n- match:\n  - headers: {x: a}",
    8,
    20,
    /^expects an object with exact, prefix, regex, got the string "a"$/,
  ],
];

for (const [name, spec, line, column, message] of misshapen) {
  test(`${name} is refused at its place`, () => {
    const result = decodeSpec("VirtualService", spec);
    assert.ok(!result.ok);
    const [violation] = result.violations.filter((each) => each.severity === "error");
    assert.match(violation?.message ?? "", message);
    assert.deepEqual([violation?.line, violation?.column], [line, column]);
  });
}

test("an enum's mistake lists what is allowed", () => {
  const result = decodeSpec("PeerAuthentication", "mtls: {mode: strict}");
  assert.ok(!result.ok);
  assert.equal(
    result.violations[0]?.message,
    'expects one of UNSET, DISABLE, PERMISSIVE, STRICT, got the string "strict"; did you mean "STRICT"?',
  );
});

test("all mistakes are collected, and a field that could not be read is not missed as well", () => {
  const result = decodeSpec(
    "VirtualService",
    "hots: [a]\nhttp:\n- route: [{destinaton: {host: a}, weight: -1}]\n  timeout: x",
  );
  assert.deepEqual(summary(result), [
    "spec.hots unknown-field",
    "spec.http[0].route[0].destinaton unknown-field",
    "spec.http[0].timeout type",
    "spec.http[0].route[0].weight range",
  ]);
});

test("a field without a value is told, an empty one is not", () => {
  assert.deepEqual(summary(decodeSpec("PeerAuthentication", "mtls:\nportLevelMtls: {}")), [
    "warning spec.mtls empty-field",
  ]);
});

test("metadata is checked, too", () => {
  const result = decodeText(
    'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: A_b, labels: {v: 1, "a b": x}, lables: {}, namespace: [x]}\nspce: {}\n',
  );
  assert.deepEqual(summary(result), [
    "spce unknown-field",
    "metadata.lables unknown-field",
    "metadata.labels.v type",
    'metadata.labels["a b"] label',
    "metadata.name name",
    "metadata.namespace namespace",
  ]);
});

test("every built version is known, another one is refused with those that are", () => {
  for (const { group, versions, kind } of kinds)
    for (const version of versions) assert.equal(resolveKind(`${group}/${version}`, kind).is, "built");
  const refused = resolveKind("security.istio.io/v2", "PeerAuthentication");
  assert.ok(refused.is === "refused");
  assert.match(refused.message, /use one of security\.istio\.io\/v1, security\.istio\.io\/v1beta1$/);
});

test("kinds that are not built are refused by name, misspelt ones with what was meant, others' are left alone", () => {
  for (const { group, kind } of unbuiltKinds) {
    const resolution = resolveKind(`${group}/v1`, kind === "*" ? "HTTPRoute" : kind);
    assert.ok(resolution.is === "refused" && resolution.code === "kind-not-built", kind);
  }
  const expect = (apiVersion: string, kind: string, message: RegExp): void => {
    const resolution = resolveKind(apiVersion, kind);
    assert.ok(resolution.is === "refused");
    assert.match(resolution.message, message);
  };
  expect("networking.istio.io/v1", "VirtualServce", /did you mean "VirtualService"\?$/);
  expect("networking.istio.io/v1", "PeerAuthentication", /it belongs to security\.istio\.io\/v1$/);
  expect("networking.istio/v1", "VirtualService", /it belongs to networking\.istio\.io\/v1$/);
  assert.equal(resolveKind("apps/v1", "Deployment").is, "foreign");
  assert.equal(resolveKind("appmesh.k8s.aws/v1beta2", "VirtualService").is, "foreign");
});

test("a ConfigMap's mesh settings are read, with positions in the outer file", () => {
  const text =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n  mesh: |-\n    trustDomain: a_b\n    accessLogFile: /dev/stdout\n";
  const [document] = readDocuments(text, "mesh.yaml").documents;
  assert.ok(document);
  const result = decodeMeshConfigMap(document.raw, document);
  assert.ok(!result.ok);
  assert.deepEqual(
    result.violations.map(({ path, line, column, object }) => [path, line, column, object.kind]),
    [["spec.trustDomain", 6, 18, "MeshConfig"]],
  );
  const missing = decodeMeshConfigMap({ metadata: { name: "istio" }, data: { Mesh: "" } }, document);
  assert.ok(!missing.ok);
  assert.match(missing.violations[0]?.message ?? "", /did you mean "Mesh"\?$/);
});

test("any JSON gets an answer", () => {
  const apiVersions = kinds.flatMap((kind) =>
    kind.versions.map((version) => [`${kind.group}/${version}`, kind.kind] as const),
  );
  const fields = [
    ...new Set(
      kinds.flatMap((kind) =>
        kind.schema.fields.flatMap((field) => [
          field.jsonName,
          ...(field.message?.fields.map((inner) => inner.jsonName) ?? []),
        ]),
      ),
    ),
  ];
  const key = fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...fields, "name", "port", "number", "value", "__proto__", "constructor") },
    fc.string(),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 6 },
      fc.constantFrom(null, true, 0, -1, 1.5, Number.NaN, "", "1s", "a", "*"),
      fc.string(),
      fc.integer(),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(key, tie("tree"), { maxKeys: 6 }),
    ),
  }));
  const origin = { kind: "", namespace: "", name: "" };
  fc.assert(
    fc.property(fc.constantFrom(...apiVersions), tree, tree, ([apiVersion, kind], metadata, spec) => {
      for (const raw of [
        spec,
        { apiVersion, kind, metadata, spec },
        { apiVersion, kind, metadata: { name: "a" }, spec },
      ]) {
        const result = decodeObject(raw, { origin });
        if (result.ok) assert.deepEqual(fromConfigObject(toConfigObject(result.object))?.spec, result.object.spec);
        else assert.ok(result.violations.length > 0 && result.violations.every((each) => each.code !== "internal"));
      }
    }),
    { numRuns: 2_000 },
  );
});
