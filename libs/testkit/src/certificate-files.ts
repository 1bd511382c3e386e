import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import {
  createKeyAndCsr,
  createRootCa,
  issueWorkloadCertificate,
  openCertificateAuthority,
  signRevocationList,
} from "@lateen/pki";

/** Files that a bootstrap names are put into `folder`, with certificates made for the occasion, and named there. */
export async function certificateFiles(bootstrap: JsonObject, folder: string): Promise<JsonObject> {
  const text = JSON.stringify(bootstrap);
  if (!text.includes('"filename":')) return bootstrap;
  const files = await writeCertificates(folder);
  const renamed = text
    .replace(/"private_key":\{"filename":"[^"]*"\}/g, `"private_key":{"filename":${JSON.stringify(files.key)}}`)
    .replace(
      /"certificate_chain":\{"filename":"[^"]*"\}/g,
      `"certificate_chain":{"filename":${JSON.stringify(files.chain)}}`,
    )
    .replace(/"trusted_ca":\{"filename":"[^"]*"\}/g, `"trusted_ca":{"filename":${JSON.stringify(files.roots)}}`)
    .replace(/"crl":\{"filename":"[^"]*"\}/g, `"crl":{"filename":${JSON.stringify(files.revoked)}}`);
  return JSON.parse(renamed) as JsonObject;
}

async function writeCertificates(folder: string) {
  const authority = await openCertificateAuthority(await createRootCa({ organization: "case.example" }));
  const { privateKeyPem, csrPem } = await createKeyAndCsr();
  const identity = { trustDomain: "case.example", namespace: "case", serviceAccount: "case" };
  const { chain } = await issueWorkloadCertificate(authority, { csrPem, identity, ttlSeconds: 3600 });
  const at = (name: string): string => join(folder, `${name}.pem`);
  const files = { chain: at("chain"), key: at("key"), roots: at("roots"), revoked: at("revoked") };
  await writeFile(files.chain, chain[0] ?? "");
  await writeFile(files.key, privateKeyPem);
  await writeFile(files.roots, authority.material.rootsPem);
  await writeFile(files.revoked, await signRevocationList(authority, { serialNumbers: [] }));
  return files;
}
