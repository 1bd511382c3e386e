import { customResourceDefinitions, fromConfigObject } from "@lateen/api";
import type { VirtualService } from "@lateen/api";
import type { KubeClient, KubeObject } from "@lateen/kube";
import { startApiServer } from "@lateen/kube/testing";
import { createMemoryStore } from "@lateen/mesh-store";
import type { MeshStore } from "@lateen/mesh-store";
import { serviceFromEntry, workloadFromEntry } from "@lateen/registries";
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { eventually, start } from "./harness.ts";

const virtualServices = { apiVersion: "networking.istio.io/v1", plural: "virtualservices" };
const namespace = "default";
const server = await startApiServer({ crds: customResourceDefinitions() });
const skip = server === undefined ? "no kube-apiserver and etcd on this machine; set KUBE_APISERVER and ETCD" : false;

function rules(name: string, http: object): KubeObject {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { namespace, name },
    spec: { hosts: ["reviews"], http: [http] },
  };
}

const route = [{ destination: { host: "reviews" } }];

async function timeoutOf(store: MeshStore, name: string): Promise<number | undefined> {
  const stored = await store.get(`config.virtualservice.default.${name}`);
  if (stored?.entry.value.case !== "config") return undefined;
  const spec = fromConfigObject(stored.entry.value.value)?.spec as VirtualService | undefined;
  return Number(spec?.http[0]?.timeout?.seconds ?? -1);
}

async function statusOf(
  client: KubeClient,
  name: string,
): Promise<{
  conditions?: { type: string; status: string; message: string }[];
  validationMessages?: { level: string }[];
}> {
  return ((await client.get(virtualServices, { namespace, name }))?.["status"] ?? {}) as Awaited<
    ReturnType<typeof statusOf>
  >;
}

