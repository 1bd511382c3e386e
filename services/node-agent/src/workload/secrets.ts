import { createHash } from "node:crypto";
import { getCACertificates } from "node:tls";
import { create, toBinary } from "@bufbuild/protobuf";
import { type Secret, SecretSchema } from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import type { TlsMaterial, TlsSource } from "@lateen/rpc";
import { keyProviderOf } from "./key-provider.ts";
import type { KeyProvider } from "./key-provider.ts";

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

/** What the agent can serve: the workload's certificate, the mesh's roots, this machine's roots. Istio's names. */
const makers: Readonly<Record<string, (material: TlsMaterial, wishes: SecretWishes) => Secret>> = {
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
  ROOTCA: ({ rootsPem }, { moreRoots }) => roots("ROOTCA", [rootsPem.trimEnd(), ...moreRoots].join("\n")),
  "file-root:system": () => roots("file-root:system", systemRoots()),
};

/** Undefined: the name is none of ours, or there is no certificate yet. */
export function secretNamed(
  name: string,
  source: Pick<TlsSource, "current">,
  wishes: SecretWishes,
): NamedSecret | undefined {
  const make = makers[name];
  if (make === undefined || source.current === undefined) return undefined;
  const message = make(source.current, wishes);
  const version = createHash("sha256").update(toBinary(SecretSchema, message)).digest("base64url").slice(0, 16);
  return { name, version, message };
}

export function isServed(name: string): boolean {
  return name in makers;
}

function roots(name: string, pem: string): Secret {
  return create(SecretSchema, { name, type: { case: "validationContext", value: { trustedCa: inline(pem) } } });
}

function inline(pem: string) {
  return { specifier: { case: "inlineBytes", value: Buffer.from(pem) } } as const;
}

function systemRoots(): string {
  const system = getCACertificates("system");
  return (system.length > 0 ? system : getCACertificates("bundled")).join("\n");
}
