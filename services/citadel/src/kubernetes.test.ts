import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { KubeClient, KubeObject } from "@lateen/kube";
import { startApiServer } from "@lateen/kube/testing";
import { createMemoryStore } from "@lateen/mesh-store";
import { createRootCa } from "@lateen/pki";
import type { CallContext } from "@lateen/rpc";
import { silentLogger } from "@lateen/runtime";
import { KubernetesSecrets, authenticate, createRootConfigMaps, kubernetesToken } from "./index.ts";
import { eventually } from "./testing/test-citadel.ts";

const configMaps = { apiVersion: "v1", plural: "configmaps" };
const namespaces = { apiVersion: "v1", plural: "namespaces" };
const secrets = { apiVersion: "v1", plural: "secrets" };
const serviceAccounts = { apiVersion: "v1", plural: "serviceaccounts" };

const api = await startApiServer();
after(() => api?.stop());
const skip = api === undefined ? "no kube-apiserver and etcd on this machine; set KUBE_APISERVER and ETCD" : false;

describe("against a real kube-apiserver", { skip }, () => {
  const client = api?.client() as KubeClient;
  const rootIn = async (namespace: string) =>
    (
      (await client.get(configMaps, { namespace, name: "istio-ca-root-cert" }))?.["data"] as
        | Record<string, string>
        | undefined
    )?.["root-cert.pem"];

  test("every namespace gets the roots, edits are undone, new roots follow", async (context) => {
    const [one, next] = [await createRootCa({ organization: "one" }), await createRootCa({ organization: "next" })];
    let roots = one.rootsPem;
    let tell = () => {};
    const stop = new AbortController();
    const common = { client, store: createMemoryStore(), rootsPem: () => roots, logger: silentLogger() };
    const writers = ["a", "b"].map((holder) =>
      createRootConfigMaps({
        ...common,
        holder,
        onRootsChanged: (listener) => {
          tell = listener;
          return () => {};
        },
      }),
    );
    const running = Promise.all(writers.map((writer) => writer.run(stop.signal)));
    context.after(async () => {
      stop.abort();
      await running;
    });
    await eventually("the default namespace", async () => (await rootIn("default")) === one.rootsPem);
    await client.create(namespaces, namespace("shop"));
    await eventually("a new namespace", async () => (await rootIn("shop")) === one.rootsPem);
    assert.equal(await rootIn("kube-system"), undefined);
    await client.patch(
      configMaps,
      { namespace: "shop", name: "istio-ca-root-cert" },
      { data: { "root-cert.pem": "mine" } },
    );
    await eventually("an edit is undone", async () => (await rootIn("shop")) === one.rootsPem);
    await client.delete(configMaps, { namespace: "shop", name: "istio-ca-root-cert" });
    await eventually("a deletion is undone", async () => (await rootIn("shop")) === one.rootsPem);
    roots = next.rootsPem;
    tell();
    await eventually(
      "new roots",
      async () => (await rootIn("shop")) === next.rootsPem && (await rootIn("default")) === next.rootsPem,
    );
  });

  test("a projected token names its pod's account; other audiences and users are refused", async () => {
    await client.create(namespaces, namespace("tokens"));
    const account = { namespace: "tokens", name: "reviews" };
    await client.create(serviceAccounts, { apiVersion: "v1", kind: "ServiceAccount", metadata: account });
    const authenticators = [kubernetesToken({ client, trustDomain: "cluster.local" })];
    const who = (token: string) => authenticate(authenticators, contextWith(token));
    assert.deepEqual(await who(await tokenFor(account, "istio-ca")), {
      trustDomain: "cluster.local",
      namespace: "tokens",
      serviceAccount: "reviews",
    });
    await assert.rejects(
      who(await tokenFor(account, "https://kubernetes.default.svc")),
      /kubernetes token: .*(audience|istio-ca|not known|invalid)/,
    );
    await assert.rejects(who("nonsense"), /kubernetes token: /);
    await assert.rejects(who(api?.token ?? ""), /kubernetes token: /);
  });

  test("a Secret is watched by name", async () => {
    await client.create(namespaces, namespace("gateways"));
    const source = new KubernetesSecrets(client, silentLogger());
    const stop = new AbortController();
    const answers = source.watch({ namespace: "gateways", name: "web" }, stop.signal)[Symbol.asyncIterator]();
    assert.equal((await answers.next()).value, undefined);
    const metadata = { namespace: "gateways", name: "web" };
    await client.create(secrets, { apiVersion: "v1", kind: "Secret", metadata, stringData: { cert: "1" } });
    assert.equal((await answers.next()).value?.get("cert")?.toString(), "1");
    await client.delete(secrets, metadata);
    assert.equal((await answers.next()).value, undefined);
    stop.abort();
    assert.equal((await answers.next()).done, true);
  });

  async function tokenFor(account: { namespace: string; name: string }, audience: string): Promise<string> {
    const request = {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      metadata: account,
      spec: { audiences: [audience], expirationSeconds: 600 },
    };
    const path = { apiVersion: "v1", plural: `serviceaccounts/${account.name}/token` };
    const answer = await client.create(path, request);
    return (answer["status"] as { token: string }).token;
  }
});

test("without an API server the caller is told to try again", async () => {
  const broken = { create: () => Promise.reject(new Error("connect ECONNREFUSED")) } as unknown as KubeClient;
  await assert.rejects(
    authenticate([kubernetesToken({ client: broken, trustDomain: "t" })], contextWith("x")),
    /kubernetes token cannot be checked now/,
  );
});

function namespace(name: string): KubeObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

function contextWith(token: string): CallContext {
  const metadata = new Map([["authorization", `Bearer ${token}`]]);
  return { signal: new AbortController().signal, peerAddress: "", peer: { kind: "none" }, secure: true, metadata };
}
