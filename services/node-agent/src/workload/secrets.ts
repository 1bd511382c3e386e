import { createHash } from "node:crypto";
import { getCACertificates } from "node:tls";
import { create, toBinary } from "@bufbuild/protobuf";
import { type Secret, SecretSchema } from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import type { TlsMaterial, TlsSource } from "@lateen/rpc";

/** A secret under the name Envoy asks for. The version is the hash of its bytes. */
export interface NamedSecret {
  readonly name: string;
  readonly version: string;
  readonly message: Secret;
}

/** What the agent can serve: the workload's certificate, the mesh's roots, this machine's roots. Istio's names. */
const makers: Readonly<Record<string, (material: TlsMaterial) => Secret>> = {
  default: ({ certificateChainPem, privateKeyPem }) =>
    create(SecretSchema, {
      name: "default",
      type: {
        case: "tlsCertificate",
        value: { certificateChain: inline(certificateChainPem), privateKey: inline(privateKeyPem) },
      },
    }),
  ROOTCA: ({ rootsPem }) => roots("ROOTCA", rootsPem),
  "file-root:system": () => roots("file-root:system", systemRoots()),
};

/** Undefined: the name is none of ours, or there is no certificate yet. */
export function secretNamed(name: string, source: TlsSource): NamedSecret | undefined {
  const make = makers[name];
  if (make === undefined || source.current === undefined) return undefined;
  const message = make(source.current);
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
