import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { obtainIdentity } from "@lateen/identity";
import { keys } from "@lateen/mesh-store";
import { createKeyAndCsr, createRootCa, openCertificateAuthority, parseCertificate, verifyChain } from "@lateen/pki";
import { IstioCertificateRequestSchema, IstioCertificateService } from "@lateen/protos/security/v1alpha1/ca_pb.js";
import { type ClientIdentity, RpcCode, RpcError, createClient, openChannel } from "@lateen/rpc";
import { silentLogger } from "@lateen/runtime";
import { createLocalTokenIssuer, createMemoryKeyStore } from "./index.ts";
import { type TestCitadel, eventually, startCitadel } from "./testing/test-citadel.ts";

interface Ask {
  readonly token?: string;
  readonly identity?: ClientIdentity;
  readonly csr?: string;
  readonly ttl?: bigint;
  readonly metadata?: Record<string, string>;
}

async function ask(
  target: TestCitadel,
  { token, identity, ttl = 0n, metadata, ...rest }: Ask,
): Promise<{ chain: string[]; privateKeyPem: string }> {
  const { csrPem, privateKeyPem } = await createKeyAndCsr({ uris: ["spiffe://cluster.local/ns/evil/sa/admin"] });
  const channel = openChannel(target.address, {
    kind: "tls",
    roots: target.roots,
    ...(identity && { identity: () => identity }),
  });
  try {
    const request = create(IstioCertificateRequestSchema, {
      csr: rest.csr ?? csrPem,
      validityDuration: ttl,
      ...(metadata && { metadata }),
    });
    const answer = await createClient(IstioCertificateService, channel).createCertificate(
      request,
      token ? { metadata: { authorization: `Bearer ${token}` } } : {},
    );
    return { chain: answer.certChain, privateKeyPem };
  } finally {
    channel.close();
  }
}

function leafOf(chain: readonly string[]) {
  return parseCertificate(chain[0] ?? "");
}

const workload = { namespace: "default", serviceAccount: "reviews" };
const day = 86_400_000;

test("a token buys a certificate for its owner, whatever the request says, and the certificate buys the next", async (context) => {
  const target = await startCitadel(context);
  const first = await ask(target, { token: await target.tokens.mintToken(workload) });
  assert.deepEqual(leafOf(first.chain).uris, ["spiffe://cluster.local/ns/default/sa/reviews"]);
  assert.ok(verifyChain(first.chain[0] ?? "", target.roots()).valid);
  const identity = { certificateChainPem: first.chain[0] ?? "", privateKeyPem: first.privateKeyPem };
  const second = await ask(target, { identity });
  assert.deepEqual(leafOf(second.chain).uris, leafOf(first.chain).uris);
  const metrics = await target.registry.metrics();
  assert.match(metrics, /citadel_server_csr_count 2/);
  assert.match(metrics, /citadel_server_success_cert_issuance_count 2/);
  assert.match(metrics, /citadel_server_root_cert_expiry_timestamp 2\d{9}/);
});

test("lifetimes: the default where none is asked for, at most the maximum", async (context) => {
  const target = await startCitadel(context);
  const token = await target.tokens.mintToken(workload);
  const cases = [
    { ttl: 0n, days: 1 },
    { ttl: -5n, days: 1 },
    { ttl: 3600n, days: 1 / 24 },
    { ttl: 10n ** 12n, days: 90 },
  ];
  for (const { ttl, days } of cases) {
    const left = leafOf((await ask(target, { token, ttl })).chain).notAfterMs - Date.now();
    assert.ok(Math.abs(left - days * day) < 60_000, `asked ${ttl}, got ${left} ms`);
  }
});

test("DNS names are given to configured accounts only", async (context) => {
  const dnsNames = { "istio-system/lateen-pilot": ["istiod.istio-system.svc"] };
  const target = await startCitadel(context, { dnsNames });
  const pilot = await ask(target, {
    token: await target.tokens.mintToken({ namespace: "istio-system", serviceAccount: "lateen-pilot" }),
  });
  assert.deepEqual(leafOf(pilot.chain).dnsNames, ["istiod.istio-system.svc"]);
  const other = await ask(target, {
    token: await target.tokens.mintToken({ namespace: "default", serviceAccount: "lateen-pilot" }),
  });
  assert.deepEqual(leafOf(other.chain).dnsNames, []);
});

test("who cannot prove anything is told what was tried", async (context) => {
  const target = await startCitadel(context);
  const forged = await createLocalTokenIssuer().mintToken(workload);
  const expired = await target.tokens.mintToken({ ...workload, ttlSeconds: -60 });
  const cases = [
    { token: "", message: /client certificate: none .* was shown; local token: no authorization: Bearer metadata/ },
    { token: "nonsense", message: /local token: Invalid Compact JWS/ },
    { token: forged, message: /local token: signature verification failed/ },
    { token: expired, message: /local token: "exp" claim timestamp check failed/ },
  ];
  for (const { token, message } of cases) {
    await assert.rejects(
      ask(target, { token }),
      (error) => error instanceof RpcError && error.code === RpcCode.UNAUTHENTICATED && message.test(error.message),
    );
  }
  assert.match(await target.registry.metrics(), /citadel_server_authentication_failure_count 4/);
});

