import { createPrivateKey, webcrypto } from "node:crypto";
import { PkiError } from "./pki-error.ts";

/** @peculiar/x509, loaded at the first use (about 16 MB) and bound to Node's WebCrypto. */
export async function loadX509(): Promise<typeof import("@peculiar/x509")> {
  await import("reflect-metadata"); // tsyringe inside x509 demands it first
  const x509 = await import("@peculiar/x509");
  x509.cryptoProvider.set(webcrypto);
  return x509;
}

export interface SigningKey {
  readonly key: webcrypto.CryptoKey;
  readonly algorithm: { readonly name: string; readonly hash: string };
}

/** A CA's key in any PEM form (PKCS #8, SEC 1, PKCS #1), ready to sign. ECDSA and RSA are supported. */
export async function importSigningKey(privateKeyPem: string): Promise<SigningKey> {
  const key = readPrivateKey(privateKeyPem);
  const algorithm = algorithmOf(key.asymmetricKeyType, key.asymmetricKeyDetails?.namedCurve);
  const der = key.export({ type: "pkcs8", format: "der" });
  const imported = await webcrypto.subtle.importKey("pkcs8", der, algorithm.importAs, false, ["sign"]);
  return { key: imported, algorithm: algorithm.signAs };
}

function readPrivateKey(pem: string) {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new PkiError("authority-invalid", "the CA's private key cannot be read: expected an unencrypted PEM key", {
      cause,
    });
  }
}

function algorithmOf(type: string | undefined, curve: string | undefined) {
  const namedCurve = curves[curve ?? ""];
  if (type === "ec" && namedCurve) {
    return { importAs: { name: "ECDSA", namedCurve }, signAs: { name: "ECDSA", hash: "SHA-256" } };
  }
  if (type === "rsa") {
    const rsa = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
    return { importAs: rsa, signAs: rsa };
  }
  throw new PkiError(
    "authority-invalid",
    `a CA key of type ${type} ${curve ?? ""} is not supported: use RSA or ECDSA P-256, P-384, P-521`,
  );
}

const curves: Readonly<Record<string, string>> = { prime256v1: "P-256", secp384r1: "P-384", secp521r1: "P-521" };
