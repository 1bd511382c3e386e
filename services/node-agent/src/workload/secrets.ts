import { createHash } from "node:crypto";
import { getCACertificates } from "node:tls";
import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { type Secret, SecretSchema } from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { SPIFFECertValidatorConfigSchema } from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js";
import type { TlsMaterial, TlsSource } from "@lateen/rpc";
import { keyProviderOf } from "./key-provider.ts";
import type { KeyProvider } from "./key-provider.ts";
import type { KnownAnchors } from "./peer-trust.ts";

/** A secret under the name Envoy asks for. The version is the hash of its bytes. */
export interface NamedSecret {
  readonly name: string;
  readonly version: string;
  readonly message: Secret;
}

/** What a ProxyConfig says of the workload's secrets. */
export interface SecretWishes {
  /** What computes with the private key; absent: Envoy itself. */
  readonly keyProvider?: KeyProvider;
  /** PEM of further authorities whose workloads are trusted. */
  readonly moreRoots: readonly string[];
}

/** What the secrets are made of, besides the certificate. */
export interface SecretParts extends SecretWishes {
  readonly trustDomain: string;
  readonly anchors: KnownAnchors;
}

/** What the agent can serve: the workload's certificate, the mesh's roots, this machine's roots. Istio's names. */
const makers: Readonly<Record<string, (material: TlsMaterial, parts: SecretParts) => Secret>> = {
  default: ({ certificateChainPem, privateKeyPem }, { keyProvider }) =>
    create(SecretSchema, {
      name: "default",
      type: {
        case: "tlsCertificate",
        value: {
          certificateChain: inline(certificateChainPem),
          ...(keyProvider === undefined
            ? { privateKey: inline(privateKeyPem) }
            : { privateKeyProvider: keyProviderOf(keyProvider, privateKeyPem) }),
        },
      },
    }),
  ROOTCA: ({ rootsPem }, { moreRoots, trustDomain, anchors }) => {
    const own = [rootsPem, ...moreRoots];
    const all = joined(...own, ...anchors.roots);
    return anchors.trustDomains.size === 0 ? roots("ROOTCA", all) : rootsByDomain({ own, all, trustDomain, anchors });
  },
  "file-root:system": () => roots("file-root:system", systemRoots()),
};

/** Undefined: the name is none of ours, or there is no certificate yet. */
export function secretNamed(
  name: string,
  source: Pick<TlsSource, "current">,
  parts: SecretParts,
): NamedSecret | undefined {
  const make = makers[name];
  if (make === undefined || source.current === undefined) return undefined;
  const message = make(source.current, parts);
  const version = createHash("sha256").update(toBinary(SecretSchema, message)).digest("base64url").slice(0, 16);
  return { name, version, message };
}

export function isServed(name: string): boolean {
  return name in makers;
}

function roots(name: string, pem: string): Secret {
  return create(SecretSchema, { name, type: { case: "validationContext", value: { trustedCa: inline(pem) } } });
}

interface RootsByDomain extends Pick<SecretParts, "trustDomain" | "anchors"> {
  /** For the proxy's own trust domain. */
  readonly own: readonly string[];
  readonly all: string;
}

/**
 * A peer's trust domain decides who vouches for it.
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.proto
 */
function rootsByDomain({ own, all, trustDomain, anchors }: RootsByDomain): Secret {
  const trustDomains = [...anchors.trustDomains].map(([name, listed]) => ({
    name,
    trustBundle: inline(joined(...(name === trustDomain ? own : []), ...listed)),
  }));
  const config = create(SPIFFECertValidatorConfigSchema, { trustDomains });
  const customValidatorConfig = {
    name: "envoy.tls.cert_validator.spiffe",
    typedConfig: anyPack(SPIFFECertValidatorConfigSchema, config),
  };
  return create(SecretSchema, {
    name: "ROOTCA",
    type: { case: "validationContext", value: { trustedCa: inline(all), customValidatorConfig } },
  });
}

function joined(...texts: readonly string[]): string {
  return texts.map((text) => text.trimEnd()).join("\n");
}

function inline(pem: string) {
  return { specifier: { case: "inlineBytes", value: Buffer.from(pem) } } as const;
}

function systemRoots(): string {
  const system = getCACertificates("system");
  return (system.length > 0 ? system : getCACertificates("bundled")).join("\n");
}
