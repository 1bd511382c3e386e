import { X509Certificate, createPrivateKey } from "node:crypto";
import { PkiError } from "./pki-error.ts";

/** One certificate, read. */
export interface Certificate {
  readonly pem: string;
  /** Upper-case hexadecimal. */
  readonly serialNumber: string;
  readonly subject: string;
  readonly issuer: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly isCa: boolean;
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  /** SHA-256 of the DER form, lower-case hexadecimal without colons. */
  readonly fingerprint: string;
  readonly x509: X509Certificate;
}

/** Reads the first certificate of `pem` (or DER bytes). Throws `certificate-invalid`. */
export function parseCertificate(source: string | Uint8Array): Certificate {
  const x509 = readX509(source);
  const names = parseAlternativeNames(x509.subjectAltName ?? "");
  return {
    pem: x509.toString(),
    serialNumber: x509.serialNumber,
    subject: x509.subject ?? "",
    issuer: x509.issuer ?? "",
    notBeforeMs: Date.parse(x509.validFrom),
    notAfterMs: Date.parse(x509.validTo),
    isCa: x509.ca,
    uris: names("URI"),
    dnsNames: names("DNS"),
    ipAddresses: names("IP Address"),
    fingerprint: x509.fingerprint256.replaceAll(":", "").toLowerCase(),
    x509,
  };
}

/** Every certificate of a PEM bundle, in its order. Throws `certificate-invalid` if one cannot be read. */
export function parseCertificates(pem: string): Certificate[] {
  return splitPem(pem).map((block) => parseCertificate(block));
}

/** The CERTIFICATE blocks of a bundle, each ending in a newline; whatever stands between them is dropped. */
export function splitPem(pem: string): string[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => `${block.replaceAll("\r", "")}\n`);
}

/** Bundles joined into one, each certificate once, first occurrence first. */
export function joinPem(...bundles: readonly string[]): string {
  return [...new Set(bundles.flatMap(splitPem))].join("");
}

/** Whether `privateKeyPem` is the key of the first certificate in `certificatePem`. Throws if either cannot be read. */
export function certificateMatchesKey(certificatePem: string, privateKeyPem: string): boolean {
  return readX509(certificatePem).checkPrivateKey(createPrivateKey(privateKeyPem));
}

function readX509(source: string | Uint8Array): X509Certificate {
  try {
    return new X509Certificate(source);
  } catch (cause) {
    throw new PkiError("certificate-invalid", "not a PEM or DER certificate", { cause });
  }
}

/**
 * Node renders the extension as `DNS:a, URI:"spiffe://x, y"`: a value with special characters is a JSON string.
 * https://nodejs.org/api/crypto.html#x509subjectaltname
 */
function parseAlternativeNames(text: string): (type: string) => string[] {
  const entries = [...text.matchAll(/([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g)];
  return (type) =>
    entries
      .filter(([, name]) => name === type)
      .map(([, , value = ""]) => (value.startsWith('"') ? String(JSON.parse(value)) : value));
}
