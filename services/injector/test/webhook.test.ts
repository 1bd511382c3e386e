import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { KubeObject } from "@lateen/kube";
import { startApiServer } from "@lateen/kube/testing";
import { createKeyAndCsr, createRootCa, issueWorkloadCertificate, openCertificateAuthority } from "@lateen/pki";
import { TlsSource } from "@lateen/rpc";
import { createRegistry, silentLogger } from "@lateen/runtime";
import { createClusterFacts } from "../src/cluster-facts.ts";
import { createInjector, defaultResources, registerInjectorMetrics } from "../src/index.ts";
import type { InjectorSettings } from "../src/index.ts";

const namespace = "default";
const pods = { apiVersion: "v1", plural: "pods" };
const webhooks = { apiVersion: "admissionregistration.k8s.io/v1", plural: "mutatingwebhookconfigurations" };

const settings: InjectorSettings = {
  proxyImage: "lateen/proxy:test",
  imagePullPolicy: "IfNotPresent",
  imagePullSecrets: [],
  imageTypes: [],
  resources: defaultResources,
  caAddress: "ca:15012",
  discoveryAddress: "pilot:15012",
  tokenAudience: "istio-ca",
  trustDomain: "cluster.local",
  clusterId: "Kubernetes",
  meshId: "cluster.local",
  network: "",
  revision: "default",
  nativeSidecars: false,
};

async function servingCertificate() {
  const authority = await openCertificateAuthority(await createRootCa({ organization: "test" }));
  const { csrPem, privateKeyPem } = await createKeyAndCsr();
  const identity = { trustDomain: "cluster.local", namespace, serviceAccount: "lateen-injector" };
  const { chain } = await issueWorkloadCertificate(authority, {
    csrPem,
    identity,
    dnsNames: ["localhost"],
    ttlSeconds: 600,
  });
  return { certificateChainPem: chain.slice(0, -1).join("\n"), privateKeyPem, rootsPem: authority.material.rootsPem };
}

const api = await startApiServer();
const skip = api === undefined ? "no kube-apiserver and etcd on this machine; set KUBE_APISERVER and ETCD" : false;

