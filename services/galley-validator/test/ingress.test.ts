import type { KubeClient, ResourceType } from "@lateen/kube";
import { startApiServer } from "@lateen/kube/testing";
import { createMemoryStore } from "@lateen/mesh-store";
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { customResourceDefinitions } from "@lateen/api";
import { eventually, start } from "./harness.ts";

const ingresses = { apiVersion: "networking.k8s.io/v1", plural: "ingresses" };
const classes = { apiVersion: "networking.k8s.io/v1", plural: "ingressclasses" };
const core = (plural: string): ResourceType => ({ apiVersion: "v1", plural });
const server = await startApiServer({ crds: customResourceDefinitions() });
const skip = server === undefined ? "no kube-apiserver and etcd on this machine; set KUBE_APISERVER and ETCD" : false;
const gateway = { namespace: "istio-system", name: "istio-ingressgateway" };

async function makeGateway(api: KubeClient): Promise<void> {
  await api.create(core("namespaces"), { metadata: { name: gateway.namespace } }).catch(() => undefined);
  await api.create(core("services"), { metadata: gateway, spec: { type: "LoadBalancer", ports: [{ port: 80 }] } });
  await giveAddresses(api, [{ ip: "192.0.2.1" }]);
}

async function giveAddresses(api: KubeClient, ingress: readonly object[]): Promise<void> {
  await api.patch(core("services"), gateway, { status: { loadBalancer: { ingress } } }, { subresource: "status" });
}

async function makeIngress(api: KubeClient, name: string, ingressClassName: string): Promise<void> {
  const defaultBackend = { service: { name: "reviews", port: { number: 80 } } };
  await api.create(ingresses, { metadata: { namespace: "default", name }, spec: { ingressClassName, defaultBackend } });
}

interface Status {
  readonly loadBalancer?: { readonly ingress?: readonly object[] };
}

async function addressesOf(api: KubeClient, name: string): Promise<readonly object[] | undefined> {
  const object = await api.get(ingresses, { namespace: "default", name });
  return (object?.["status"] as Status | undefined)?.loadBalancer?.ingress;
}

test("an Ingress of the mesh gets the gateway's addresses in its status, another's does not", { skip }, async () => {
  assert.ok(server);
  after(() => server.stop());
  const api = server.client();
  await makeGateway(api);
  await api.create(classes, { metadata: { name: "mesh" }, spec: { controller: "istio.io/ingress-controller" } });
  await api.create(classes, { metadata: { name: "others" }, spec: { controller: "example.com/ingress" } });
  await makeIngress(api, "ours", "mesh");
  await makeIngress(api, "theirs", "others");
  const store = createMemoryStore();
  await using _running = start("", store, { source: { kind: "kubernetes", client: api } });
  await eventually(async () => assert.deepEqual(await addressesOf(api, "ours"), [{ ip: "192.0.2.1" }]));
  assert.ok(await store.get("config.ingress.default.ours"));
  assert.ok(await store.get("config.ingressclass.=.mesh"));
  assert.equal(await addressesOf(api, "theirs"), undefined);
  await giveAddresses(api, [{ hostname: "lb.example.com" }]);
  await eventually(async () => assert.deepEqual(await addressesOf(api, "ours"), [{ hostname: "lb.example.com" }]));
  await api.patch(ingresses, { namespace: "default", name: "ours" }, { spec: { ingressClassName: "others" } });
  await eventually(async () => assert.equal(await addressesOf(api, "ours"), undefined));
});
