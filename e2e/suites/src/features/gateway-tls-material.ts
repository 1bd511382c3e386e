import { X509Certificate, createHash } from "node:crypto";
import { createAuthority } from "../certificates.ts";
import type { FeatureContext } from "./feature.ts";

/** Made once for all rows: servers' certificates from one CA, clients' from another, and a CA nobody trusts. */
const servers = await createAuthority("servers");
const clients = await createAuthority("clients");
const strangers = await createAuthority("strangers");

export const serverRoot = servers.rootPem;
export const clientRoot = clients.rootPem;
export const server = await servers.issue(["*.example.com"]);
/** For one name each. */
export const one = await servers.issue(["one.example.com"], "one");
export const two = await servers.issue(["two.example.com"], "two");
/** What programs behind a gateway show when it passes TLS on. */
export const backend = await servers.issue(["backend.example.com"], "backend");
export const client = await clients.issue(["client.example.com"], "client");
export const otherClient = await clients.issue(["other.example.com"], "other");
/** On the list of its CA. */
export const revoked = await clients.issue(["revoked.example.com"], "revoked");
export const revocationList = await clients.revoke(revoked);
export const stranger = await strangers.issue(["client.example.com"], "client");

export interface Pair {
  readonly certificate: string;
  readonly privateKey: string;
}

/** What Istio calls `verifyCertificateSpki`: SHA-256 of the public key, base64. */
export function keyHash({ certificate }: Pair): string {
  const key = new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(key).digest("base64");
}

/** `verifyCertificateHash`, with colons. */
export function certificateHash({ certificate }: Pair): string {
  return new X509Certificate(certificate).fingerprint256;
}

/** A Secret of the row; `entries` in plain text. */
export function secret(row: FeatureContext, entries: Readonly<Record<string, string>>, suffix = "cert"): object {
  return { apiVersion: "v1", kind: "Secret", metadata: row.named(suffix), stringData: entries };
}

export function pairOf({ certificate, privateKey }: Pair): Readonly<Record<string, string>> {
  return { "tls.crt": certificate, "tls.key": privateKey };
}

export const withAuthority = { ...pairOf(server), "ca.crt": clientRoot };

/** The name of `secret(row, …)`. */
export function credential(row: FeatureContext, suffix = "cert"): string {
  return row.named(suffix).name;
}