describe("as a webhook of a real kube-apiserver", { skip }, async () => {
  if (api === undefined) return;
  const client = api.client();
  const stop = new AbortController();
  const tls = new TlsSource();
  const logger = silentLogger();
  const registry = createRegistry("injector");
  const address = Promise.withResolvers<string>();
  const facts = createClusterFacts({ client, namespace, meshConfigMap: "istio", nativeSidecars: "auto", logger });
  const { component, server } = createInjector({
    client,
    tls,
    logger,
    port: 0,
    webhookConfiguration: "injector",
    metrics: registerInjectorMetrics(registry),
    onListening: address.resolve,
    context: () => ({
      settings: { ...settings, nativeSidecars: facts.nativeSidecars },
      defaultProxyConfig: facts.defaultProxyConfig,
      capturePorts: facts.capturePorts,
    }),
  });
  const running = [component.run(stop.signal), facts.run(stop.signal)];
  const close = await server.start(stop.signal);
  const { port } = new URL(await address.promise);

  await client.create(
    { apiVersion: "v1", plural: "serviceaccounts" },
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace, name: "default" } },
  );
  await client.create(
    { apiVersion: "v1", plural: "configmaps" },
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { namespace, name: "istio" },
      data: { mesh: "proxyListenPort: 15101\ndefaultConfig: { concurrency: 3 }" },
    },
  );
  await client.create(webhooks, {
    apiVersion: webhooks.apiVersion,
    kind: "MutatingWebhookConfiguration",
    metadata: { name: "injector" },
    webhooks: [
      {
        name: "sidecar-injector.istio.io",
        admissionReviewVersions: ["v1"],
        sideEffects: "None",
        failurePolicy: "Fail",
        clientConfig: { url: `https://localhost:${port}/inject` },
        rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
      },
    ],
  });

  after(async () => {
    stop.abort();
    await Promise.all(running);
    await close?.();
    client.close();
    await api.stop();
  });

  const pod = (name: string, metadata: object = {}): KubeObject => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace, name, ...metadata },
    spec: { containers: [{ name: "app", image: "example/app:1" }] },
  });

  /** The webhook is believed only once its caBundle has been written and noticed. */
  async function createWhenTrusted(object: KubeObject): Promise<KubeObject> {
    for (let tries = 0; ; tries += 1) {
      try {
        return await client.create(pods, object);
      } catch (error) {
        if (tries > 1_200 || !/certificate|tls/.test(String(error))) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  test("a pod is created with its sidecar, once the API server trusts the certificate that citadel issued", async () => {
    await assert.rejects(client.create(pods, pod("early")), /certificate|tls/);
    tls.update(await servingCertificate());
    const created = await createWhenTrusted(pod("first"));
    const spec = created["spec"] as {
      initContainers: {
        name: string;
        restartPolicy?: string;
        args?: string[];
        env?: { name: string; value: string }[];
      }[];
      containers: { name: string }[];
    };
    assert.deepEqual(
      spec.initContainers.map(({ name, restartPolicy }) => [name, restartPolicy]),
      [
        ["istio-init", undefined],
        ["istio-proxy", "Always"],
      ],
    );
    assert.deepEqual(
      spec.containers.map(({ name }) => name),
      ["app"],
    );
    assert.deepEqual(spec.initContainers[0]?.args?.slice(0, 4), ["-p", "15101", "-z", "15006"]);
    const config = spec.initContainers[1]?.env?.find(({ name }) => name === "PROXY_CONFIG");
    assert.deepEqual(JSON.parse(config?.value ?? ""), { discoveryAddress: "pilot:15012", concurrency: 3 });
    assert.equal(created.metadata.labels?.["security.istio.io/tlsMode"], "istio");
  });

  test("a new certificate of new roots is trusted without a restart", async () => {
    tls.update(await servingCertificate());
    const expected = Buffer.from(tls.current?.rootsPem ?? "").toString("base64");
    const bundle = async () => {
      const found = (await client.get(webhooks, { name: "injector" })) as KubeObject;
      return (found["webhooks"] as { clientConfig: { caBundle?: string } }[])[0]?.clientConfig.caBundle;
    };
    for (let tries = 0; (await bundle()) !== expected; tries += 1) {
      assert.ok(tries < 3_000, "the roots reach the webhook configuration");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const created = await createWhenTrusted(pod("second"));
    assert.ok(created.metadata.annotations?.["sidecar.istio.io/status"]);
  });

  test("a pod that opts out is left alone; a mistake is refused with field and remedy", async () => {
    const left = await client.create(pods, pod("plain", { labels: { "sidecar.istio.io/inject": "false" } }));
    assert.equal(left.metadata.annotations, undefined);
    const bad = pod("bad", { annotations: { "sidecar.istio.io/proxyCPU": "lots" } });
    await assert.rejects(
      client.create(pods, bad),
      /pod default\/bad cannot get a sidecar: metadata\.annotations\["sidecar\.istio\.io\/proxyCPU"\] is "lots": give a Kubernetes quantity/,
    );
    assert.match(await registry.metrics(), /sidecar_injection_failure_total 1/);
  });

  test("what is no AdmissionReview of a pod is refused", async () => {
    const { request } = await import("node:https");
    const status = await new Promise((resolve, reject) => {
      const call = request({
        host: "localhost",
        port,
        path: "/inject/cluster/a/net/b",
        method: "POST",
        ca: tls.current?.rootsPem,
        headers: { "content-type": "application/json" },
      });
      call
        .on("response", (response) => resolve(response.resume().statusCode))
        .on("error", reject)
        .end('{"kind":"Other"}');
    });
    assert.equal(status, 400);
  });
});
