import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { createKeyAndCsr, createRootCa, issueWorkloadCertificate, openCertificateAuthority } from "@lateen/pki";
import {
  GatewaySecrets,
  type SecretMaterial,
  WatchSecretRequestSchema,
} from "@lateen/protos/mesh/identity/v1/gateway_secrets_pb.js";
import { RpcCode, RpcError, createClient, createGrpcServer, openChannel } from "@lateen/rpc";
import { silentLogger } from "@lateen/runtime";
import { FolderSecrets } from "../index.ts";
import { scratchFolder, startCitadel } from "../testing/test-citadel.ts";
import { caMaterial, certificateMaterial, pullMaterial } from "./material.ts";

async function newPair(): Promise<{ certificate: string; key: string; ca: string }> {
  const authority = await openCertificateAuthority(await createRootCa({ organization: "gateways" }));
  const { csrPem, privateKeyPem } = await createKeyAndCsr();
  const identity = { trustDomain: "t", namespace: "n", serviceAccount: "s" };
  const { chain } = await issueWorkloadCertificate(authority, {
    csrPem,
    identity,
    dnsNames: ["shop.example"],
    ttlSeconds: 3600,
  });
  return { certificate: chain[0] ?? "", key: privateKeyPem, ca: authority.material.rootsPem };
}

function secretOf(entries: Record<string, string>): ReadonlyMap<string, Buffer> {
  return new Map(Object.entries(entries).map(([key, value]) => [key, Buffer.from(value)]));
}

test("both forms of a Secret give the same material; equal content has an equal version", async () => {
  const { certificate, key, ca } = await newPair();
  const tls = certificateMaterial(secretOf({ "tls.crt": certificate, "tls.key": key, "ca.crt": ca }));
  const generic = certificateMaterial(secretOf({ cert: certificate, key, cacert: ca }));
  assert.equal(tls.problem, "");
  assert.equal(Buffer.from(tls.privateKeyPem).toString(), key);
  assert.equal(Buffer.from(tls.caCertificatesPem).toString(), ca);
  assert.deepEqual(tls, generic);
});

test("a revocation list and a staple go with either form, and with the authorities alone", async () => {
  const { certificate, key, ca } = await newPair();
  const list = "-----BEGIN X509 CRL-----\nAA==\n-----END X509 CRL-----\n";
  const tls = certificateMaterial(
    secretOf({ "tls.crt": certificate, "tls.key": key, "ca.crt": ca, "ca.crl": list, "tls.ocsp-staple": "DER" }),
  );
  assert.deepEqual(
    [Buffer.from(tls.revocationListPem).toString(), Buffer.from(tls.ocspStaple).toString()],
    [list, "DER"],
  );
  const generic = certificateMaterial(secretOf({ cert: certificate, key, cacert: ca, crl: list }));
  assert.equal(Buffer.from(generic.revocationListPem).toString(), list);
  const alone = caMaterial(undefined, secretOf({ cacert: ca, crl: list }));
  assert.equal(Buffer.from(alone.revocationListPem).toString(), list);
  assert.notEqual(alone.version, caMaterial(undefined, secretOf({ cacert: ca })).version);
  assert.match(caMaterial(secretOf({ cacert: ca, crl: "x" }), undefined).problem, /no PEM list/);
});

const unusable = [
  {
    name: "no pair",
    entries: { other: "x" },
    problem: /has none of tls.crt and tls.key, or cert and key: its keys are other/,
  },
  { name: "no key", entries: { "tls.crt": "CERT" }, problem: /lacks tls.key/ },
  {
    name: "a certificate that is none",
    entries: { "tls.crt": "x", "tls.key": "KEY" },
    problem: /tls.crt: no PEM certificate in it/,
  },
  {
    name: "a key that is none",
    entries: { cert: "CERT", key: "x" },
    problem: /key is not an unencrypted PEM private key/,
  },
  { name: "another's key", entries: { cert: "CERT", key: "OTHER" }, problem: /key is not the key of cert/ },
  {
    name: "a bad CA",
    entries: { cert: "CERT", key: "KEY", cacert: "x" },
    problem: /CA certificates: no PEM certificate/,
  },
];
for (const { name, entries, problem } of unusable) {
  test(`a Secret with ${name} is found, unusable, and says why`, async () => {
    const [pair, other] = [await newPair(), await newPair()];
    const values: Record<string, string> = { CERT: pair.certificate, KEY: pair.key, OTHER: other.key };
    const material = certificateMaterial(
      secretOf(Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, values[value] ?? value]))),
    );
    assert.ok(material.found);
    assert.match(material.problem, problem);
    assert.equal(material.privateKeyPem.length, 0);
  });
}

test("a -cacert name is served from the Secret of that name, else from the pair's", async () => {
  const [one, other] = [await newPair(), await newPair()];
  const text = (material: SecretMaterial) => Buffer.from(material.caCertificatesPem).toString();
  const pair = secretOf({ "tls.crt": one.certificate, "tls.key": one.key, "ca.crt": one.ca });
  assert.equal(text(caMaterial(secretOf({ cacert: other.ca }), pair)), other.ca);
  assert.equal(text(caMaterial(undefined, pair)), one.ca);
  assert.equal(caMaterial(undefined, pair).privateKeyPem.length, 0, "never the key");
  assert.equal(caMaterial(undefined, undefined).found, false);
  assert.match(caMaterial(secretOf({ x: "" }), undefined).problem, /neither ca.crt nor cacert/);
});

