import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";
import { anyUnpack, BytesValueSchema } from "@bufbuild/protobuf/wkt";
import { SecretContent } from "@lateen/protos/mesh/identity/v1/gateway_secrets_pb.js";
import { createLogger } from "@lateen/runtime";
import { pullSecretType } from "@lateen/xds-server";
import { connectedProxy } from "../testing/connected-proxy.ts";
import type { ConnectedProxyOptions } from "../testing/connected-proxy.ts";
import { Admission } from "./admission.ts";
import type { GatewaySecret, WatchSecret } from "./gateway-secrets.ts";
import { pullSecretQueries } from "./pull-secrets.ts";

const none = new Uint8Array();
const config = '{"auths": {"registry.example": {"auth": "c2VjcmV0"}}}';
const secret = (fields: Partial<GatewaySecret>): GatewaySecret => ({
  found: true,
  certificateChainPem: none,
  privateKeyPem: none,
  caCertificatesPem: none,
  problem: "",
  ...fields,
});
const table: Readonly<Record<string, GatewaySecret>> = {
  "shop/login": secret({ dockerConfigJson: Buffer.from(config) }),
  "istio-system/login": secret({ dockerConfigJson: Buffer.from(config) }),
  "shop/wrong": secret({ problem: "it lacks .dockerconfigjson" }),
};
const from: WatchSecret = async function* ({ namespace, name, content }, signal) {
  assert.equal(content, SecretContent.IMAGE_PULL_CREDENTIALS);
  yield table[`${namespace}/${name}`] ?? secret({ found: false });
  await once(signal, "abort");
};

const proven = { spiffeId: "spiffe://cluster.local/ns/shop/sa/web" };
const named = [
  { namespace: "shop", name: "login" },
  { namespace: "shop", name: "wrong" },
  { namespace: "shop", name: "missing" },
  { namespace: "istio-system", name: "login" },
];

async function ask(name: string, asker: ConnectedProxyOptions, watchSecret: WatchSecret | undefined = from) {
  const lines: string[] = [];
  const queries = pullSecretQueries({
    namedFor: () => named,
    admission: new Admission({ trustDomains: () => ["cluster.local"] }),
    watchSecret,
    allowPlaintextFromLoopback: false,
    logger: createLogger({ service: "pilot", destination: { write: (line: string) => void lines.push(line) } }),
    waitMs: 50,
  });
  const query = { typeUrl: pullSecretType, names: [name], asker: connectedProxy(asker) };
  try {
    const [answer] = await queries.answer(query);
    assert.ok(answer);
    return Buffer.from(anyUnpack(answer.resource, BytesValueSchema)?.value ?? none).toString("utf8");
  } finally {
    assert.ok(!lines.join("").includes("c2VjcmV0"), "nothing of it is logged");
  }
}

test("a proven proxy gets the credentials that its extensions name, of the root namespace's too", async () => {
  assert.equal(await ask("kubernetes://shop/login", proven), config);
  assert.equal(await ask("kubernetes://istio-system/login", proven), config);
});

const refusals = [
  ["one that nothing names", "kubernetes://shop/other", proven, /no extension of this proxy names it/],
  ["another namespace's", "kubernetes://bank/login", proven, /no extension of this proxy names it/],
  ["a proxy without a certificate", "kubernetes://shop/login", {}, /it has not proved who it is/],
  [
    "one that claims another namespace",
    "kubernetes://shop/login",
    { spiffeId: "spiffe://cluster.local/ns/bank/sa/web" },
    /but the caller proved "bank"/,
  ],
  ["a Secret that is not there", "kubernetes://shop/missing", proven, /Secret shop\/missing: there is no such Secret/],
  ["a Secret of another type", "kubernetes://shop/wrong", proven, /Secret shop\/wrong: it lacks \.dockerconfigjson/],
] as const;
for (const [name, resource, asker, problem] of refusals)
  test(`no credentials: ${name}`, () => assert.rejects(ask(resource, asker), problem));

test("a citadel that fails or says nothing is named", async () => {
  const failing: WatchSecret = () => {
    throw new Error("connection refused");
  };
  const silent: WatchSecret = async function* (_request, signal) {
    await once(signal, "abort");
    if (!signal.aborted) yield secret({});
  };
  await assert.rejects(ask("kubernetes://shop/login", proven, failing), /cannot be read: connection refused/);
  await assert.rejects(ask("kubernetes://shop/login", proven, silent), /citadel does not answer in 50 ms/);
});
