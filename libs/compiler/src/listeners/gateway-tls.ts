import type * as ir from "@lateen/ir";
import { cipherSuites, ecdhCurves } from "@lateen/model";
import type { Context } from "../context.ts";
import { serverTlsModes, tlsVersions } from "../istio-names.ts";
import type { ServerTls } from "../istio.ts";
import { providerCluster } from "../providers.ts";
import type { TlsLimits } from "../settings.ts";
import type { PlacedServer } from "./gateway-servers.ts";

const alpn = ["h2", "http/1.1"];

/** Names the proxy's own certificate as a credential. */
const ownCertificate = "builtin://";

/** Undefined, with a finding, when the server has no usable certificate. */
export function gatewayTls(context: Context, { server, gateway, path }: PlacedServer): ir.DownstreamTls | undefined {
  const { tls } = server;
  if (tls === undefined) return undefined;
  const mode = serverTlsModes[tls.mode] ?? "simple";
  const missing = mode === "istio-mutual" ? [] : unknownProviders(context, tls);
  if (missing.length > 0) {
    context.findings.warn(
      gateway.origin,
      "no-secret-provider",
      `${path}.tls takes secrets from ${missing.join(", ")}: no provider of kind sds has this name and a service that this proxy knows; it gets no listener. Add it to meshConfig.extensionProviders`,
    );
    return undefined;
  }
  const certificates = mode === "istio-mutual" ? [] : certificatesOf(context, tls);
  const needsAgent = mode === "istio-mutual" || certificates.some(({ kind }) => kind === "workload-identity");
  if (needsAgent && !context.scope.agent) {
    context.findings.warn(
      gateway.origin,
      "no-workload-identity",
      `${path}.tls uses the workload's own certificate, but this proxy has no agent and so none; it gets no listener`,
    );
    return undefined;
  }
  if (mode === "istio-mutual") return identityTls(tls);
  if (certificates.length === 0) {
    context.findings.warn(
      gateway.origin,
      "no-certificate",
      `${path}.tls names no certificate; it gets no listener. Set credentialName`,
    );
    return undefined;
  }
  return ownTls(context, tls, certificates);
}

/** TLS that a sidecar ends with files of its own. */
export function sidecarTls(context: Context, tls: ServerTls): ir.DownstreamTls {
  return ownTls(context, tls, certificatesOf(context, tls));
}

function ownTls(context: Context, tls: ServerTls, certificates: readonly ir.ServerCertificate[]): ir.DownstreamTls {
  const client = clientVerification(context, tls, serverTlsModes[tls.mode] ?? "simple");
  return { mode: "certificate", certificates, alpn, client, ...parametersOf(tls, context.settings.otherTls) };
}

function identityTls(tls: ServerTls): ir.DownstreamTls {
  return {
    mode: "workload-identity",
    alpn,
    ...(tls.subjectAltNames.length > 0 ? { acceptedPeers: [...tls.subjectAltNames].sort() } : {}),
    ...(tls.caCrl === "" ? {} : { revocationList: tls.caCrl }),
  };
}

type Parameters = Pick<
  Extract<ir.DownstreamTls, { mode: "certificate" }>,
  "minimumVersion" | "maximumVersion" | "cipherSuites" | "curves"
>;

/**
 * What the server does not say, `tlsDefaults` of the mesh say. Names Envoy does not know would make it refuse the
 * listener, with all servers on it.
 */
function parametersOf(tls: ServerTls, mesh: TlsLimits): Parameters {
  const maximum = tlsVersions[tls.maxProtocolVersion];
  const suites = known(tls.cipherSuites.length > 0 ? tls.cipherSuites : mesh.cipherSuites, cipherSuites);
  const curves = known(tls.ecdhCurves.length > 0 ? tls.ecdhCurves : mesh.curves, ecdhCurves);
  return {
    minimumVersion: tlsVersions[tls.minProtocolVersion] ?? mesh.minimumVersion ?? "1.2",
    ...(maximum === undefined ? {} : { maximumVersion: maximum }),
    ...(suites.length > 0 ? { cipherSuites: suites } : {}),
    ...(curves.length > 0 ? { curves } : {}),
  };
}

function known(names: readonly string[], all: readonly string[]): readonly string[] {
  return [...new Set(names.filter((name) => all.includes(name)))];
}

/** Names what a provider of kind `sds` has. */
const foreign = "sds://";
const authorities = "-cacert";

function credentialsOf(tls: ServerTls): readonly string[] {
  return tls.credentialName === "" ? tls.credentialNames : [tls.credentialName];
}

function unknownProviders(context: Context, tls: ServerTls): readonly string[] {
  const names = [...credentialsOf(tls), tls.caCertCredentialName].filter((name) => name.startsWith(foreign));
  return names.filter((name) => foreignSecret(context, name) === undefined);
}

/** By its full name, as in Istio; the provider of `sds://a-cacert` is `a`. Undefined: there is no such provider. */
function foreignSecret(context: Context, name: string): ir.ForeignSecret | undefined {
  if (!name.startsWith(foreign)) return undefined;
  const own = name.slice(foreign.length);
  const plain = own.endsWith(authorities) ? own.slice(0, -authorities.length) : own;
  for (const { provider } of context.settings.providers.values()) {
    if (provider.case !== "sds" || (provider.value.name !== own && provider.value.name !== plain)) continue;
    const from = providerCluster(context, provider.value);
    if (from !== undefined) return { kind: "foreign-secret", name, from, authority: from.host };
  }
  return undefined;
}

function certificatesOf(context: Context, tls: ServerTls): readonly ir.ServerCertificate[] {
  const names = credentialsOf(tls);
  if (names.length > 0)
    return names.map((name) =>
      name.startsWith(ownCertificate)
        ? { kind: "workload-identity" }
        : (foreignSecret(context, name) ?? { kind: "secret", name }),
    );
  const files = tls.tlsCertificates.length > 0 ? tls.tlsCertificates : [tls];
  return files
    .filter((file) => file.serverCertificate !== "" && file.privateKey !== "")
    .map((file) => ({ kind: "files", certificate: file.serverCertificate, privateKey: file.privateKey }));
}

function clientVerification(context: Context, tls: ServerTls, mode: string): ir.ClientVerification {
  if (mode !== "mutual" && mode !== "optional-mutual") return { mode: "none" };
  return {
    mode: mode === "mutual" ? "required" : "optional",
    trust: trustOf(context, tls),
    ...(tls.insecureSkipVerify ? { acceptsUntrusted: true } : {}),
    acceptedNames: [...tls.subjectAltNames].sort(),
    spkiHashes: [...tls.verifyCertificateSpki].sort(),
    certificateHashes: [...tls.verifyCertificateHash].sort(),
  };
}

/** A credential for authorities comes first, then a file, then the Secret of the certificate. */
function trustOf(context: Context, tls: ServerTls): Exclude<ir.ClientVerification, { mode: "none" }>["trust"] {
  const file =
    tls.caCertificates || (tls.tlsCertificates.find((pair) => pair.caCertificates !== "")?.caCertificates ?? "");
  if (file !== "" && tls.caCertCredentialName === "")
    return { kind: "file", path: file, ...(tls.caCrl === "" ? {} : { revocationList: tls.caCrl }) };
  const credential = tls.caCertCredentialName || tls.credentialName || (tls.credentialNames[0] ?? "");
  if (credential.startsWith(ownCertificate)) return { kind: "mesh" };
  const name = `${credential}${authorities}`;
  return foreignSecret(context, name) ?? { kind: "secret", name };
}
