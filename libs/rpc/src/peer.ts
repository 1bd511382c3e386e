import { X509Certificate } from "node:crypto";

/**
 * Who is at the other end. `tls` only for a certificate that the listener's roots vouch for; a caller without a
 * certificate, or with an untrusted one, is `none` and must prove itself in another way.
 */
export type PeerIdentity =
  | { readonly kind: "none" }
  | { readonly kind: "tls"; readonly spiffeId?: string; readonly certificate: Buffer };

export const noPeer: PeerIdentity = { kind: "none" };

/** `der` must have been verified. A certificate with several URI names has no SPIFFE id, as the standard says. */
export function peerFromCertificate(der: Buffer): PeerIdentity {
  const uris = uriNames(new X509Certificate(der).subjectAltName ?? "");
  const [first] = uris;
  if (uris.length !== 1 || first === undefined || !first.startsWith("spiffe://"))
    return { kind: "tls", certificate: der };
  return { kind: "tls", spiffeId: first, certificate: der };
}

/**
 * The URI names in Node's text form of subjectAltName (`DNS:a, URI:spiffe://b`). Node quotes a value with a comma
 * or quote in it, as JSON does; such a name is never an identity and is left out, so nothing can be smuggled in.
 */
export function uriNames(subjectAltName: string): string[] {
  const names = subjectAltName.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? [];
  return names
    .map((name) => name.trim())
    .filter((name) => name.startsWith("URI:") && !name.includes('"'))
    .map((name) => name.slice("URI:".length));
}
