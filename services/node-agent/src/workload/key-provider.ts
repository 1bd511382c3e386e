import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { AnySchema, durationFromMs, DurationSchema } from "@bufbuild/protobuf/wkt";
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

/** Of their messages, which are in Envoy's contrib and which upstream's protos leave out: a DataSource and a Duration. */
const [keyField, delayField] = [1, 2];
const inlineBytesField = 2;

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
  const source = new BinaryWriter()
    .tag(inlineBytesField, WireType.LengthDelimited)
    .bytes(Buffer.from(privateKeyPem))
    .finish();
  const delay = toBinary(DurationSchema, durationFromMs(pollDelayMs));
  const value = new BinaryWriter()
    .tag(keyField, WireType.LengthDelimited)
    .bytes(source)
    .tag(delayField, WireType.LengthDelimited)
    .bytes(delay)
    .finish();
  return create(PrivateKeyProviderSchema, {
    providerName: name,
    configType: { case: "typedConfig", value: create(AnySchema, { typeUrl: typeUrls[name], value }) },
    fallback,
  });
}
