import { type CertificateAuthority, clockSkewMs } from "./authority.ts";
import { loadX509 } from "./x509.ts";

export interface RevocationListOptions {
  /** Hexadecimal, as `IssuedCertificate` has it. */
  readonly serialNumbers: readonly string[];
  /** Until the next list is due; default a day. */
  readonly ttlSeconds?: number;
  readonly nowMs?: number;
}

/** The authority's list of certificates that must not be accepted any more, PEM. */
export async function signRevocationList(
  { material, signingKey }: CertificateAuthority,
  { serialNumbers, ttlSeconds = 86_400, nowMs = Date.now() }: RevocationListOptions,
): Promise<string> {
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(material.certificatePem);
  const thisUpdate = new Date(nowMs - clockSkewMs);
  const list = await x509.X509CrlGenerator.create({
    issuer: issuer.subject,
    thisUpdate,
    nextUpdate: new Date(nowMs + ttlSeconds * 1000),
    signingKey: signingKey.key,
    signingAlgorithm: signingKey.algorithm,
    // An entry without a reason would get an empty list of extensions, which verifiers refuse.
    entries: serialNumbers.map((serialNumber) => ({
      serialNumber,
      revocationDate: thisUpdate,
      reason: x509.X509CrlReason.cessationOfOperation,
    })),
    extensions: [await x509.AuthorityKeyIdentifierExtension.create(issuer)],
  });
  return pemOf(Buffer.from(list.rawData));
}

/** With the label that OpenSSL and its kin look for. */
function pemOf(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN X509 CRL-----", ...lines, "-----END X509 CRL-----", ""].join("\n");
}