describe("a cluster as the source", { skip }, () => {
  after(() => server?.stop());
  const client = (): KubeClient => {
    assert.ok(server);
    return server.client();
  };

  test("objects come, change and go; the CRDs are accepted and serve every version", async () => {
    const api = client();
    await eventually(async () => void (await api.list(virtualServices)));
    await api.create(virtualServices, rules("reviews", { route, timeout: "1s" }));
    const old = { apiVersion: "networking.istio.io/v1alpha3", plural: "virtualservices" };
    await api.create(old, { ...rules("old", { route, timeout: "2m" }), apiVersion: old.apiVersion });
    const store = createMemoryStore();
    await using running = start("", store, { source: { kind: "kubernetes", client: api } });
    await eventually(async () => assert.equal(await timeoutOf(store, "reviews"), 1));
    await eventually(async () => assert.equal(await timeoutOf(store, "old"), 120));
    await api.patch(
      virtualServices,
      { namespace, name: "reviews" },
      { spec: rules("", { route, timeout: "5s" })["spec"] },
    );
    await eventually(async () => assert.equal(await timeoutOf(store, "reviews"), 5));
    await api.delete(virtualServices, { namespace, name: "old" });
    await eventually(async () => assert.equal(await timeoutOf(store, "old"), undefined));
    await eventually(() =>
      assert.deepEqual(
        running.galley.checks.map((check) => check.check()),
        [{ ready: true }, { ready: true }],
      ),
    );
  });

  test("an object that becomes invalid says so in its status and keeps serving; repaired, it says that", async () => {
    const api = client();
    const store = createMemoryStore();
    await api.create(virtualServices, rules("invalid", { route, timeout: "1s" }));
    await using running = start("", store, { source: { kind: "kubernetes", client: api } });
    await eventually(async () => assert.equal(await timeoutOf(store, "invalid"), 1));
    await api.patch(
      virtualServices,
      { namespace, name: "invalid" },
      { spec: rules("", { route, timeout: "never" })["spec"] },
    );
    await eventually(async () => assert.equal((await statusOf(api, "invalid")).conditions?.[0]?.status, "False"));
    const status = await statusOf(api, "invalid");
    assert.match(status.conditions?.[0]?.message ?? "", /^spec\.http\[0\]\.timeout: expects a duration such as/);
    assert.equal(status.validationMessages?.[0]?.level, "ERROR");
    assert.equal(await timeoutOf(store, "invalid"), 1);
    assert.equal(running.galley.violations()[0]?.object.name, "invalid");
    const [before] = await api.list(virtualServices, { fieldSelector: "metadata.name=invalid" });
    await new Promise((resolve) => setTimeout(resolve, 400));
    const [later] = await api.list(virtualServices, { fieldSelector: "metadata.name=invalid" });
    assert.equal(later?.metadata.resourceVersion, before?.metadata.resourceVersion, "the status is written once");
    await api.patch(
      virtualServices,
      { namespace, name: "invalid" },
      { spec: rules("", { route, timeout: "3s" })["spec"] },
    );
    await eventually(async () => assert.equal(await timeoutOf(store, "invalid"), 3));
    await eventually(async () => assert.equal((await statusOf(api, "invalid")).conditions?.[0]?.status, "True"));
    assert.deepEqual((await statusOf(api, "invalid")).validationMessages, []);
  });

  test("services, endpoints, pods with their node's locality, and the mesh's ConfigMap are followed", async () => {
    const api = client();
    const store = createMemoryStore();
    const core = (plural: string) => ({ apiVersion: "v1", plural });
    await api.create(core("serviceaccounts"), { metadata: { namespace, name: "default" } }).catch(() => undefined);
    await api.create(core("namespaces"), { metadata: { name: "istio-system" } }).catch(() => undefined);
    await api.create(core("configmaps"), {
      metadata: { namespace: "istio-system", name: "istio" },
      data: { mesh: "accessLogFile: /dev/stdout\n" },
    });
    await api.create(core("services"), {
      metadata: { namespace, name: "reviews" },
      spec: { selector: { app: "reviews" }, ports: [{ name: "http", port: 80 }] },
    });
    await api.create(core("pods"), {
      metadata: { namespace, name: "reviews-1", labels: { app: "reviews" } },
      spec: { nodeName: "n1", containers: [{ name: "a", image: "a", ports: [{ name: "http", containerPort: 9080 }] }] },
    });
    await api.patch(
      core("pods"),
      { namespace, name: "reviews-1" },
      { status: { podIP: "10.1.1.1", podIPs: [{ ip: "10.1.1.1" }], phase: "Running" } },
      { subresource: "status" },
    );
    await using _running = start("", store, { source: { kind: "kubernetes", client: api } });
    await eventually(async () => assert.ok(await store.get("config.meshconfig.istio-system.istio")));
    const service = serviceFromEntry(
      (await store.get("service.Kubernetes.default.reviews"))?.entry ?? assert.fail("no service"),
    );
    assert.deepEqual(
      [service?.host, service?.ports[0]?.protocol, service?.addresses.length],
      ["reviews.default.svc.cluster.local", "http", 1],
    );
    const workload = async () =>
      workloadFromEntry(
        (await store.get("workload.Kubernetes.default.reviews-1"))?.entry ?? assert.fail("no workload"),
      );
    assert.deepEqual(
      [(await workload())?.addresses, (await workload())?.ports, (await workload())?.locality.zone],
      [["10.1.1.1"], { http: 9080 }, ""],
    );
    await api.create(core("nodes"), {
      metadata: { name: "n1", labels: { "topology.kubernetes.io/region": "r", "topology.kubernetes.io/zone": "z" } },
    });
    await eventually(async () => assert.equal((await workload())?.locality.zone, "z"));
    const here = async (): Promise<boolean> => (await store.get("service.Kubernetes.default.reviews")) !== undefined;
    const settings = { namespace: "istio-system", name: "istio" };
    const selectors = "discoverySelectors: [{matchLabels: {mesh: inside}}]\n";
    await api.patch(core("configmaps"), settings, { data: { mesh: selectors } });
    await eventually(async () => assert.equal(await here(), false));
    await api.patch(core("namespaces"), { name: namespace }, { metadata: { labels: { mesh: "inside" } } });
    await eventually(async () => assert.equal(await here(), true));
    assert.notEqual(await store.get("config.meshconfig.istio-system.istio"), undefined);
    await api.delete(core("pods"), { namespace, name: "reviews-1" }, { graceSeconds: 0 });
    await eventually(async () => assert.equal(await store.get("workload.Kubernetes.default.reviews-1"), undefined));
  });
});
