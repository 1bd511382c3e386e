import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { certificateMatchesKey, parseCertificates, splitPem } from "@lateen/pki";
import { type SecretMaterial, SecretMaterialSchema } from "@lateen/protos/mesh/identity/v1/gateway_secrets_pb.js";
import type { SecretData } from "./secret-source.ts";

/**
 * A Secret as a gateway's certificate: `tls.crt`, `tls.key`, `ca.crt`, `ca.crl` (kubernetes.io/tls) or `cert`, `key`,
 * `cacert`, `crl` (Istio's generic form), and `tls.ocsp-staple`. One that cannot be used is found, has no material, and says why.
 */
export function certificateMaterial(secret: SecretData | undefined): SecretMaterial {
  if (!secret) return create(SecretMaterialSchema, { found: false });
  const form = forms.find(({ key }) => secret.has(key)) ?? forms.find(({ certificate }) => secret.has(certificate));
  if (!form)
    return unusable(
      `it has none of tls.crt and tls.key, or cert and key: its keys are ${[...secret.keys()].join(", ") || "none"}`,
    );
  const [certificate, key] = [secret.get(form.certificate), secret.get(form.key)];
  if (!certificate || !key) return unusable(`it lacks ${certificate ? form.key : form.certificate}`);
  const problem = pairProblem(certificate.toString("utf8"), key.toString("utf8"), form);
  if (problem) return unusable(problem);
  return checkedMaterial({
    certificateChainPem: certificate,
    privateKeyPem: key,
    caCertificatesPem: secret.get(form.ca),
    revocationListPem: secret.get(form.revoked),
    ocspStaple: secret.get(stapleEntry),
  });
}

/**
 * The certificates that verify clients, for a name that ends in `-cacert`: those of the Secret of that name, else those
 * of the Secret without the ending, as in Istio.
 */
export function caMaterial(own: SecretData | undefined, base: SecretData | undefined): SecretMaterial {
  if (!own && !base) return create(SecretMaterialSchema, { found: false });
  const holder = [own, base].find((secret) => secret?.has("cacert") || secret?.has("ca.crt"));
  if (!holder) return unusable("it has neither ca.crt nor cacert");
  return checkedMaterial({
    caCertificatesPem: holder.get("cacert") ?? holder.get("ca.crt"),
    revocationListPem: holder.get("crl") ?? holder.get("ca.crl"),
  });
}

interface Form {
  readonly certificate: string;
  readonly key: string;
  readonly ca: string;
  readonly revoked: string;
}

/** Order matters: a Secret with both is read as Istio's generic form. */
const forms: readonly Form[] = [
  { certificate: "cert", key: "key", ca: "cacert", revoked: "crl" },
  { certificate: "tls.crt", key: "tls.key", ca: "ca.crt", revoked: "ca.crl" },
];

const stapleEntry = "tls.ocsp-staple";

const parts = ["certificateChainPem", "privateKeyPem", "caCertificatesPem", "revocationListPem", "ocspStaple"] as const;

type Parts = { readonly [Part in (typeof parts)[number]]?: Buffer | undefined };

function checkedMaterial(given: Parts): SecretMaterial {
  const { caCertificatesPem: ca, revocationListPem: revoked } = given;
  const problem = ca && bundleProblem(ca.toString("utf8"));
  if (problem) return unusable(`its CA certificates: ${problem}`);
  if (revoked && !/-----BEGIN X509 CRL-----/.test(revoked.toString("utf8")))
    return unusable("its revocation list: no PEM list (X509 CRL) in it");
  const hash = createHash("sha256");
  const material = create(SecretMaterialSchema, { found: true });
  for (const part of parts) {
    const content = given[part] ?? Buffer.alloc(0);
    material[part] = content;
    hash.update(`${content.length} `).update(content);
  }
  return { ...material, version: hash.digest("hex") };
}

function pairProblem(certificate: string, key: string, form: Form): string | undefined {
  const problem = bundleProblem(certificate);
  if (problem) return `${form.certificate}: ${problem}`;
  try {
    return certificateMatchesKey(certificate, key) ? undefined : `${form.key} is not the key of ${form.certificate}`;
  } catch {
    return `${form.key} is not an unencrypted PEM private key`;
  }
}

function bundleProblem(pem: string): string | undefined {
  if (splitPem(pem).length === 0) return "no PEM certificate in it";
  try {
    parseCertificates(pem);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const pullEntry = ".dockerconfigjson";

/** A Secret as credentials for registries of images (kubernetes.io/dockerconfigjson). Nothing of it is ever quoted. */
export function pullMaterial(secret: SecretData | undefined): SecretMaterial {
  if (!secret) return create(SecretMaterialSchema, { found: false });
  const config = secret.get(pullEntry);
  if (!config) return unusable(`it lacks ${pullEntry}: its type should be kubernetes.io/dockerconfigjson`);
  if (!isDockerConfig(config.toString("utf8"))) return unusable(`its ${pullEntry} is not JSON with auths`);
  const version = createHash("sha256").update(config).digest("hex");
  return create(SecretMaterialSchema, { found: true, dockerConfigJson: config, version });
}

function isDockerConfig(text: string): boolean {
  try {
    const { auths } = JSON.parse(text) as { readonly auths?: unknown };
    return typeof auths === "object" && auths !== null && !Array.isArray(auths);
  } catch {
    return false;
  }
}

function unusable(problem: string): SecretMaterial {
  const version = createHash("sha256").update(problem).digest("hex");
  return create(SecretMaterialSchema, { found: true, problem, version });
}
