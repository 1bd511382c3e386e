import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { DataSourceSchema } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import { hasProvider, keyProviderOf } from "./key-provider.ts";
import { secretNamed } from "./secrets.ts";
import type { SecretWishes } from "./secrets.ts";

const cryptomb = { name: "cryptomb", pollDelayMs: 1_500, fallback: true } as const;

/** The fields of the provider's own message: the key's source and the delay. */
function read(bytes: Uint8Array) {
  const reader = new BinaryReader(bytes);
  const parts = new Map<number, Uint8Array>();
  while (reader.pos < reader.len) parts.set(reader.tag()[0], reader.bytes());
  const key = fromBinary(DataSourceSchema, parts.get(1) ?? new Uint8Array()).specifier;
  const { seconds, nanos } = fromBinary(DurationSchema, parts.get(2) ?? new Uint8Array());
  return { key: Buffer.from(key.case === "inlineBytes" ? key.value : []).toString(), delay: [Number(seconds), nanos] };
}

test("a key goes to its provider, with how often it looks for results", () => {
  const pem = `-----BEGIN PRIVATE KEY-----\n${"k".repeat(1_700)}`;
  for (const [name, type] of [
    ["cryptomb", "cryptomb.v3alpha.CryptoMbPrivateKeyMethodConfig"],
    ["qat", "qat.v3alpha.QatPrivateKeyMethodConfig"],
  ] as const) {
    const { providerName, fallback, configType } = keyProviderOf({ ...cryptomb, name }, pem);
    assert.deepEqual([providerName, fallback, configType.case], [name, true, "typedConfig"]);
    assert.ok(configType.value?.typeUrl.endsWith(`private_key_providers.${type}`));
    assert.deepEqual(read(configType.value?.value ?? new Uint8Array()), { key: pem, delay: [1, 500_000_000] });
  }
});

test("an Envoy has a provider when it lists it as one", () => {
  const category = "envoy.tls.key_providers";
  assert.equal(hasProvider([{ category, name: "cryptomb" }], cryptomb), true);
  assert.equal(hasProvider([{ category, name: "qat" }], cryptomb), false);
  assert.equal(hasProvider([{ category: "envoy.filters.http", name: "cryptomb" }], cryptomb), false);
});

test("the workload's secret has the key or its provider, never both; more roots follow the mesh's", () => {
  const nothingElse = { trustDomain: "cluster.local", anchors: { roots: [], trustDomains: new Map() } };
  const source = { current: { certificateChainPem: "CHAIN", privateKeyPem: "KEY", rootsPem: "ROOT\n" } };
  const certificate = (wishes: SecretWishes) => {
    const { type } = secretNamed("default", source, { ...nothingElse, ...wishes })?.message ?? {};
    assert.ok(type?.case === "tlsCertificate");
    return [type.value.privateKey !== undefined, type.value.privateKeyProvider?.providerName];
  };
  assert.deepEqual(certificate({ moreRoots: [] }), [true, undefined]);
  assert.deepEqual(certificate({ moreRoots: [], keyProvider: cryptomb }), [false, "cryptomb"]);
  const { type } = secretNamed("ROOTCA", source, { ...nothingElse, moreRoots: ["ONE", "TWO"] })?.message ?? {};
  assert.ok(type?.case === "validationContext" && type.value.trustedCa?.specifier.case === "inlineBytes");
  assert.equal(Buffer.from(type.value.trustedCa.specifier.value).toString(), "ROOT\nONE\nTWO");
});
