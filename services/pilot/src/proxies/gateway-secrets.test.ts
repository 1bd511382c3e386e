import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { SecretSchema } from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import type { Secret } from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { silentLogger } from "@lateen/runtime";
import { secretType } from "@lateen/xds-server";
import type { Resource } from "@lateen/xds-server";
import { connectedProxy } from "../testing/connected-proxy.ts";
import type { ConnectedProxyOptions } from "../testing/connected-proxy.ts";
import { Admission } from "./admission.ts";
import { gatewaySecrets, parseSecretName } from "./gateway-secrets.ts";
import type { GatewaySecret, WatchSecret } from "./gateway-secrets.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const material = (fields: Partial<GatewaySecret> = {}): GatewaySecret => ({
  found: true,
  certificateChainPem: bytes("chain"),
  privateKeyPem: bytes("key"),
  caCertificatesPem: bytes("ca"),
  problem: "",
  ...fields,
});
const missing = material({ found: false, certificateChainPem: bytes(""), caCertificatesPem: bytes("") });

/** Answers from a table and stays open. */
const from = (table: Readonly<Record<string, GatewaySecret>>): WatchSecret =>
  async function* ({ namespace, name }, signal) {
    yield table[`${namespace}/${name}`] ?? missing;
    await once(signal, "abort");
  };

const gateway = "router~10.0.0.7~edge-0.shop~shop.svc.cluster.local";
const proven = { id: gateway, spiffeId: "spiffe://cluster.local/ns/shop/sa/edge" };
const local = { id: gateway, peerAddress: "127.0.0.1:4711" };

async function firstOf(
  name: string,
  options: ConnectedProxyOptions,
  watchSecret: WatchSecret,
  allowPlaintextFromLoopback = false,
): Promise<Resource | undefined> {
  const admission = new Admission({ trustDomains: () => ["cluster.local"] });
  const proxy = connectedProxy(options);
  await admission.admit(proxy);
  const source = gatewaySecrets({
    watchSecret,
    admission,
    allowPlaintextFromLoopback,
    logger: silentLogger(),
    retryMs: 1,
  });
  const abort = new AbortController();
  try {
    for await (const resource of source.watch(secretType, name, proxy, abort.signal)) return resource;
    throw new Error("no answer");
  } finally {
    abort.abort();
  }
}

function decode(resource: Resource | undefined): Secret {
  assert.ok(resource);
  return fromBinary(SecretSchema, fromBinary(AnySchema, resource.any).value);
}

test("any proxy is told which files a secret of files is, and to read them again", async () => {
  const unproven = { id: gateway };
  const pair = decode(await firstOf("file-cert:/etc/certs/tls.crt~/etc/certs/tls.key", unproven, from({})));
  assert.ok(pair.type.case === "tlsCertificate");
  assert.deepEqual(pair.type.value.certificateChain?.specifier, { case: "filename", value: "/etc/certs/tls.crt" });
  assert.deepEqual(pair.type.value.privateKey?.specifier, { case: "filename", value: "/etc/certs/tls.key" });
  assert.equal(pair.type.value.watchedDirectory?.path, "/etc/certs");
  const roots = decode(await firstOf("file-root:/etc/certs/ca.crt", unproven, from({})));
  assert.ok(roots.type.case === "validationContext");
  assert.deepEqual(roots.type.value.trustedCa?.specifier, { case: "filename", value: "/etc/certs/ca.crt" });
});

test("a proven gateway gets its pair under the name it asked for", async () => {
  const secret = decode(await firstOf("kubernetes://web-cert", proven, from({ "shop/web-cert": material() })));
  assert.equal(secret.name, "kubernetes://web-cert");
  assert.ok(secret.type.case === "tlsCertificate");
  assert.deepEqual(secret.type.value.certificateChain?.specifier, { case: "inlineBytes", value: Buffer.from("chain") });
  assert.deepEqual(secret.type.value.privateKey?.specifier, { case: "inlineBytes", value: Buffer.from("key") });
});

