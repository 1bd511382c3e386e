import { cipherSuites, ecdhCurves } from "@lateen/model";
import {
  ServerTLSSettings_TLSmode,
  ServerTLSSettings_TLSProtocol,
} from "@lateen/protos/networking/v1alpha3/gateway_pb.js";
import type { ServerTLSSettings } from "@lateen/protos/networking/v1alpha3/gateway_pb.js";
import type { Cursor } from "../report.ts";
import { checkNoEmptyStrings } from "../rules/values.ts";

const { SIMPLE, MUTUAL, OPTIONAL_MUTUAL, ISTIO_MUTUAL, PASSTHROUGH, AUTO_PASSTHROUGH } = ServerTLSSettings_TLSmode;
const files = ["serverCertificate", "privateKey", "caCertificates"] as const;
/** Envoy takes that many, of different key types. */
const mostCertificates = 2;

/** How a server secures its connections, but for `httpsRedirect`. */
export function checkServerTls(tls: ServerTLSSettings, at: Cursor): void {
  checkParameters(tls, at);
  switch (tls.mode) {
    case ISTIO_MUTUAL:
      forbid(tls, [...files, "credentialName", "credentialNames", "tlsCertificates"], at);
      break;
    case PASSTHROUGH:
    case AUTO_PASSTHROUGH:
      ignoreCertificates(tls, at);
      break;
    default:
      checkSources(tls, at);
      checkClientCertificates(tls, at);
      checkRevocationList(tls, at);
  }
}

type CertificateField = (typeof files)[number] | "credentialName" | "credentialNames" | "tlsCertificates";

function isSet(tls: ServerTLSSettings, field: CertificateField | "caCrl"): boolean {
  return tls[field].length > 0;
}

function forbid(tls: ServerTLSSettings, fields: readonly CertificateField[], at: Cursor): void {
  for (const field of fields)
    if (isSet(tls, field))
      at.at(field).error("conflict", "must not be set with ISTIO_MUTUAL, which uses the gateway's own certificate");
}

function ignoreCertificates(tls: ServerTLSSettings, at: Cursor): void {
  for (const field of [...files, "credentialName", "credentialNames", "tlsCertificates", "caCrl"] as const)
    if (isSet(tls, field))
      at.at(field).warning(
        "ineffective",
        `is ignored: with ${ServerTLSSettings_TLSmode[tls.mode]} the gateway does not terminate TLS`,
      );
}

/** Exactly one place for the server's own certificate. */
function checkSources(tls: ServerTLSSettings, at: Cursor): void {
  const given = [
    ...(tls.serverCertificate !== "" && tls.privateKey !== "" ? ["serverCertificate" as const] : []),
    ...(["credentialName", "credentialNames", "tlsCertificates"] as const).filter((field) => isSet(tls, field)),
  ];
  const [first, ...others] = given;
  for (const other of others)
    at.at(other).error("conflict", `cannot be used with ${String(first)}; keep one source of the certificate`);
  for (const field of ["credentialNames", "tlsCertificates"] as const)
    if (tls[field].length > mostCertificates)
      at.at(field).error(
        "range",
        `at most ${mostCertificates}, an RSA and an ECDSA certificate; got ${tls[field].length}`,
      );
  checkNoEmptyStrings(tls.credentialNames, at.at("credentialNames"));
  for (const [name, here] of credentials(tls, at)) checkCredential(name, here);
  const mode = ServerTLSSettings_TLSmode[tls.mode];
  for (const [index, pair] of tls.tlsCertificates.entries())
    for (const field of ["serverCertificate", "privateKey"] as const)
      if (pair[field] === "") at.at("tlsCertificates", index, field).error("required", `is required for mode ${mode}`);
  if (first !== undefined) return;
  for (const field of ["serverCertificate", "privateKey"] as const)
    if (tls[field] === "")
      at.at(field).error("required", `is required for mode ${mode}: a file, or set credentialName to a secret's name`);
}

function credentials(tls: ServerTLSSettings, at: Cursor): readonly (readonly [string, Cursor])[] {
  return [
    [tls.credentialName, at.at("credentialName")],
    [tls.caCertCredentialName, at.at("caCertCredentialName")],
    ...tls.credentialNames.map((name, index) => [name, at.at("credentialNames", index)] as const),
  ];
}

