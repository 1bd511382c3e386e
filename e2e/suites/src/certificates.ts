import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type CaMaterial,
  createKeyAndCsr,
  createRootCa,
  issueWorkloadCertificate,
  openCertificateAuthority,
  signRevocationList,
  type WorkloadIdentity,
} from "@lateen/pki";

export interface KeyPair {
  /** Chain, PEM. */
  readonly certificate: string;
  readonly privateKey: string;
}

export interface ServerCertificate extends KeyPair {
  /** The root of its own that a client must trust. */
  readonly rootPem: string;
}

export interface IssuedPair extends KeyPair {
  readonly serialNumber: string;
}

/** A CA of a test's own. */
export interface TestAuthority {
  readonly rootPem: string;
  /** For DNS names and, besides, `spiffe://tests.example.com/ns/tests/sa/<account>`. */
  issue(dnsNames: readonly string[], account?: string): Promise<IssuedPair>;
  /** Its list of what is revoked, PEM. */
  revoke(...certificates: readonly IssuedPair[]): Promise<string>;
}

export async function createAuthority(organization = "tests"): Promise<TestAuthority> {
  const ca = await createRootCa({ organization, ttlSeconds: 3_600 });
  return {
    rootPem: ca.rootsPem,
    issue: (dnsNames, serviceAccount = "server") =>
      issue(ca, { trustDomain: "tests.example.com", namespace: "tests", serviceAccount }, dnsNames),
    revoke: async (...certificates) =>
      signRevocationList(await openCertificateAuthority(ca), {
        serialNumbers: certificates.map(({ serialNumber }) => serialNumber),
      }),
  };
}

/** A certificate for DNS names, from a CA made for it alone. */
export async function issueServerCertificate(dnsNames: readonly string[]): Promise<ServerCertificate> {
  const authority = await createAuthority();
  return { ...(await authority.issue(dnsNames)), rootPem: authority.rootPem };
}

/** A workload's certificate, past citadel: for callers that no agent stands beside. */
export function issueClientCertificate(ca: CaMaterial, identity: WorkloadIdentity): Promise<KeyPair> {
  return issue(ca, identity, []);
}

/** The CA that citadel keeps in a state folder. */
export async function readCa(state: string): Promise<CaMaterial> {
  const read = (file: string): Promise<string> => readFile(join(state, "istio-ca-secret", file), "utf8");
  const [certificatePem, privateKeyPem] = await Promise.all([read("ca-cert.pem"), read("ca-key.pem")]);
  return { certificatePem, privateKeyPem, intermediatesPem: "", rootsPem: certificatePem };
}

async function issue(ca: CaMaterial, identity: WorkloadIdentity, dnsNames: readonly string[]): Promise<IssuedPair> {
  const authority = await openCertificateAuthority(ca);
  const { csrPem, privateKeyPem } = await createKeyAndCsr();
  const request = { csrPem, identity, dnsNames, ttlSeconds: 3_600 };
  const { chain, serialNumber } = await issueWorkloadCertificate(authority, request);
  return { certificate: chain.slice(0, -1).join(""), privateKey: privateKeyPem, serialNumber };
}