test("of a Secret for pulling images only the Docker configuration is sent", async () => {
  const { certificate, key } = await newPair();
  const config = '{"auths": {}}';
  const material = pullMaterial(secretOf({ "tls.crt": certificate, "tls.key": key, ".dockerconfigjson": config }));
  assert.equal(Buffer.from(material.dockerConfigJson).toString(), config);
  assert.equal(material.privateKeyPem.length + material.certificateChainPem.length, 0);
  assert.equal(certificateMaterial(secretOf({ ".dockerconfigjson": config })).dockerConfigJson.length, 0);
  assert.equal(pullMaterial(undefined).found, false);
  assert.match(pullMaterial(secretOf({ password: "x" })).problem, /should be kubernetes\.io\/dockerconfigjson/);
  const wrong = pullMaterial(secretOf({ ".dockerconfigjson": "s3cret" })).problem;
  assert.match(wrong, /is not JSON with auths/);
  assert.ok(!wrong.includes("s3cret"));
});

const pilot = { namespace: "istio-system", serviceAccount: "lateen-pilot" };

async function startWithFolder(context: TestContext) {
  const folder = await scratchFolder(context);
  const secrets = new FolderSecrets({ directory: folder, logger: silentLogger(), rescanMs: 100 });
  const target = await startCitadel(context, {
    secrets,
    secretReaders: ["spiffe://cluster.local/ns/istio-system/sa/lateen-pilot"],
  });
  const watch = async (name: string, signal: AbortSignal, account = pilot) => {
    const channel = openChannel(target.address, { kind: "tls", roots: target.roots });
    signal.addEventListener("abort", () => channel.close());
    const metadata = { authorization: `Bearer ${await target.tokens.mintToken(account)}` };
    const stream = createClient(GatewaySecrets, channel).watchSecret(
      create(WatchSecretRequestSchema, { namespace: "shop", name }),
      { signal, metadata },
    );
    return stream[Symbol.asyncIterator]();
  };
  return { folder, target, watch };
}

function manifest(name: string, pair: { certificate: string; key: string; ca: string }): string {
  const stringData = { "tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": pair.ca };
  return JSON.stringify({ apiVersion: "v1", kind: "Secret", metadata: { namespace: "shop", name }, stringData });
}

test("in folder mode a watch follows edits: absent, created, broken, repaired, removed", async (context) => {
  const { folder, watch } = await startWithFolder(context);
  const stop = new AbortController();
  context.after(() => stop.abort());
  const answers = await watch("web", stop.signal);
  const next = async () => (await answers.next()).value as SecretMaterial;
  assert.equal((await next()).found, false);
  const [one, other] = [await newPair(), await newPair()];
  const file = join(folder, "secrets.yaml");
  await writeFile(file, `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\n${manifest("web", one)}\n`);
  assert.equal(Buffer.from((await next()).privateKeyPem).toString(), one.key);
  await writeFile(file, "kind: Secret\n  broken: [");
  await writeFile(join(folder, "other.json"), manifest("unrelated", other));
  await new Promise((resolve) => setTimeout(resolve, 300)); // neither is a change of this secret
  await writeFile(file, manifest("web", other));
  assert.equal(Buffer.from((await next()).privateKeyPem).toString(), other.key);
  await rm(file);
  assert.equal((await next()).found, false);
});

test("private keys are for the named readers only", async (context) => {
  const { watch } = await startWithFolder(context);
  const stop = new AbortController();
  context.after(() => stop.abort());
  const stranger = await watch("web", stop.signal, { namespace: "default", serviceAccount: "reviews" });
  await assert.rejects(
    stranger.next(),
    (error) =>
      error instanceof RpcError &&
      error.code === RpcCode.PERMISSION_DENIED &&
      /reviews may not read gateway secrets/.test(error.message),
  );
});

test("a plaintext listener never gives out a key", async (context) => {
  const { target } = await startWithFolder(context);
  const server = createGrpcServer({ services: target.citadel.rpc });
  const { address } = await server.listen({ address: "127.0.0.1:0" });
  const channel = openChannel(address, { kind: "plaintext" });
  context.after(async () => {
    channel.close();
    await server.close(50);
  });
  const metadata = { authorization: `Bearer ${await target.tokens.mintToken(pilot)}` };
  const stream = createClient(GatewaySecrets, channel).watchSecret(
    create(WatchSecretRequestSchema, { namespace: "shop", name: "web" }),
    { metadata },
  );
  await assert.rejects(async () => await stream[Symbol.asyncIterator]().next(), /over TLS only/);
});

test("in process, the CA of a pair is watched through both names", async (context) => {
  const { folder, target } = await startWithFolder(context);
  const stop = new AbortController();
  context.after(() => stop.abort());
  const [one, other] = [await newPair(), await newPair()];
  await writeFile(join(folder, "pair.json"), manifest("web", one));
  const seen: string[] = [];
  for await (const { found, caCertificatesPem } of target.citadel.watchSecret(
    { namespace: "shop", name: "web-cacert" },
    stop.signal,
  )) {
    if (!found) continue;
    seen.push(Buffer.from(caCertificatesPem).toString());
    if (seen.length === 2) break;
    await writeFile(
      join(folder, "ca.json"),
      JSON.stringify({
        apiVersion: "v1",
        kind: "Secret",
        metadata: { namespace: "shop", name: "web-cacert" },
        stringData: { cacert: other.ca },
      }),
    );
  }
  assert.deepEqual(seen, [one.ca, other.ca]);
});
