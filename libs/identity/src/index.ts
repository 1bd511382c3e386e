/**
 * One workload's certificate, kept fresh: key, request, CreateCertificate, rotation.
 *
 * Owns: when to ask again (half of the lifetime, changed roots), retries, and that the last good certificate stays
 * in use meanwhile. The result is a `TlsSource` that servers and clients read.
 * Never: writes a key anywhere, or decides who the workload is (the CA does, from the token or certificate shown).
 * Next: `keep-identity.ts` (the loop), `certificate-client.ts` (the call to the CA), `serving-identity.ts` (all of it for a service).
 */
export type { CertificateClientOptions } from "./certificate-client.ts";
export { requestFrom } from "./certificate-client.ts";
export type { IdentityClient, IdentityLogger, KeepIdentityOptions, RequestCertificate } from "./keep-identity.ts";
export { keepIdentity } from "./keep-identity.ts";
export type { ObtainIdentityOptions } from "./obtain-identity.ts";
export { obtainIdentity } from "./obtain-identity.ts";
export type { ServingIdentity, ServingIdentityOptions } from "./serving-identity.ts";
export { createServingIdentity } from "./serving-identity.ts";