test("a certificate of another CA, or of another trust domain, is no identity", async (context) => {
  const target = await startCitadel(context);
  const stranger = await startCitadel(context);
  const foreign = await ask(stranger, { token: await stranger.tokens.mintToken(workload) });
  await assert.rejects(
    ask(target, { identity: { certificateChainPem: foreign.chain[0] ?? "", privateKeyPem: foreign.privateKeyPem } }),
    /none that this CA's roots vouch for/,
  );
  const { csrPem, privateKeyPem } = await createKeyAndCsr();
  const [leaf = ""] = await target.citadel.issue({ csrPem, identity: { ...workload, trustDomain: "elsewhere" } });
  await assert.rejects(
    ask(target, { identity: { certificateChainPem: leaf, privateKeyPem } }),
    /of trust domain elsewhere, this CA is of cluster.local/,
  );
});

test("a bad request and what is not built are refused by name", async (context) => {
  const target = await startCitadel(context);
  const token = await target.tokens.mintToken(workload);
  await assert.rejects(
    ask(target, { token, csr: "x" }),
    (error) =>
      error instanceof RpcError && error.code === RpcCode.INVALID_ARGUMENT && /CSR signing error/.test(error.message),
  );
  await assert.rejects(
    ask(target, { token, metadata: { ImpersonatedIdentity: "spiffe://cluster.local/ns/a/sa/b" } }),
    /metadata.ImpersonatedIdentity is not supported/,
  );
  await ask(target, { token, metadata: { CertSigner: "" } });
  assert.match(await target.registry.metrics(), /citadel_server_csr_sign_err_count\{error="request-invalid"\} 1/);
});

test("the roots are published, citadel's own certificate has its names, and a restart keeps the CA", async (context) => {
  const keyStore = createMemoryKeyStore();
  const target = await startCitadel(context, { keyStore });
  await eventually("the trust bundle", async () => (await target.store.get(keys.trust("cluster.local"))) !== undefined);
  const stored = await target.store.get(keys.trust("cluster.local"));
  const bundle = stored?.entry.value;
  assert.ok(bundle?.case === "trust");
  assert.equal(bundle.value.rootCertificatesPem.join(""), target.roots());
  await target.store.delete(keys.trust("cluster.local"));
  await eventually(
    "the trust bundle again",
    async () => (await target.store.get(keys.trust("cluster.local"))) !== undefined,
  );
  const own = leafOf([target.citadel.serving.current?.certificateChainPem ?? ""]);
  for (const name of ["lateen-citadel.istio-system.svc", "istiod.istio-system.svc", "localhost"])
    assert.ok(own.dnsNames.includes(name));
  assert.deepEqual(own.ipAddresses, ["127.0.0.1"]);
  assert.deepEqual(own.uris, ["spiffe://cluster.local/ns/istio-system/sa/lateen-citadel"]);
  const again = await startCitadel(context, { keyStore });
  assert.equal(again.roots(), target.roots());
});

test("an old root is renewed: new certificates, the new root published, and what the old one signed stays valid", async (context) => {
  const aged = await createRootCa({ organization: "cluster.local", ttlSeconds: 3600, nowMs: Date.now() - 3_000_000 });
  const target = await startCitadel(context, { keyStore: createMemoryKeyStore(aged) });
  assert.notEqual(target.roots(), aged.rootsPem);
  const { chain } = await ask(target, { token: await target.tokens.mintToken(workload) });
  assert.ok(verifyChain(chain[0] ?? "", aged.rootsPem).valid, "peers that still have the old root accept it");
  assert.ok(verifyChain(chain[0] ?? "", target.roots()).valid);
});

test("a replaced CA is taken over while running; a broken one leaves the last good", async (context) => {
  const next = await createRootCa({ organization: "next" });
  const memory = createMemoryKeyStore();
  let override: (() => Promise<typeof next>) | undefined;
  const keyStore: typeof memory = {
    ...memory,
    loadOrCreate: async (make) =>
      override ? { material: await override(), selfSigned: false, version: "x" } : memory.loadOrCreate(make),
  };
  const target = await startCitadel(context, { keyStore, checkIntervalMs: 20 });
  const before = target.roots();
  override = async () => ({ ...next, privateKeyPem: (await createRootCa({ organization: "other" })).privateKeyPem });
  await eventually("a problem is shown", () => /does not belong/.test(target.citadel.checks[0]?.check().detail ?? ""));
  assert.equal(target.roots(), before);
  assert.ok(target.citadel.checks[0]?.check().ready);
  override = async () => next;
  await eventually("the new CA signs", () => target.roots() === next.rootsPem);
  await eventually(
    "citadel's own certificate follows",
    () => verifyChain(target.citadel.serving.current?.certificateChainPem ?? "", next.rootsPem).valid,
  );
  await openCertificateAuthority(next);
});

test("obtainIdentity works against citadel: token first, then its own certificate", async (context) => {
  const target = await startCitadel(context);
  const stop = new AbortController();
  context.after(() => stop.abort());
  let token = await target.tokens.mintToken(workload);
  const client = obtainIdentity({
    caAddress: target.address,
    roots: target.roots,
    token: () => token,
    identity: () => client.source.current,
    trustDomain: "cluster.local",
    ttlSeconds: 2,
    signal: stop.signal,
    logger: silentLogger(),
  });
  await client.ready;
  const first = client.certificate?.serialNumber;
  token = "expired";
  await eventually("a rotation by client certificate", () => client.certificate?.serialNumber !== first);
});
