import { create } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { PrivateKeyProviderSchema } from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import type { PrivateKeyProvider } from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/common_pb.js";

/** `privateKeyProvider` of a ProxyConfig: what computes with a private key in Envoy's place. */
export interface KeyProvider {
  readonly name: "cryptomb" | "qat";
  readonly pollDelayMs: number;
  /** Envoy computes by itself where the machine has no such device. */
  readonly fallback: boolean;
}

/** The category of Envoy's extensions that compute with keys. */
const category = "envoy.tls.key_providers";

/** Messages of Envoy's contrib extensions, which upstream's protos leave out: a DataSource is field 1, the delay field 2. */
const typeUrls: Readonly<Record<KeyProvider["name"], string>> = {
  cryptomb:
    "type.googleapis.com/envoy.extensions.private_key_providers.cryptomb.v3alpha.CryptoMbPrivateKeyMethodConfig",
  qat: "type.googleapis.com/envoy.extensions.private_key_providers.qat.v3alpha.QatPrivateKeyMethodConfig",
};

/** Whether an Envoy that lists its extensions has it. */
export function hasProvider(
  extensions: readonly { readonly category: string; readonly name: string }[],
  { name }: KeyProvider,
): boolean {
  return extensions.some((extension) => extension.category === category && extension.name === name);
}

/** The part of a secret that has the key, in the place of the key itself. */
export function keyProviderOf({ name, pollDelayMs, fallback }: KeyProvider, privateKeyPem: string): PrivateKeyProvider {
  const key = Buffer.from(privateKeyPem);
  const seconds = Math.floor(pollDelayMs / 1_000);
  const delay = [
    ...(seconds === 0 ? [] : [0x08, ...varint(seconds)]),
    ...[0x10, ...varint(Math.round((pollDelayMs % 1_000) * 1e6))],
  ];
  const source = Buffer.concat([Buffer.from([0x12, ...varint(key.length)]), key]); // DataSource.inline_bytes
  const value = Buffer.concat([
    Buffer.from([0x0a, ...varint(source.length)]),
    source,
    Buffer.from([0x12, ...varint(delay.length), ...delay]),
  ]);
  return create(PrivateKeyProviderSchema, {
    providerName: name,
    configType: { case: "typedConfig", value: create(AnySchema, { typeUrl: typeUrls[name], value }) },
    fallback,
  });
}

function varint(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varint(Math.floor(value / 0x80))];
}
