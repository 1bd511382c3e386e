import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type CaMaterial,
  createKeyAndCsr,
  createRootCa,
  issueWorkloadCertificate,
  openCertificateAuthority,
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

/** A certificate for DNS names, from a CA made for it alone. */
export async function issueServerCertificate(dnsNames: readonly string[]): Promise<ServerCertificate> {
  const ca = await createRootCa({ organization: "tests", ttlSeconds: 3_600 });
  const identity = { trustDomain: "tests.example.com", namespace: "tests", serviceAccount: "server" };
  return { ...(await issue(ca, identity, dnsNames)), rootPem: ca.rootsPem };
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

async function issue(ca: CaMaterial, identity: WorkloadIdentity, dnsNames: readonly string[]): Promise<KeyPair> {
  const authority = await openCertificateAuthority(ca);
  const { csrPem, privateKeyPem } = await createKeyAndCsr();
  const { chain } = await issueWorkloadCertificate(authority, { csrPem, identity, dnsNames, ttlSeconds: 3_600 });
  return { certificate: chain.slice(0, -1).join(""), privateKey: privateKeyPem };
}
