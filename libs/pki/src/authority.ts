import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, webcrypto } from "node:crypto";
import { type Certificate, certificateMatchesKey, joinPem, parseCertificate } from "./certificate.ts";
import { PkiError } from "./pki-error.ts";
import { verifyChain } from "./verify-chain.ts";
import { type SigningKey, importSigningKey, loadX509 } from "./x509.ts";

/** A CA as it is stored. */
export interface CaMaterial {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** From the signing certificate's issuer up to, without, the root; empty for a CA that is its own root. */
  readonly intermediatesPem: string;
  /** What peers must trust. */
  readonly rootsPem: string;
}

/** A CA that can sign: its material, checked and imported. A value; renewing makes another one. */
export interface CertificateAuthority {
  readonly material: CaMaterial;
  readonly certificate: Certificate;
  readonly signingKey: SigningKey;
}

export interface RootCaOptions {
  /** The subject's organization; Istio writes the trust domain. */
  readonly organization: string;
  /** Default 10 years. */
  readonly ttlSeconds?: number;
  readonly nowMs?: number;
}

/** A new self-signed root, ECDSA P-256. */
export async function createRootCa(options: RootCaOptions): Promise<CaMaterial> {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return selfSign(privateKey.export({ type: "pkcs8", format: "pem" }).toString(), options);
}

/** A new root certificate for the same key and subject: what the old one signed verifies under the new one too. */
export async function renewRootCa(material: CaMaterial, options: RootCaOptions): Promise<CaMaterial> {
  return selfSign(material.privateKeyPem, options);
}

/**
 * Checks that key, certificate and roots belong together and that the certificate may sign, then imports the key.
 * Throws `authority-invalid` saying which part is wrong. An expired CA opens: it fails when it signs.
 */
export async function openCertificateAuthority(material: CaMaterial): Promise<CertificateAuthority> {
  const certificate = parseCertificate(material.certificatePem);
  if (!certificate.isCa)
    throw new PkiError("authority-invalid", "the CA certificate is not a CA: basicConstraints lacks CA:TRUE");
  const signingKey = await importSigningKey(material.privateKeyPem);
  if (!certificateMatchesKey(material.certificatePem, material.privateKeyPem)) {
    throw new PkiError("authority-invalid", "the CA's private key does not belong to its certificate");
  }
  const verdict = verifyChain(
    joinPem(material.certificatePem, material.intermediatesPem),
    material.rootsPem,
    certificate.notBeforeMs,
  );
  if (!verdict.valid)
    throw new PkiError("authority-invalid", `the CA certificate does not lead to its root: ${verdict.reason}`);
  return { material, certificate, signingKey };
}

async function selfSign(privateKeyPem: string, options: RootCaOptions): Promise<CaMaterial> {
  const x509 = await loadX509();
  const { key, algorithm } = await importSigningKey(privateKeyPem);
  const nowMs = options.nowMs ?? Date.now();
  const publicKey = await importPublicKey(privateKeyPem, key);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerial(),
    name: [{ O: [options.organization] }],
    notBefore: new Date(nowMs - clockSkewMs),
    notAfter: new Date(nowMs + (options.ttlSeconds ?? tenYearsSeconds) * 1000),
    signingAlgorithm: algorithm,
    keys: { privateKey: key, publicKey },
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  const certificatePem = `${certificate.toString("pem")}\n`;
  return { certificatePem, privateKeyPem, intermediatesPem: "", rootsPem: certificatePem };
}

async function importPublicKey(privateKeyPem: string, privateKey: webcrypto.CryptoKey): Promise<webcrypto.CryptoKey> {
  const spki = createPublicKey(createPrivateKey(privateKeyPem)).export({ type: "spki", format: "der" });
  return webcrypto.subtle.importKey("spki", spki, privateKey.algorithm as webcrypto.EcKeyImportParams, true, [
    "verify",
  ]);
}

/** 128 random bits, positive, as Istio's. */
export function randomSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}

/** Certificates begin this much in the past: clocks of a mesh disagree. */
export const clockSkewMs = 120_000;
const tenYearsSeconds = 10 * 365 * 24 * 3600;
