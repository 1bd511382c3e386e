import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  KubeError,
  Reflector,
  holdKubeLease,
  isConflict,
  keepWebhookCaBundle,
  loadClient,
  patchStatus,
  patchWebhookCaBundle,
  requestToken,
  reviewToken,
} from "./index.ts";
import type { KubeClient, KubeObject } from "./index.ts";
import { startApiServer } from "./testing/index.ts";
import type { ApiServer } from "./testing/index.ts";
import { Recorder, eventually } from "./testing/recorder.ts";

const configMaps = { apiVersion: "v1", plural: "configmaps" };
const services = { apiVersion: "v1", plural: "services" };
const serviceAccounts = { apiVersion: "v1", plural: "serviceaccounts" };
const namespace = "default";

function configMap(name: string, data: Record<string, string>): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace, name }, data };
}

const server = await startApiServer();
const skip = server === undefined ? "no kube-apiserver and etcd on this machine; set KUBE_APISERVER and ETCD" : false;

describe("against a real kube-apiserver", { skip }, () => {
  let api: ApiServer;
  let client: KubeClient;
  before(() => {
    assert.ok(server);
    api = server;
    client = api.client();
  });
  after(async () => {
    client.close();
    await api.stop();
  });

  test("creates, reads, replaces with CAS, applies, patches, lists and deletes", async () => {
    const created = await client.create(configMaps, configMap("crud", { a: "1" }));
    await assert.rejects(client.create(configMaps, configMap("crud", {})), isConflict);
    await client.replace(configMaps, { ...created, data: { a: "2" } });
    await assert.rejects(client.replace(configMaps, { ...created, data: { a: "3" } }), isConflict);
    await client.apply(configMaps, configMap("crud", { b: "1" }), { fieldManager: "test", force: true });
    const patched = await client.patch(configMaps, { namespace, name: "crud" }, { data: { c: "1" } });
    assert.deepEqual(patched["data"], { a: "2", b: "1", c: "1" });
    const names = (await client.list(configMaps, { namespace, fieldSelector: "metadata.name=crud" })).map(
      (o) => o.metadata.name,
    );
    assert.deepEqual(names, ["crud"]);
    assert.equal(await client.delete(configMaps, { namespace, name: "crud" }), true);
    assert.equal(await client.delete(configMaps, { namespace, name: "crud" }), false);
    assert.equal(await client.get(configMaps, { namespace, name: "crud" }), undefined);
  });

  test("a refusal names verb, object, field", async () => {
    const bad = configMap("Not_A_Name", {});
    await assert.rejects(client.create(configMaps, bad), (error: unknown) => {
      assert.ok(error instanceof KubeError);
      assert.equal(error.status, 422);
      assert.match(error.message, /^create configmaps \(v1\) default\/Not_A_Name: .*metadata\.name/);
      return true;
    });
  });

  test("a kubeconfig file gives the same client; a missing one is refused with a remedy", async () => {
    const fromFile = await loadClient({ kubeconfig: api.kubeconfig });
    assert.equal(await fromFile.raw("/readyz"), "ok");
    fromFile.close();
    await assert.rejects(
      loadClient({ kubeconfig: "/nowhere/kubeconfig" }),
      /\/nowhere\/kubeconfig does not exist; set KUBECONFIG/,
    );
    await assert.rejects(loadClient({ kubeconfig: api.kubeconfig, context: "prod" }), /no context "prod"; it has test/);
  });

  test("a reflector survives kill -9 and restart of the API server without losing a change", async () => {
    for (let n = 0; n < 12; n += 1) await client.create(configMaps, configMap(`before-${n}`, {}));
    const recorder = new Recorder();
    const abort = new AbortController();
    const reflector = new Reflector(client, { type: configMaps, namespace, handler: recorder, pageSize: 5 });
    const run = reflector.run(abort.signal);
    await eventually("synced", () => reflector.synced);
    assert.equal(recorder.log.length, 1);
    await client.create(configMaps, configMap("live", {}));
    await eventually("live", () => recorder.state.has("live"));

    await api.kill();
    await eventually("the outage is noticed", () => reflector.problem !== undefined);
    await api.restart();
    const other = api.client();
    await other.delete(configMaps, { namespace, name: "before-3" });
    await other.create(configMaps, configMap("after", {}));
    await eventually("caught up", () => recorder.state.has("after") && !recorder.state.has("before-3"));
    assert.equal(reflector.problem, undefined);
    assert.equal(recorder.log.filter((line) => line.startsWith("reset")).length, 1, "resumed, not listed again");
    other.close();
    abort.abort();
    await run;
  });

  test("a bookmark moves a quiet watch past changes it does not select", async () => {
    const selection = { namespace, fieldSelector: "metadata.name=quiet" };
    const { resourceVersion } = await client.listPage(configMaps, selection, { limit: 1 });
    const abort = new AbortController();
    const seen: string[] = [];
    const unselected = setTimeout(() => void client.create(configMaps, configMap("loud", {})), 200);
    // The server sends one about two seconds before it ends a watch.
    for await (const { type, object } of client.watch(
      configMaps,
      { ...selection, resourceVersion, timeoutSeconds: 12 },
      { signal: abort.signal },
    ))
      seen.push(`${type} ${Number(object.metadata.resourceVersion) > Number(resourceVersion)}`);
    clearTimeout(unselected);
    assert.deepEqual([...new Set(seen)], ["BOOKMARK true"]);
  });

  test("one holder at a time; a released lease is taken over at once, a dead holder's after its duration", async () => {
    const held: string[] = [];
    const contend = (holder: string, signal: AbortSignal) => {
      const onHeld = async (lost: AbortSignal) => {
        held.push(`${holder} on`);
        await new Promise((resolve) => lost.addEventListener("abort", resolve));
        held.push(`${holder} off`);
      };
      return holdKubeLease(client, { namespace, name: "leader", holder, onHeld, durationMs: 5_000 }, signal);
    };
    const [first, second] = [new AbortController(), new AbortController()];
    const one = contend("one", first.signal);
    await eventually("one holds", () => held.includes("one on"));
    const two = contend("two", second.signal);
    await new Promise((resolve) => setTimeout(resolve, 6_000)); // longer than the lease: it is renewed
    assert.deepEqual(held, ["one on"]);
    first.abort();
    await one;
    await eventually("two holds", () => held.includes("two on"));
    assert.deepEqual(held, ["one on", "one off", "two on"]);
    // Somebody takes it by force, as after a partition: the holder notices and stops.
    const leases = { apiVersion: "coordination.k8s.io/v1", plural: "leases" };
    await client.patch(
      leases,
      { namespace, name: "leader" },
      { spec: { holderIdentity: "ghost", leaseDurationSeconds: 2 } },
    );
    await eventually("two stops", () => held.includes("two off"));
    await eventually(
      "two again, after the ghost's lease expired",
      () => held.filter((h) => h === "two on").length === 2,
    );
    second.abort();
    await two;
  });

  test("a token is reviewed for its audience", async () => {
    const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace, name: "app" } };
    await client.create(serviceAccounts, account);
    const token = await requestToken(client, { namespace, serviceAccount: "app", audiences: ["istio-ca"] });
    const good = await reviewToken(client, token, ["istio-ca"]);
    assert.ok(good.authenticated);
    assert.deepEqual(good.serviceAccount, { namespace, name: "app" });
    assert.equal((await reviewToken(client, token, ["https://kubernetes.default.svc"])).authenticated, false);
    assert.equal((await reviewToken(client, "garbage", ["istio-ca"])).authenticated, false);
  });

  test("a status is merged through its subresource; an object that is gone is no error", async () => {
    const spec = { ports: [{ port: 80 }] };
    await client.create(services, { apiVersion: "v1", kind: "Service", metadata: { namespace, name: "web" }, spec });
    const status = { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } };
    await client.patch(services, { namespace, name: "web" }, { spec: { type: "LoadBalancer" } });
    assert.equal(await patchStatus(client, services, { namespace, name: "web" }, status), true);
    assert.deepEqual((await client.get(services, { namespace, name: "web" }))?.["status"], {
      loadBalancer: { ingress: [{ ip: "192.0.2.1", ipMode: "VIP" }] },
    });
    assert.equal(await patchStatus(client, services, { namespace, name: "absent" }, status), false);
  });

  test("a webhook configuration gets its CA bundle, and again after an upgrade has overwritten it", async () => {
    const webhooks = { apiVersion: "admissionregistration.k8s.io/v1", plural: "validatingwebhookconfigurations" };
    const hook = (name: string) => ({
      name,
      admissionReviewVersions: ["v1"],
      sideEffects: "None",
      rules: [],
      clientConfig: { service: { namespace, name: "hook" } },
    });
    const object = {
      apiVersion: webhooks.apiVersion,
      kind: "ValidatingWebhookConfiguration",
      metadata: { name: "hooks" },
    };
    await client.create(webhooks, { ...object, webhooks: [hook("a.lateen.dev"), hook("b.lateen.dev")] });
    const { certificatePem } = await import("./testing/certificate.ts");
    const kind = "ValidatingWebhookConfiguration";
    const bundles = async () => {
      const found = (await client.get(webhooks, { name: "hooks" })) as KubeObject;
      return (found["webhooks"] as { clientConfig: { caBundle?: string } }[]).map(
        ({ clientConfig }) => clientConfig.caBundle,
      );
    };
    const abort = new AbortController();
    const keeping = keepWebhookCaBundle(
      client,
      { kind, name: "hooks", caBundlePem: () => certificatePem },
      abort.signal,
    );
    const kept = async () => (await bundles()).every((bundle) => bundle !== undefined);
    for (let tries = 0; tries < 3_000 && !(await kept()); tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 20));
    const { metadata } = (await client.get(webhooks, { name: "hooks" })) as KubeObject;
    await client.replace(webhooks, { ...object, metadata, webhooks: [hook("a.lateen.dev")] }); // an upgrade forgets the bundle
    for (let tries = 0; tries < 3_000 && !(await kept()); tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(await bundles(), [Buffer.from(certificatePem).toString("base64")]);
    abort.abort();
    await keeping;
    await client.patch(webhooks, { name: "hooks" }, { webhooks: [hook("a.lateen.dev"), hook("b.lateen.dev")] });
    assert.equal(await patchWebhookCaBundle(client, { kind, name: "hooks" }, certificatePem), "patched");
    assert.equal(await patchWebhookCaBundle(client, { kind, name: "hooks" }, certificatePem), "unchanged");
    assert.equal(await patchWebhookCaBundle(client, { kind, name: "absent" }, certificatePem), "missing");
    assert.deepEqual(
      (await bundles()).map((bundle) => Buffer.from(bundle ?? "", "base64").toString()),
      [certificatePem, certificatePem],
    );
  });
});
