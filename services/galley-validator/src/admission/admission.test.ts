import { createRegistry, silentLogger } from "@lateen/runtime";
import { fastify } from "fastify";
import assert from "node:assert/strict";
import { test } from "node:test";
import { registerGalleyMetrics } from "../metrics.ts";
import { registerAdmission } from "./routes.ts";
import { readReview, review } from "./review.ts";
import type { AdmissionResponse } from "./review.ts";

const route = { route: [{ destination: { host: "reviews" } }] };

function object(http: object, metadata: object = { name: "reviews", namespace: "shop" }): object {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata,
    spec: { hosts: ["reviews"], http: [http] },
  };
}

function request(operation: string, raw: unknown, more: object = {}): object {
  const kind = { group: "networking.istio.io", version: "v1", kind: "VirtualService" };
  const resource = { group: "networking.istio.io", version: "v1", resource: "virtualservices" };
  return {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: { uid: "u1", operation, kind, resource, namespace: "shop", name: "reviews", object: raw, ...more },
  };
}

async function post(
  payload: object,
  path = "/validate",
): Promise<{ status: number; response: AdmissionResponse; metrics: string }> {
  const app = fastify();
  const registry = createRegistry("test");
  await registerAdmission(app, {
    rootNamespace: "istio-system",
    metrics: registerGalleyMetrics(registry),
    logger: silentLogger(),
  });
  const answer = await app.inject({ method: "POST", url: path, payload });
  await app.close();
  return {
    status: answer.statusCode,
    response: answer.json<{ response: AdmissionResponse }>().response,
    metrics: await registry.metrics(),
  };
}

test("a good object is admitted, on any path below /validate", async () => {
  const { response, metrics } = await post(request("CREATE", object(route)), "/validate/default");
  assert.deepEqual(response, { uid: "u1", allowed: true });
  assert.match(
    metrics,
    /galley_validation_passed\{group="networking\.istio\.io",version="v1",resource="virtualservices"\} 1/,
  );
});

test("a bad one is refused with every field and remedy", async () => {
  const { response, metrics } = await post(request("CREATE", object({ ...route, timeout: 5, fault: {} })));
  assert.equal(response.allowed, false);
  assert.equal(response.status?.code, 422);
  assert.match(
    response.status?.message ?? "",
    /^VirtualService shop\/reviews is not valid: spec\.http\[0\]\.timeout: expects a duration .* write "5s"; spec\.http\[0\]\.fault: needs a delay or an abort$/,
  );
  assert.deepEqual(
    (response.status?.details as { causes: { field: string }[] } | undefined)?.causes.map((cause) => cause.field),
    ["spec.http[0].timeout", "spec.http[0].fault"],
  );
  assert.match(
    metrics,
    /galley_validation_failed\{group="networking\.istio\.io",version="v1",resource="virtualservices",reason="type"\} 1/,
  );
});

test("what is not built is warned of", async () => {
  const group = "networking.istio.io";
  const server = {
    port: { number: 80, name: "http", protocol: "HTTP" },
    hosts: ["*"],
    defaultEndpoint: "127.0.0.1:80",
  };
  const gateway = {
    apiVersion: `${group}/v1`,
    kind: "Gateway",
    metadata: { name: "edge", namespace: "shop" },
    spec: { selector: { app: "edge" }, servers: [server] },
  };
  const kind = { group, version: "v1", kind: "Gateway" };
  const { response } = await post(request("CREATE", gateway, { kind }));
  assert.equal(response.allowed, true);
  assert.match(response.warnings?.[0] ?? "", /^spec\.servers\[0\]\.defaultEndpoint: is not built yet/);
});

test("kinds that are not built are refused by name, others' kinds pass", async () => {
  const kind = { group: "install.istio.io", version: "v1alpha1", kind: "IstioOperator" };
  const refused = await post(
    request(
      "CREATE",
      { apiVersion: "install.istio.io/v1alpha1", kind: "IstioOperator", metadata: { name: "a" } },
      { kind },
    ),
  );
  assert.match(refused.response.status?.message ?? "", /IstioOperator .* is not built yet and is refused/);
  const foreign = await post(
    request(
      "CREATE",
      { apiVersion: "apps/v1", kind: "Deployment" },
      { kind: { group: "apps", version: "v1", kind: "Deployment" } },
    ),
  );
  assert.equal(foreign.response.allowed, true);
});

test("deletion is always allowed, and so is letting go of finalizers", async () => {
  assert.equal((await post(request("DELETE", null))).response.allowed, true);
  const going = object({ timeout: 5 }, { name: "reviews", deletionTimestamp: "2026-01-01T00:00:00Z" });
  assert.equal((await post(request("UPDATE", going))).response.allowed, true);
});

test("an update that leaves a bad spec as it is passes with a warning, one that changes it does not", async () => {
  const bad = object({ ...route, timeout: 5 });
  const { response } = await post(request("UPDATE", bad, { oldObject: bad }));
  assert.equal(response.allowed, true);
  assert.match(response.warnings?.[0] ?? "", /allowed because the spec did not change/);
  assert.equal((await post(request("UPDATE", bad, { oldObject: object(route) }))).response.allowed, false);
});

test("the mesh's ConfigMap is judged, generated names are fine, and what is no review is a bad request", async () => {
  const kind = { group: "", version: "v1", kind: "ConfigMap" };
  const configMap = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "istio", namespace: "istio-system" },
    data: { mesh: "trustDomain: a_b" },
  };
  assert.equal(
    (await post(request("UPDATE", configMap, { kind, namespace: "istio-system", name: "istio" }))).response.allowed,
    false,
  );
  assert.equal(
    (await post(request("CREATE", object(route, { generateName: "reviews-" }), { name: "" }))).response.allowed,
    true,
  );
  assert.equal((await post({ kind: "Other" })).status, 400);
  assert.equal((await post(request("CREATE", "text"))).response.allowed, false);
});

test("an Ingress that cannot be served is refused where it is the mesh's, and let be where it is not", () => {
  const spec = { ingressClassName: "a", defaultBackend: { resource: { kind: "Bucket", name: "static" } } };
  const raw = { apiVersion: "networking.k8s.io/v1", kind: "Ingress", metadata: { name: "web" }, spec };
  const kind = { group: "networking.k8s.io", version: "v1", kind: "Ingress" };
  const body = { ...request("CREATE", raw), request: { ...asked, kind, name: "web", object: raw } };
  const judged = readReview(body);
  assert.ok(judged);
  const answer = (serves: boolean) => review(judged, "istio-system", { serves: () => serves }).response;
  assert.equal(answer(false).allowed, true);
  assert.equal(answer(true).allowed, false);
  assert.match(answer(true).status?.message ?? "", /spec\.defaultBackend\.resource: Bucket "static" cannot be served/);
});

const asked = { uid: "u1", operation: "CREATE", namespace: "shop", resource: {} };
