import { type KeyObject, generateKeyPair, sign } from "node:crypto";
import { promisify } from "node:util";
import { bitString, objectIdentifier, octetString, sequence, set, smallInteger, tagged } from "./der.ts";

/** What a request states. A CA of the mesh takes only the public key from it; the names are a courtesy to others. */
export interface CertificateRequest {
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
}

export interface KeyAndCsr {
  /** PKCS #8. Keep it in memory. */
  readonly privateKeyPem: string;
  readonly csrPem: string;
}

/** A new ECDSA P-256 key and a PKCS #10 request signed with it. */
export async function createKeyAndCsr(request: CertificateRequest = {}): Promise<KeyAndCsr> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)("ec", { namedCurve: "P-256" });
  const information = requestInformation(publicKey, request);
  const signature = sign("sha256", information, privateKey); // DER form, as PKCS #10 wants it
  const csr = sequence(information, sequence(ecdsaWithSha256), bitString(signature));
  return { privateKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(), csrPem: toPem(csr) };
}

function requestInformation(publicKey: KeyObject, request: CertificateRequest): Buffer {
  const emptySubject = sequence();
  const attributes = tagged(0xa0, ...extensionRequest(request));
  return sequence(smallInteger(0), emptySubject, publicKey.export({ type: "spki", format: "der" }), attributes);
}

function extensionRequest({ uris = [], dnsNames = [] }: CertificateRequest): Buffer[] {
  const names = [
    ...uris.map((uri) => tagged(0x86, Buffer.from(uri, "ascii"))),
    ...dnsNames.map((name) => tagged(0x82, Buffer.from(name, "ascii"))),
  ];
  if (names.length === 0) return [];
  const extension = sequence(subjectAlternativeName, octetString(sequence(...names)));
  return [sequence(extensionRequestAttribute, set(sequence(extension)))];
}

function toPem(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join("\n")}\n-----END CERTIFICATE REQUEST-----\n`;
}

const ecdsaWithSha256 = objectIdentifier("1.2.840.10045.4.3.2");
const extensionRequestAttribute = objectIdentifier("1.2.840.113549.1.9.14");
const subjectAlternativeName = objectIdentifier("2.5.29.17");
