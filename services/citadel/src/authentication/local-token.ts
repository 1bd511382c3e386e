import { createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, type KeyObject } from "node:crypto";
import { join } from "node:path";
import { SignJWT, errors, jwtVerify } from "jose";
import { readOrCreateSecretFile } from "../keys/secret-files.ts";
import { type Authenticator, bearerToken, identityOfSubject } from "./authenticator.ts";

export interface TokenRequest {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Default one hour. */
  readonly ttlSeconds?: number;
}

/** Stands in for Kubernetes where there is none: makes service account tokens and knows its own again. */
export interface LocalTokenIssuer {
  mintToken(request: TokenRequest): Promise<string>;
  authenticator(trustDomain: string): Authenticator;
}

const issuer = "lateen-local";
const audience = "istio-ca";

/** The issuer whose ES256 key is `token-key.pem` (0600) in `directory`, made at the first call. Whoever may read it may be anyone. */
export async function openLocalTokenIssuer(directory: string): Promise<LocalTokenIssuer> {
  const pem = await readOrCreateSecretFile(join(directory, "token-key.pem"), async () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  });
  return createLocalTokenIssuer(createPrivateKey(pem));
}

/** The same with a key at hand; without one, a new one that is forgotten with the process. */
export function createLocalTokenIssuer(
  key: KeyObject = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
): LocalTokenIssuer {
  const publicKey = createPublicKey(key);
  return {
    async mintToken({ namespace, serviceAccount, ttlSeconds = 3600 }) {
      const now = Math.floor(Date.now() / 1000);
      return new SignJWT({ "kubernetes.io": { namespace, serviceaccount: { name: serviceAccount } } })
        .setProtectedHeader({ alg: "ES256", typ: "JWT" })
        .setSubject(`system:serviceaccount:${namespace}:${serviceAccount}`)
        .setIssuer(issuer)
        .setAudience(audience)
        .setJti(randomUUID())
        .setIssuedAt(now)
        .setExpirationTime(now + ttlSeconds)
        .sign(key);
    },
    authenticator: (trustDomain) => ({
      name: "local token",
      async authenticate(context) {
        const token = bearerToken(context);
        if (!token) return { kind: "absent", reason: "no authorization: Bearer metadata" };
        const verified = await verify(token, publicKey);
        if ("reason" in verified) return { kind: "refused", reason: verified.reason };
        const identity = identityOfSubject(verified.subject, trustDomain);
        return identity
          ? { kind: "caller", identity }
          : { kind: "refused", reason: `its subject "${verified.subject}" is not a service account` };
      },
    }),
  };
}

async function verify(token: string, publicKey: KeyObject): Promise<{ subject: string } | { reason: string }> {
  try {
    const { payload } = await jwtVerify(token, publicKey, {
      algorithms: ["ES256"],
      issuer,
      audience,
      requiredClaims: ["exp", "sub"],
      clockTolerance: 5,
    });
    return { subject: payload.sub ?? "" };
  } catch (error) {
    if (error instanceof errors.JOSEError) return { reason: error.message };
    throw error;
  }
}
