/**
 * Citadel: the mesh's certificate authority.
 *
 * Owns: the CA's key (a Secret, a folder, or memory), who may have which certificate, the trust bundle in the mesh
 * store and in every namespace, and the certificates of gateways on their way to pilot.
 * Never: reads mesh configuration, decides policy, or lets a key out but to the workload or gateway it belongs to.
 * The names in a certificate are those the caller was authenticated as; a request's own names are ignored.
 * Next: `citadel.ts` (the parts together), `authority.ts` (the CA's slot), `authentication/`, `gateway-secrets/`.
 */
export type { Attempt, Authenticator } from "./authentication/authenticator.ts";
export { authenticate } from "./authentication/authenticator.ts";
export { clientCertificate } from "./authentication/client-certificate.ts";
export { kubernetesToken } from "./authentication/kubernetes-token.ts";
export type { LocalTokenIssuer, TokenRequest } from "./authentication/local-token.ts";
export { createLocalTokenIssuer, openLocalTokenIssuer } from "./authentication/local-token.ts";
export type { Citadel, CitadelOptions } from "./citadel.ts";
export { createCitadel } from "./citadel.ts";
export { controlPlaneNames } from "./config.ts";
export { FolderSecrets } from "./gateway-secrets/folder-source.ts";
export { readSecretManifests } from "./gateway-secrets/manifests.ts";
export { KubernetesSecrets } from "./gateway-secrets/kubernetes-source.ts";
export type { SecretData, SecretRef, SecretSource } from "./gateway-secrets/secret-source.ts";
export { createDirectoryKeyStore } from "./keys/directory-key-store.ts";
export type { KeyStore, StoredCa } from "./keys/key-store.ts";
export { createKubernetesKeyStore } from "./keys/kubernetes-key-store.ts";
export { createMemoryKeyStore } from "./keys/memory-key-store.ts";
export { createRootConfigMaps } from "./trust/root-config-maps.ts";
