import assert from "node:assert/strict";
import test from "node:test";
import { RpcCode, RpcError } from "@lateen/rpc";
import { connectedProxy } from "../testing/connected-proxy.ts";
import { Admission } from "./admission.ts";

const admission = new Admission({
  trustDomains: () => ["cluster.local", "old.example"],
  authenticateToken: async (token) =>
    token === "good" ? { trustDomain: "cluster.local", namespace: "shop", serviceAccount: "web" } : undefined,
});
const spiffe = (namespace: string, account: string, trustDomain = "cluster.local") =>
  `spiffe://${trustDomain}/ns/${namespace}/sa/${account}`;
const accounted = { SERVICE_ACCOUNT: "web" };

const admitted = [
  ["the plaintext port, whoever it says it is", {}],
  ["a certificate of its namespace", { spiffeId: spiffe("shop", "web") }],
  ["a certificate of an alias of the trust domain", { spiffeId: spiffe("shop", "web", "old.example") }],
  ["a certificate of its service account", { spiffeId: spiffe("shop", "web"), metadata: accounted }],
  ["a valid token", { secure: true, headers: { authorization: "Bearer good" } }],
] as const;

for (const [name, options] of admitted) {
  test(`admits ${name}`, () => admission.admit(connectedProxy(options)));
}

const refused = [
  ["nobody on the TLS port", { secure: true }, RpcCode.UNAUTHENTICATED, /needs a client certificate/],
  [
    "a certificate without a workload's name",
    { spiffeId: "spiffe://cluster.local/other" },
    RpcCode.UNAUTHENTICATED,
    /needs a client certificate/,
  ],
  [
    "a bad token",
    { secure: true, headers: { authorization: "Bearer bad" } },
    RpcCode.UNAUTHENTICATED,
    /needs a client certificate/,
  ],
  [
    "another namespace",
    { spiffeId: spiffe("bank", "web") },
    RpcCode.PERMISSION_DENIED,
    /namespace of node .* is "shop", but the caller proved "bank"/,
  ],
  [
    "another service account",
    { spiffeId: spiffe("shop", "thief"), metadata: accounted },
    RpcCode.PERMISSION_DENIED,
    /service account/,
  ],
  [
    "a foreign trust domain",
    { spiffeId: spiffe("shop", "web", "evil.example") },
    RpcCode.PERMISSION_DENIED,
    /trust domain/,
  ],
  ["a node id that is none", { id: "envoy-1" }, RpcCode.INVALID_ARGUMENT, /must have the form/],
] as const;

for (const [name, options, code, message] of refused) {
  test(`refuses ${name}`, async () => {
    await assert.rejects(
      admission.admit(connectedProxy(options)),
      (error) => error instanceof RpcError && error.code === code && message.test(error.message),
    );
  });
}

test("only a proven identity is remembered", async () => {
  const [plain, proven] = [connectedProxy({}), connectedProxy({ spiffeId: spiffe("shop", "web") })];
  await admission.admit(plain);
  await admission.admit(proven);
  assert.equal(admission.identityOf(plain), undefined);
  assert.equal(admission.identityOf(proven)?.namespace, "shop");
});
