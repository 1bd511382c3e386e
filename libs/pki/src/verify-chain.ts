import { type Certificate, parseCertificates } from "./certificate.ts";

export type ChainVerdict =
  | { readonly valid: true; readonly leaf: Certificate; readonly root: Certificate }
  | { readonly valid: false; readonly reason: string };

/**
 * Whether `chainPem` (leaf first, then intermediates; a root at its end is tolerated and not trusted) leads to one of
 * `rootsPem`, all within their validity at `nowMs`. Never throws: what cannot be read is a reason.
 */
export function verifyChain(chainPem: string, rootsPem: string, nowMs = Date.now()): ChainVerdict {
  try {
    const [leaf, ...intermediates] = parseCertificates(chainPem);
    if (!leaf) return { valid: false, reason: "the chain holds no certificate" };
    return walk(leaf, intermediates, { roots: parseCertificates(rootsPem), nowMs });
  } catch (error) {
    return { valid: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

function walk(
  leaf: Certificate,
  intermediates: readonly Certificate[],
  trust: { roots: readonly Certificate[]; nowMs: number },
): ChainVerdict {
  let current = leaf;
  const unused = new Set(intermediates);
  for (;;) {
    const problem = outsideValidity(current, trust.nowMs);
    if (problem) return { valid: false, reason: problem };
    const root = trust.roots.find((candidate) => issuedBy(current, candidate));
    if (root) {
      const expired = outsideValidity(root, trust.nowMs);
      return expired ? { valid: false, reason: expired } : { valid: true, leaf, root };
    }
    const next = [...unused].find((candidate) => issuedBy(current, candidate));
    if (!next) return { valid: false, reason: `no trusted root issued ${describe(current)}` };
    unused.delete(next);
    current = next;
  }
}

function issuedBy(certificate: Certificate, issuer: Certificate): boolean {
  return issuer.isCa && certificate.x509.checkIssued(issuer.x509) && certificate.x509.verify(issuer.x509.publicKey);
}

function outsideValidity(certificate: Certificate, nowMs: number): string | undefined {
  if (nowMs < certificate.notBeforeMs)
    return `${describe(certificate)} is not valid before ${new Date(certificate.notBeforeMs).toISOString()}`;
  if (nowMs > certificate.notAfterMs)
    return `${describe(certificate)} expired at ${new Date(certificate.notAfterMs).toISOString()}`;
  return undefined;
}

function describe(certificate: Certificate): string {
  const name = certificate.uris[0] ?? (certificate.subject.replaceAll("\n", ", ") || certificate.dnsNames[0]);
  return `certificate ${name ?? certificate.serialNumber}`;
}
