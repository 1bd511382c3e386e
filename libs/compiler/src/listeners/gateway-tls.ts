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
      `${path}.tls takes secrets from ${missing.join(", ")}: the service of the provider of kind sds is none that this proxy knows; it gets no listener. Correct it in meshConfig.extensionProviders`,
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
    parameters: "unsaid",
    ...(tls.subjectAltNames.length > 0 ? { acceptedPeers: [...tls.subjectAltNames].sort() } : {}),
    ...(tls.caCrl === "" ? {} : { revocationList: tls.caCrl }),
  };
}

type Parameters = Pick<
  Extract<ir.DownstreamTls, { mode: "certificate" }>,
  "minimumVersion" | "maximumVersion" | "cipherSuites" | "curves"
>;

/**
 * What the server does not say, `tlsDefaults` of the mesh say, else Envoy: from TLS 1.2 on. Names Envoy does not know would make it refuse the
 * listener, with all servers on it.
 */
function parametersOf(tls: ServerTls, mesh: TlsLimits): Parameters {
  const minimum = tlsVersions[tls.minProtocolVersion] ?? mesh.minimumVersion;
  const maximum = tlsVersions[tls.maxProtocolVersion];
  const suites = known(tls.cipherSuites.length > 0 ? tls.cipherSuites : mesh.cipherSuites, cipherSuites);
  const curves = known(tls.ecdhCurves.length > 0 ? tls.ecdhCurves : mesh.curves, ecdhCurves);
  return {
    ...(minimum === undefined ? {} : { minimumVersion: minimum }),
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
  return names.filter((name) => credential(context, name) === undefined);
}

/**
 * `sds://a` is called `a` by the provider of that name, else by the first; `sds://a-cacert` likewise. In a mesh without
 * providers it is a Secret. Undefined: the provider's service is none that this proxy knows.
 * https://github.com/istio/istio/blob/0098d99f8e43fe516aaac5a84a131b4ce3c8b9d1/releasenotes/notes/external-sds-gateway-fix.yaml
 */
function credential(
  context: Context,
  written: string,
): ir.ForeignSecret | { readonly kind: "secret"; readonly name: string } | undefined {
  if (!written.startsWith(foreign)) return { kind: "secret", name: written };
  const name = written.slice(foreign.length);
  const plain = name.endsWith(authorities) ? name.slice(0, -authorities.length) : name;
  const providers = [...context.settings.providers.values()].flatMap(({ provider }) =>
    provider.case === "sds" ? [provider.value] : [],
  );
  const [first] = providers;
  if (first === undefined) return { kind: "secret", name };
  const from = providerCluster(context, providers.find((one) => one.name === name || one.name === plain) ?? first);
  return from === undefined ? undefined : { kind: "foreign-secret", name, from, authority: from.host };
}

function certificatesOf(context: Context, tls: ServerTls): readonly ir.ServerCertificate[] {
  const names = credentialsOf(tls);
  if (names.length > 0)
    return names.flatMap((name): readonly ir.ServerCertificate[] => {
      if (name.startsWith(ownCertificate)) return [{ kind: "workload-identity" }];
      return [credential(context, name) ?? []].flat();
    });
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
  const written = tls.caCertCredentialName || tls.credentialName || (tls.credentialNames[0] ?? "");
  if (written.startsWith(ownCertificate)) return { kind: "mesh" };
  const name = written.endsWith(authorities) ? written : `${written}${authorities}`;
  return credential(context, name) ?? { kind: "secret", name };
}