test("authorities come from the secret named so, else from the pair's", async () => {
  for (const table of [
    { "shop/web-cacert": material({ caCertificatesPem: bytes("own") }), "shop/web": material() },
    { "shop/web": material({ caCertificatesPem: bytes("own") }) },
  ]) {
    const secret = decode(await firstOf("kubernetes://web-cacert", proven, from(table)));
    assert.ok(secret.type.case === "validationContext");
    assert.deepEqual(secret.type.value.trustedCa?.specifier, { case: "inlineBytes", value: Buffer.from("own") });
  }
});

test("a secret that is missing, unusable or without the part asked for is none", async () => {
  for (const secret of [
    missing,
    material({ problem: "key and certificate do not match" }),
    material({ certificateChainPem: bytes("") }),
  ]) {
    assert.equal(await firstOf("kubernetes://x", proven, from({ "shop/x": secret })), undefined);
  }
});

test("while citadel cannot be reached it is asked again", async () => {
  let attempts = 0;
  const flaky: WatchSecret = async function* () {
    if (++attempts < 3) throw new Error("connection refused");
    yield material();
  };
  assert.ok(await firstOf("kubernetes://x", proven, flaky));
  assert.equal(attempts, 3);
});

const table = from({ "shop/x": material(), "bank/x": material() });
const refused = [
  ["a sidecar", "kubernetes://x", { spiffeId: proven.spiffeId }, false, /only gateways/],
  ["another namespace's", "kubernetes://bank/x", proven, false, /it is in namespace bank/],
  [
    "another namespace's, by the Gateway API's name",
    "kubernetes-gateway://bank/x",
    proven,
    false,
    /it is in namespace bank/,
  ],
  ["an unproven gateway", "kubernetes://x", { id: gateway }, false, /has not proved/],
  ["an unproven local gateway", "kubernetes://x", local, false, /has not proved/],
  ["a remote one where only local ones are believed", "kubernetes://x", { id: gateway }, true, /has not proved/],
  ["a name of another kind", "vault:x~y", proven, false, /names have the form/],
] as const;

for (const [name, resource, options, loopback, message] of refused) {
  test(`no secret for ${name}`, () => assert.rejects(firstOf(resource, options, table, loopback), message));
}

test("a local gateway is believed where that is allowed", async () => {
  assert.ok(await firstOf("kubernetes://x", local, table, true));
  assert.ok(await firstOf("kubernetes://x", { ...local, peerAddress: "unix" }, table, true));
});

test("a proven sidecar gets what a rule that selects it names, and nothing else", async () => {
  const admission = new Admission({ trustDomains: () => ["cluster.local"] });
  const proxy = connectedProxy({ spiffeId: proven.spiffeId });
  await admission.admit(proxy);
  const source = gatewaySecrets({
    watchSecret: table,
    credentialsOf: () => ["x"],
    admission,
    allowPlaintextFromLoopback: false,
    logger: silentLogger(),
  });
  const ask = (name: string) =>
    source.watch(secretType, name, proxy, AbortSignal.timeout(60_000))[Symbol.asyncIterator]().next();
  assert.equal((await ask("kubernetes://x")).value?.name, "kubernetes://x");
  await assert.rejects(ask("kubernetes://y"), /only gateways get secrets/);
});

test("names are read as Istio writes them", () => {
  assert.deepEqual(parseSecretName("kubernetes://x", "shop"), { namespace: "shop", names: ["x"], part: "certificate" });
  assert.deepEqual(parseSecretName("kubernetes-gateway://shop/x", "other"), {
    namespace: "shop",
    names: ["x"],
    part: "certificate",
  });
  assert.deepEqual(parseSecretName("kubernetes://shop/x-cacert", "shop"), {
    namespace: "shop",
    names: ["x-cacert", "x"],
    part: "authorities",
  });
});

test("a staple goes with the certificate, a revocation list with the authorities", async () => {
  const source = from({ "shop/edge": material({ revocationListPem: bytes("list"), ocspStaple: bytes("staple") }) });
  const { type: certificate } = decode(await firstOf("kubernetes://edge", proven, source));
  assert.ok(certificate.case === "tlsCertificate");
  assert.deepEqual(certificate.value.ocspStaple?.specifier.value, Buffer.from("staple"));
  const { type: authorities } = decode(await firstOf("kubernetes://edge-cacert", proven, source));
  assert.ok(authorities.case === "validationContext");
  assert.deepEqual(authorities.value.crl?.specifier.value, Buffer.from("list"));
});
