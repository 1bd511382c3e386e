import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { certificateMatchesKey, parseCertificates, splitPem } from "@lateen/pki";
import { type SecretMaterial, SecretMaterialSchema } from "@lateen/protos/mesh/identity/v1/gateway_secrets_pb.js";
import type { SecretData } from "./secret-source.ts";

/**
 * A Secret as a gateway's certificate: `tls.crt`, `tls.key`, `ca.crt` (kubernetes.io/tls) or `cert`, `key`, `cacert`
 * (Istio's generic form). One that cannot be used is found, has no material, and says why.
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
  return checkedMaterial(certificate, key, secret.get(form.ca));
}

/**
 * The certificates that verify clients, for a name that ends in `-cacert`: those of the Secret of that name, else those
 * of the Secret without the ending, as in Istio.
 */
export function caMaterial(own: SecretData | undefined, base: SecretData | undefined): SecretMaterial {
  if (!own && !base) return create(SecretMaterialSchema, { found: false });
  const ca = [own, base]
    .map((secret) => secret?.get("cacert") ?? secret?.get("ca.crt"))
    .find((content) => content !== undefined);
  if (!ca) return unusable("it has neither ca.crt nor cacert");
  return checkedMaterial(Buffer.alloc(0), Buffer.alloc(0), ca);
}

interface Form {
  readonly certificate: string;
  readonly key: string;
  readonly ca: string;
}

/** Order matters: a Secret with both is read as Istio's generic form. */
const forms: readonly Form[] = [
  { certificate: "cert", key: "key", ca: "cacert" },
  { certificate: "tls.crt", key: "tls.key", ca: "ca.crt" },
];

function checkedMaterial(certificateChainPem: Buffer, privateKeyPem: Buffer, ca: Buffer | undefined): SecretMaterial {
  const problem = ca && bundleProblem(ca.toString("utf8"));
  if (problem) return unusable(`its CA certificates: ${problem}`);
  const caCertificatesPem = ca ?? Buffer.alloc(0);
  const hash = createHash("sha256");
  for (const part of [certificateChainPem, privateKeyPem, caCertificatesPem])
    hash.update(`${part.length} `).update(part);
  return create(SecretMaterialSchema, {
    found: true,
    certificateChainPem,
    privateKeyPem,
    caCertificatesPem,
    version: hash.digest("hex"),
  });
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

function unusable(problem: string): SecretMaterial {
  const version = createHash("sha256").update(problem).digest("hex");
  return create(SecretMaterialSchema, { found: true, problem, version });
}
