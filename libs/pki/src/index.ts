/**
 * Certificates as values: making a CA, signing a workload's request, reading and verifying chains.
 *
 * Owns: X.509 and SPIFFE spelling, the shape of a workload certificate, the moment it should be renewed.
 * Never: storage, timers, sockets, logs; the clock is an argument (`nowMs`), defaulting to the present.
 *
 * Every client imports this package (node-agent must stay small), so what only a CA needs, @peculiar/x509, is
 * loaded at the first signature; keys, requests and reading run on node:crypto alone.
 * Next: `libs/identity` (keeps one workload's certificate fresh), `services/citadel` (the CA).
 */
export type { CaMaterial, CertificateAuthority, RootCaOptions } from "./authority.ts";
export { createRootCa, openCertificateAuthority, renewRootCa } from "./authority.ts";
export type { Certificate } from "./certificate.ts";
export { certificateMatchesKey, joinPem, parseCertificate, parseCertificates, splitPem } from "./certificate.ts";
export type { IssuedCertificate, WorkloadCertificateRequest } from "./issue.ts";
export { issueWorkloadCertificate } from "./issue.ts";
export type { CertificateRequest, KeyAndCsr } from "./certificate-request.ts";
export { createKeyAndCsr } from "./certificate-request.ts";
export type { PkiErrorCode } from "./pki-error.ts";
export { PkiError } from "./pki-error.ts";
export type { RevocationListOptions } from "./revocation-list.ts";
export { signRevocationList } from "./revocation-list.ts";
export { rotationMoment } from "./rotation.ts";
export type { WorkloadIdentity } from "./spiffe.ts";
export { formatSpiffeId, parseSpiffeId } from "./spiffe.ts";
export type { ChainVerdict } from "./verify-chain.ts";
export { verifyChain } from "./verify-chain.ts";
