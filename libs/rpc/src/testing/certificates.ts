import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import type { TlsMaterial } from "../tls-source.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** A throw-away authority for tests. */
export interface TestAuthority {
  readonly rootPem: string;
  issue(names: readonly { type: "dns" | "url"; value: string }[]): Promise<TlsMaterial>;
}

export async function createTestAuthority(name: string): Promise<TestAuthority> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys: keys,
    signingAlgorithm: algorithm,
    notAfter: new Date(Date.now() + 3_600_000),
    extensions: [new x509.BasicConstraintsExtension(true), new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign)],
  });
  const rootPem = root.toString("pem");
  return {
    rootPem,
    async issue(names) {
      const leafKeys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
      const leaf = await x509.X509CertificateGenerator.create({
        subject: "CN=leaf",
        issuer: root.subject,
        publicKey: leafKeys.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
        notAfter: new Date(Date.now() + 3_600_000),
        extensions: [new x509.SubjectAlternativeNameExtension([...names])],
      });
      const key = await webcrypto.subtle.exportKey("pkcs8", leafKeys.privateKey);
      return {
        certificateChainPem: leaf.toString("pem"),
        privateKeyPem: x509.PemConverter.encode(key, "PRIVATE KEY"),
        rootsPem: rootPem,
      };
    },
  };
}