/** `name`, `kubernetes://[namespace/]name`, `kubernetes-gateway://namespace/name`, `sds://name` or `builtin://`. */
function checkCredential(name: string, at: Cursor): void {
  const scheme = /^([a-z-]+):\/\//.exec(name)?.[1];
  if (scheme === undefined || ["kubernetes", "kubernetes-gateway", "sds", "builtin"].includes(scheme)) return;
  if (scheme === "configmap") at.error("not-built", "a ConfigMap is not read for certificates; put them into a Secret");
  else at.error("credential", `${JSON.stringify(name)} is not a credential; write the name of a Secret`);
}

function checkClientCertificates(tls: ServerTLSSettings, at: Cursor): void {
  const mutual = tls.mode === MUTUAL || tls.mode === OPTIONAL_MUTUAL;
  if (mutual) {
    const inPairs = tls.tlsCertificates.some((pair) => pair.caCertificates !== "");
    const bySecret = isSet(tls, "credentialName") || isSet(tls, "credentialNames") || tls.caCertCredentialName !== "";
    if (tls.caCertificates === "" && !bySecret && !inPairs)
      at.at("caCertificates").error(
        "required",
        `is required for mode ${ServerTLSSettings_TLSmode[tls.mode]}: a file, or set caCertCredentialName to a secret's name`,
      );
    return;
  }
  for (const field of ["subjectAltNames", "verifyCertificateSpki", "verifyCertificateHash"] as const)
    if (tls[field].length > 0)
      at.at(field).warning("ineffective", "is for client certificates, which mode SIMPLE does not ask for; use MUTUAL");
}

function checkRevocationList(tls: ServerTLSSettings, at: Cursor): void {
  if (tls.caCrl === "") return;
  if (tls.mode === SIMPLE)
    at.at("caCrl").warning("ineffective", "is for client certificates, which mode SIMPLE does not ask for; use MUTUAL");
  else if (isSet(tls, "credentialName") || isSet(tls, "credentialNames"))
    at.at("caCrl").error(
      "conflict",
      "cannot be used with credentialName: put the list into the secret, under crl or ca.crl",
    );
}

function checkParameters(tls: ServerTLSSettings, at: Cursor): void {
  const { TLSV1_0, TLSV1_1 } = ServerTLSSettings_TLSProtocol;
  if (tls.minProtocolVersion > tls.maxProtocolVersion && tls.maxProtocolVersion !== 0)
    at.at("minProtocolVersion").error("range", "must not be above maxProtocolVersion");
  if ((tls.minProtocolVersion === TLSV1_0 || tls.minProtocolVersion === TLSV1_1) && tls.cipherSuites.length === 0)
    at.at("minProtocolVersion").warning(
      "ineffective",
      "below TLSV1_2 none of the default cipher suites can be used; set cipherSuites as well",
    );
  checkNames(tls.cipherSuites, cipherSuites, "cipher suite", at.at("cipherSuites"));
  checkNames(tls.ecdhCurves, ecdhCurves, "curve", at.at("ecdhCurves"));
  for (const [index, hash] of tls.verifyCertificateSpki.entries())
    if (!/^[A-Za-z0-9+/]{43}=$/.test(hash))
      at.at("verifyCertificateSpki", index).error("hash", `${JSON.stringify(hash)} is not a SHA-256 hash in base64`);
  for (const [index, hash] of tls.verifyCertificateHash.entries())
    if (!/^([0-9A-Fa-f]{64}|[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31})$/.test(hash))
      at.at("verifyCertificateHash", index).error(
        "hash",
        `${JSON.stringify(hash)} is not a SHA-256 hash in hexadecimal`,
      );
}

/** Unknown and repeated ones are left out, as in Istio. */
function checkNames(names: readonly string[], known: readonly string[], what: string, at: Cursor): void {
  for (const [index, name] of names.entries()) {
    if (!known.includes(name))
      at.at(index).warning(
        "ineffective",
        `${JSON.stringify(name)} is no known ${what} and is ignored; known are ${known.join(", ")}`,
      );
    else if (names.indexOf(name) !== index) at.at(index).warning("duplicate", `the ${what} ${name} is there already`);
  }
}
