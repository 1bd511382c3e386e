import { type CertificateClientOptions, requestFrom } from "./certificate-client.ts";
import { type IdentityClient, type KeepIdentityOptions, keepIdentity } from "./keep-identity.ts";

export interface ObtainIdentityOptions
  extends CertificateClientOptions,
    Omit<KeepIdentityOptions, "requestCertificate" | "roots"> {}

/**
 * Gets a certificate from the CA at `caAddress` and keeps it fresh until `signal` aborts. Returns at once:
 *
 *     const identity = obtainIdentity({ caAddress, roots, token, ttlSeconds: 86_400, signal, logger });
 *     await identity.ready;
 *     server.listen({ address: "0.0.0.0:15012", tls: identity.source });
 */
export function obtainIdentity(options: ObtainIdentityOptions): IdentityClient {
  return keepIdentity({ ...options, requestCertificate: requestFrom(options) });
}
