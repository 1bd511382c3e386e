import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { X509CertificateGenerator } from "@peculiar/x509";

/** Files that a bootstrap names are put into `folder`, with a certificate made for the occasion, and named there. */
export async function certificateFiles(bootstrap: JsonObject, folder: string): Promise<JsonObject> {
  const text = JSON.stringify(bootstrap);
  if (!/"filename":/.test(text)) return bootstrap;
  const { certificate, privateKey } = await selfSigned();
  await writeFile(join(folder, "cert.pem"), certificate);
  await writeFile(join(folder, "key.pem"), privateKey);
  const renamed = text
    .replace(/"private_key":\{"filename":"[^"]*"\}/g, `"private_key":{"filename":${JSON.stringify(join(folder, "key.pem"))}}`)
    .replace(/"(certificate_chain|trusted_ca)":\{"filename":"[^"]*"\}/g, `"$1":{"filename":${JSON.stringify(join(folder, "cert.pem"))}}`);
  return JSON.parse(renamed) as JsonObject;
}

async function selfSigned(): Promise<{ readonly certificate: string; readonly privateKey: string }> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;
  const notBefore = new Date(Date.now() - 60_000);
  const notAfter = new Date(Date.now() + 86_400_000);
  const certificate = await X509CertificateGenerator.createSelfSigned({ name: "CN=case", keys, notBefore, notAfter, signingAlgorithm: algorithm }, webcrypto as Crypto);
  const exported = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  const pem = `-----BEGIN PRIVATE KEY-----\n${exported.replace(/(.{64})/g, "$1\n")}\n-----END PRIVATE KEY-----\n`;
  return { certificate: certificate.toString("pem"), privateKey: pem };
}
