import assert from "node:assert/strict";
import { test } from "node:test";
import { formatPath, resolveKind, unservable } from "../index.ts";
import type { Ingress } from "../index.ts";
import { decodeSpec } from "../testing/decode-text.ts";
import { describeSpecs } from "../testing/spec-cases.ts";

const backend = "backend: {service: {name: a, port: {number: 80}}}";
const path = `{path: /, pathType: Prefix, ${backend}}`;
const paths = (text: string): string => `rules: [{http: {paths: [${text}]}}]`;
const first = "spec.rules[0].http.paths[0]";

describeSpecs({
  Ingress: [
    ["a rule", `ingressClassName: a\nrules: [{host: a.example.com, http: {paths: [${path}]}}, {host: "*.b.com"}]`],
    ["only a default backend", "defaultBackend: {service: {name: a, port: {name: http}}}"],
    ["TLS without anything", `tls: [{}]\n${paths(path)}`],
    ["any path of another controller", paths(`{path: "/a(/|$)(.*)", pathType: ImplementationSpecific, ${backend}}`)],
    ["a resource", "defaultBackend: {resource: {kind: Bucket, name: a}}"],
    ["nothing", "{}", "spec.rules required"],
    ["a field of a newer Kubernetes", `${paths(path)}\nnewer: 1`, "warning spec.newer unknown-field"],
    [
      "hosts that are none",
      `tls: [{hosts: ["a b"]}]\nrules: [{host: 10.0.0.1}, {host: "*"}, {host: A.com}, {host: "a.*.com"}]`,
      ...["spec.tls[0].hosts[0] host", "spec.rules[0].host host", "spec.rules[1].host host"],
      ...["spec.rules[2].host host", "spec.rules[3].host host"],
    ],
    ["no path", paths(""), "spec.rules[0].http.paths required"],
    [
      "a path without a beginning and a type",
      paths(`{path: a, ${backend}}`),
      `${first}.path path`,
      `${first}.pathType required`,
    ],
    ["an unknown type", paths(`{path: /, pathType: Regex, ${backend}}`), `${first}.pathType value`],
    ["a path with an empty element", paths(`{path: /a//b, pathType: Exact, ${backend}}`), `${first}.path path`],
    ["no backend", paths("{path: /, pathType: Prefix}"), `${first}.backend required`],
    ["an empty backend", "defaultBackend: {}", "spec.defaultBackend.service required"],
    [
      "a backend of two kinds, its port twice",
      "defaultBackend: {service: {name: A, port: {name: a, number: 1}}, resource: {kind: a, name: a}}",
      "spec.defaultBackend.resource conflict",
      "spec.defaultBackend.service.name name",
      "spec.defaultBackend.service.port.name conflict",
    ],
    [
      "no port, and one that is none",
      `defaultBackend: {service: {name: a}}\n${paths("{path: /, pathType: Prefix, backend: {service: {name: a, port: {number: 70000}}}}")}`,
      "spec.defaultBackend.service.port required",
      `${first}.backend.service.port.number port`,
    ],
  ],
  IngressClass: [
    ["the mesh's", "controller: istio.io/ingress-controller"],
    ["another's with parameters", "controller: example.com/a\nparameters: {kind: A, name: a, scope: Cluster}"],
    ["no controller", "{}", "spec.controller required"],
    ["a controller without a domain", "controller: istio", "spec.controller name"],
    [
      "parameters that nobody reads",
      "controller: istio.io/ingress-controller\nparameters: {kind: A, name: a}",
      "warning spec.parameters no-effect",
    ],
  ],
});

test("an IngressClass is of no namespace, whatever is written", () => {
  const result = decodeSpec("IngressClass", "controller: istio.io/ingress-controller");
  assert.ok(result.ok);
  assert.equal(result.object.meta.namespace, "");
});

test("other kinds of Kubernetes' group, and Ingresses of other groups, are somebody else's", () => {
  assert.equal(resolveKind("networking.k8s.io/v1", "NetworkPolicy").is, "foreign");
  assert.equal(resolveKind("config.openshift.io/v1", "Ingress").is, "foreign");
});

test("what an Ingress of the mesh asks for in vain is told", () => {
  const result = decodeSpec(
    "Ingress",
    `tls: [{hosts: [a.com]}]\ndefaultBackend: {resource: {kind: Bucket, name: a}}\n${paths(
      `{path: "/a?b", pathType: Prefix, ${backend}}, {path: "/a(.*)", pathType: ImplementationSpecific, ${backend}}, {path: "/a/*", pathType: ImplementationSpecific, ${backend}}`,
    )}`,
  );
  assert.ok(result.ok);
  assert.deepEqual(
    unservable(result.object.spec as Ingress).map((each) => `${each.severity} ${formatPath(each.path)} ${each.code}`),
    [
      "error spec.defaultBackend.resource not-built",
      "warning spec.tls[0].secretName no-secret",
      "error spec.rules[0].http.paths[0].path path",
      "warning spec.rules[0].http.paths[1].path path",
    ],
  );
});
