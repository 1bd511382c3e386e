import { type CaMaterial, splitPem } from "@lateen/pki";
import { MeshError } from "@lateen/runtime";
import { citadelCodes } from "../errors.ts";

/** The keys of a Secret, or the files of a folder: the same names in both, Istio's. */
export type CaFiles = ReadonlyMap<string, string>;

export const selfSignedName = "istio-ca-secret";
export const pluggedName = "cacerts";

/** A self-signed CA: `ca-cert.pem` is its own root. `where` names the place in messages. */
export function readSelfSigned(files: CaFiles, where: string): CaMaterial {
  const certificatePem = required(files, "ca-cert.pem", where);
  return {
    certificatePem,
    privateKeyPem: required(files, "ca-key.pem", where),
    intermediatesPem: "",
    rootsPem: certificatePem,
  };
}

export function writeSelfSigned(material: CaMaterial): CaFiles {
  return new Map([
    ["ca-cert.pem", material.certificatePem],
    ["ca-key.pem", material.privateKeyPem],
  ]);
}

/** A plugged-in CA, under Istio's names or those of a kubernetes.io/tls Secret (cert-manager). */
export function readPlugged(files: CaFiles, where: string): CaMaterial {
  if (files.has("tls.crt")) return readTlsForm(files, where);
  const certificatePem = required(files, "ca-cert.pem", where);
  return {
    certificatePem,
    privateKeyPem: required(files, "ca-key.pem", where),
    intermediatesPem: withoutFirst(certificatePem, files.get("cert-chain.pem") ?? ""),
    rootsPem: required(files, "root-cert.pem", where),
  };
}

function readTlsForm(files: CaFiles, where: string): CaMaterial {
  const chain = required(files, "tls.crt", where);
  const [certificatePem = ""] = splitPem(chain);
  return {
    certificatePem,
    privateKeyPem: required(files, "tls.key", where),
    intermediatesPem: withoutFirst(certificatePem, chain),
    rootsPem: required(files, "ca.crt", where),
  };
}

/** Istio's cert-chain.pem begins with the signing certificate itself. */
function withoutFirst(certificatePem: string, chain: string): string {
  const [own] = splitPem(certificatePem);
  return splitPem(chain)
    .filter((pem) => pem !== own)
    .join("");
}

function required(files: CaFiles, name: string, where: string): string {
  const content = files.get(name);
  if (content) return content;
  throw new MeshError(
    citadelCodes.caIncomplete,
    `${where} lacks ${name}; it has ${[...files.keys()].join(", ") || "nothing"}`,
  );
}
