import { createPublicKey } from "node:crypto";
import { type CaMaterial, type CertificateAuthority, clockSkewMs, randomSerial } from "./authority.ts";
import { joinPem, splitPem } from "./certificate.ts";
import { PkiError } from "./pki-error.ts";
import { type WorkloadIdentity, formatSpiffeId } from "./spiffe.ts";
import { loadX509 } from "./x509.ts";

type X509 = Awaited<ReturnType<typeof loadX509>>;

export interface WorkloadCertificateRequest {
  /** Proves possession of the key. Names inside it are not used. */
  readonly csrPem: string;
  /** Becomes the URI name: who the caller was authenticated to be, never what the request claims. */
  readonly identity: WorkloadIdentity;
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly ttlSeconds: number;
  readonly nowMs?: number;
}

export interface IssuedCertificate {
  /** Leaf, intermediates, and last the roots (one element, maybe of several certificates): CreateCertificate's order. */
  readonly chain: readonly string[];
  readonly notAfterMs: number;
  readonly serialNumber: string;
}

/**
 * Signs the request's public key for `identity`. The certificate ends with the CA at the latest.
 * Throws `request-invalid`, `identity-invalid`, or `authority-expired` when the CA has no life left to give.
 */
export async function issueWorkloadCertificate(
  authority: CertificateAuthority,
  request: WorkloadCertificateRequest,
): Promise<IssuedCertificate> {
  const x509 = await loadX509();
  const publicKey = await verifiedPublicKey(x509, request.csrPem);
  const nowMs = request.nowMs ?? Date.now();
  const notAfterMs = Math.min(nowMs + request.ttlSeconds * 1000, authority.certificate.notAfterMs);
  if (notAfterMs <= nowMs) {
    throw new PkiError(
      "authority-expired",
      `the CA certificate expired at ${new Date(authority.certificate.notAfterMs).toISOString()}: renew or replace it`,
    );
  }
  const serialNumber = randomSerial();
  const issuer = new x509.X509Certificate(authority.material.certificatePem);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber,
    issuer: issuer.subjectName,
    notBefore: new Date(nowMs - clockSkewMs),
    notAfter: new Date(notAfterMs),
    signingKey: authority.signingKey.key,
    signingAlgorithm: authority.signingKey.algorithm,
    publicKey,
    extensions: await extensions(x509, issuer, request),
  });
  return { chain: [`${certificate.toString("pem")}\n`, ...above(authority.material)], notAfterMs, serialNumber };
}

/** The signing certificate and intermediates one by one, then the roots as one element, as Istio answers. */
function above({ certificatePem, intermediatesPem, rootsPem }: CaMaterial): string[] {
  const roots = splitPem(rootsPem);
  const signers = splitPem(joinPem(certificatePem, intermediatesPem)).filter((pem) => !roots.includes(pem));
  return [...signers, roots.join("")];
}

/** As Istio's leaf: empty subject, so the SAN is critical (RFC 5280 4.2.1.6); client and server in one. */
async function extensions(
  x509: X509,
  issuer: InstanceType<X509["X509Certificate"]>,
  request: WorkloadCertificateRequest,
) {
  const usages = x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment;
  const names = [
    { type: "url" as const, value: formatSpiffeId(request.identity) },
    ...(request.dnsNames ?? []).map((value) => ({ type: "dns" as const, value })),
    ...(request.ipAddresses ?? []).map((value) => ({ type: "ip" as const, value })),
  ];
  return [
    new x509.KeyUsagesExtension(usages, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
    new x509.BasicConstraintsExtension(false, undefined, true),
    await x509.AuthorityKeyIdentifierExtension.create(issuer),
    new x509.SubjectAlternativeNameExtension(names, true),
  ];
}

async function verifiedPublicKey(x509: X509, csrPem: string) {
  const request = parseRequest(x509, csrPem);
  if (!(await verifySignature(request))) {
    throw new PkiError("request-invalid", "the certificate request is not signed with its own key");
  }
  refuseWeakKey(Buffer.from(request.publicKey.rawData));
  return request.publicKey;
}

function parseRequest(x509: X509, csrPem: string) {
  try {
    return new x509.Pkcs10CertificateRequest(csrPem);
  } catch (cause) {
    throw new PkiError("request-invalid", "csr is not a PEM PKCS #10 certificate request", { cause });
  }
}

async function verifySignature(request: { verify(): Promise<boolean> }): Promise<boolean> {
  try {
    return await request.verify();
  } catch (cause) {
    throw new PkiError(
      "request-invalid",
      "the key of the certificate request is not supported: use RSA or ECDSA P-256, P-384, P-521",
      { cause },
    );
  }
}

/** Envoy (BoringSSL) serves ECDSA and RSA; anything shorter than 2048 bits it refuses itself. */
function refuseWeakKey(spki: Buffer): void {
  const key = createPublicKey({ key: spki, type: "spki", format: "der" });
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType === "ec" || (key.asymmetricKeyType === "rsa" && bits >= 2048)) return;
  throw new PkiError(
    "request-invalid",
    `a key of type ${key.asymmetricKeyType} ${bits || ""} is not accepted: use ECDSA or RSA of 2048 bits or more`,
  );
}
