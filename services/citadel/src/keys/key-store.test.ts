import assert from "node:assert/strict";
import { chmod, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, after, test } from "node:test";
import { startApiServer } from "@lateen/kube/testing";
import { type CaMaterial, createRootCa, openCertificateAuthority, renewRootCa } from "@lateen/pki";
import { type KeyStore, createDirectoryKeyStore, createKubernetesKeyStore, createMemoryKeyStore } from "../index.ts";
import { scratchFolder } from "../testing/test-citadel.ts";

const api = await startApiServer();
after(() => api?.stop());
const noApi = api === undefined && "no kube-apiserver and etcd on this machine; set KUBE_APISERVER and ETCD";
const client = api?.client();

const newCa = () => createRootCa({ organization: "cluster.local" });

/** Two stores over the same place, as two replicas have. */
type Pair = readonly [KeyStore, KeyStore];
const implementations: { name: string; skip: false | string; open: (context: TestContext) => Promise<Pair> }[] = [
  {
    name: "memory",
    skip: false,
    open: async () => {
      const store = createMemoryKeyStore();
      return [store, store];
    },
  },
  {
    name: "directory",
    skip: false,
    open: async (context) => {
      const folder = join(await scratchFolder(context), "state");
      return [createDirectoryKeyStore(folder), createDirectoryKeyStore(folder)];
    },
  },
  {
    name: "kubernetes",
    skip: noApi,
    open: async () => {
      assert.ok(client);
      const name = `ca-${Math.random().toString(36).slice(2)}`;
      await client.create(
        { apiVersion: "v1", plural: "namespaces" },
        { apiVersion: "v1", kind: "Namespace", metadata: { name } },
      );
      return [createKubernetesKeyStore(client, name), createKubernetesKeyStore(client, name)];
    },
  },
];

for (const { name, skip, open } of implementations) {
  test(`${name}: of several that create a CA at once, one wins and all get it`, { skip }, async (context) => {
    const [one, other] = await open(context);
    const all = await Promise.all([one, other, one, other].map((store) => store.loadOrCreate(newCa)));
    assert.equal(new Set(all.map(({ material }) => material.privateKeyPem)).size, 1);
    await openCertificateAuthority(all[0]?.material as CaMaterial);
    assert.ok(all.every(({ selfSigned }) => selfSigned));
  });

  test(`${name}: a renewal is seen by the others, a second one of the same state is refused`, {
    skip,
  }, async (context) => {
    const [one, other] = await open(context);
    const stored = await one.loadOrCreate(newCa);
    const renewed = await renewRootCa(stored.material, { organization: "cluster.local", ttlSeconds: 7200 });
    assert.equal(await one.replace(stored, renewed), true);
    assert.equal(await other.replace(stored, await newCa()), false);
    const seen = await other.loadOrCreate(newCa);
    assert.equal(seen.material.certificatePem, renewed.certificatePem);
    await openCertificateAuthority(seen.material);
  });
}

test("directory: files are the owner's alone, and one that is not is refused", async (context) => {
  const folder = join(await scratchFolder(context), "state");
  const store = createDirectoryKeyStore(folder);
  await store.loadOrCreate(newCa);
  const own = join(folder, "istio-ca-secret");
  for (const file of await readdir(own)) assert.equal((await stat(join(own, file))).mode & 0o777, 0o600);
  assert.equal((await stat(own)).mode & 0o777, 0o700);
  assert.deepEqual(await readdir(folder), ["istio-ca-secret"], "no scratch is left");
  await chmod(join(own, "ca-key.pem"), 0o644);
  await assert.rejects(store.loadOrCreate(newCa), /may be read by others \(mode 644\): chmod 600/);
});

test("directory: a plugged-in CA takes precedence, one with a part missing is named", async (context) => {
  const folder = await scratchFolder(context);
  const store = createDirectoryKeyStore(folder);
  await store.loadOrCreate(newCa);
  const plugged = await newCa();
  await mkdir(join(folder, "cacerts"));
  const write = (name: string, content: string) => writeFile(join(folder, "cacerts", name), content, { mode: 0o600 });
  await write("ca-cert.pem", plugged.certificatePem);
  await write("ca-key.pem", plugged.privateKeyPem);
  await assert.rejects(store.loadOrCreate(newCa), /cacerts lacks root-cert.pem; it has ca-cert.pem, ca-key.pem/);
  await write("root-cert.pem", plugged.rootsPem);
  await write("cert-chain.pem", plugged.certificatePem);
  const stored = await store.loadOrCreate(newCa);
  assert.deepEqual([stored.selfSigned, stored.material], [false, { ...plugged, intermediatesPem: "" }]);
});

test("kubernetes: the Secret is Istio's, and cacerts takes precedence in both of its forms", {
  skip: noApi,
}, async () => {
  assert.ok(client);
  const namespace = "default";
  const secrets = { apiVersion: "v1", plural: "secrets" };
  const store = createKubernetesKeyStore(client, namespace);
  const own = await store.loadOrCreate(newCa);
  const secret = await client.get(secrets, { namespace, name: "istio-ca-secret" });
  assert.equal(secret?.["type"], "istio.io/ca-root");
  assert.deepEqual(Object.keys(secret?.["data"] as object).sort(), ["ca-cert.pem", "ca-key.pem"]);
  const plugged = await newCa();
  const forms = [
    {
      "ca-cert.pem": plugged.certificatePem,
      "ca-key.pem": plugged.privateKeyPem,
      "root-cert.pem": plugged.rootsPem,
      "cert-chain.pem": plugged.certificatePem,
    },
    { "tls.crt": plugged.certificatePem, "tls.key": plugged.privateKeyPem, "ca.crt": plugged.rootsPem },
  ];
  for (const stringData of forms) {
    await client.create(secrets, {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { namespace, name: "cacerts" },
      stringData,
    });
    const stored = await store.loadOrCreate(newCa);
    assert.equal(stored.selfSigned, false);
    assert.equal(stored.material.privateKeyPem, plugged.privateKeyPem);
    await openCertificateAuthority(stored.material);
    await client.delete(secrets, { namespace, name: "cacerts" });
  }
  assert.equal((await store.loadOrCreate(newCa)).material.privateKeyPem, own.material.privateKeyPem);
});
