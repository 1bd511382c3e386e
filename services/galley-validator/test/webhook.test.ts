import { customResourceDefinitions } from "@lateen/api";
import { isConflict, KubeError, keepWebhookCaBundle } from "@lateen/kube";
import type { KubeObject } from "@lateen/kube";
import { startApiServer } from "@lateen/kube/testing";
import { createMemoryStore } from "@lateen/mesh-store";
import { createKeyAndCsr, createRootCa, issueWorkloadCertificate, openCertificateAuthority } from "@lateen/pki";
import { TlsSource } from "@lateen/rpc";
import type { TlsMaterial } from "@lateen/rpc";
import { createRegistry, httpServer, silentLogger } from "@lateen/runtime";
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { createGalleyValidator } from "../src/index.ts";
import { eventually } from "./harness.ts";

const virtualServices = { apiVersion: "networking.istio.io/v1", plural: "virtualservices" };
const webhooks = { apiVersion: "admissionregistration.k8s.io/v1", plural: "validatingwebhookconfigurations" };
const namespace = "default";
const server = await startApiServer({ crds: customResourceDefinitions() });
const skip = server === undefined ? "no kube-apiserver and etcd on this machine; set KUBE_APISERVER and ETCD" : false;

async function createMaterial(): Promise<TlsMaterial> {
  const authority = await openCertificateAuthority(await createRootCa({ organization: "cluster.local" }));
  const { privateKeyPem, csrPem } = await createKeyAndCsr();
  const identity = { trustDomain: "cluster.local", namespace: "istio-system", serviceAccount: "galley" };
  const request = { csrPem, identity, ipAddresses: ["127.0.0.1"], ttlSeconds: 3600 };
  const { chain } = await issueWorkloadCertificate(authority, request);
  return { certificateChainPem: chain.slice(0, -1).join(""), privateKeyPem, rootsPem: authority.material.rootsPem };
}

function rules(name: string, timeout: string): KubeObject {
  const http = [{ route: [{ destination: { host: "reviews" } }], timeout }];
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { namespace, name },
    spec: { hosts: ["reviews"], http },
  };
}

function configuration(url: string): KubeObject {
  const webhook = {
    name: "validation.lateen.dev",
    clientConfig: { url },
    rules: [
      {
        operations: ["CREATE", "UPDATE", "DELETE"],
        apiGroups: ["networking.istio.io"],
        apiVersions: ["*"],
        resources: ["*"],
      },
    ],
    failurePolicy: "Fail",
    sideEffects: "None",
    admissionReviewVersions: ["v1"],
  };
  return { metadata: { name: "lateen-validator" }, webhooks: [webhook] };
}

describe("the webhook behind a real API server", { skip }, () => {
  after(() => server?.stop());

  test("refuses what is bad, admits what is good, and goes on after the root changed", async () => {
    assert.ok(server);
    const client = server.client();
    const tls = new TlsSource(await createMaterial());
    const stop = new AbortController();
    const galley = createGalleyValidator({
      store: createMemoryStore(),
      source: { kind: "kubernetes", client },
      logger: silentLogger(),
      registry: createRegistry("test"),
    });
    const listening = Promise.withResolvers<string>();
    const web = await httpServer({
      name: "webhook",
      host: "127.0.0.1",
      port: 0,
      tls,
      logger: silentLogger(),
      routes: (app) => galley.admission(app),
      onListening: listening.resolve,
    }).start(stop.signal);
    await client.create(webhooks, configuration(`${await listening.promise}/validate`));
    const options = {
      kind: "ValidatingWebhookConfiguration",
      name: "lateen-validator",
      caBundlePem: () => tls.current?.rootsPem,
      onChange: (changed: () => void) => tls.onChange(changed),
    } as const;
    const trusting = keepWebhookCaBundle(client, options, stop.signal);
    const refusal = (error: unknown): boolean => {
      assert.ok(error instanceof KubeError, String(error));
      assert.equal(error.status, 422, error.message);
      assert.match(
        error.message,
        /VirtualService default\/bad is not valid: spec\.http\[0\]\.timeout: expects a duration/,
      );
      return true;
    };
    try {
      // The API server takes a moment to notice a new configuration, so the first bad object may slip through.
      await eventually(async () => {
        await client.delete(virtualServices, { namespace, name: "bad" }).catch(() => undefined);
        await assert.rejects(client.create(virtualServices, rules("bad", "never")), refusal);
      }, 20_000);
      await client.create(virtualServices, rules("good", "1s"));
      tls.update(await createMaterial());
      await eventually(async () => {
        await client.create(virtualServices, rules("later", "1s")).catch((error: unknown) => {
          if (!isConflict(error)) throw error;
        });
        await assert.rejects(client.create(virtualServices, rules("bad", "never")), refusal);
      }, 20_000);
      assert.equal(await client.delete(virtualServices, { namespace, name: "good" }), true);
    } finally {
      stop.abort();
      await trusting;
      await web?.();
      client.close();
    }
  });
});
