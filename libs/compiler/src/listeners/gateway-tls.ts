import type * as ir from "@lateen/ir";
import { cipherSuites, ecdhCurves } from "@lateen/model";
import type { Context } from "../context.ts";
import { serverTlsModes, tlsVersions } from "../istio-names.ts";
import type { ServerTls } from "../istio.ts";
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
  const certificates = mode === "istio-mutual" ? [] : certificatesOf(tls);
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
  return ownTls(context, tls, certificatesOf(tls));
}

function ownTls(
  { settings }: Context,
  tls: ServerTls,
  certificates: readonly ir.ServerCertificate[],
): ir.DownstreamTls {
  const client = clientVerification(tls, serverTlsModes[tls.mode] ?? "simple");
  return { mode: "certificate", certificates, alpn, client, ...parametersOf(tls, settings.otherTls) };
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

function certificatesOf(tls: ServerTls): readonly ir.ServerCertificate[] {
  const names = tls.credentialName === "" ? tls.credentialNames : [tls.credentialName];
  if (names.length > 0)
    return names.map((name) =>
      name.startsWith(ownCertificate) ? { kind: "workload-identity" } : { kind: "secret", name },
    );
  const files = tls.tlsCertificates.length > 0 ? tls.tlsCertificates : [tls];
  return files
    .filter((file) => file.serverCertificate !== "" && file.privateKey !== "")
    .map((file) => ({ kind: "files", certificate: file.serverCertificate, privateKey: file.privateKey }));
}

function clientVerification(tls: ServerTls, mode: string): ir.ClientVerification {
  if (mode !== "mutual" && mode !== "optional-mutual") return { mode: "none" };
  return {
    mode: mode === "mutual" ? "required" : "optional",
    trust: trustOf(tls),
    ...(tls.insecureSkipVerify ? { acceptsUntrusted: true } : {}),
    acceptedNames: [...tls.subjectAltNames].sort(),
    spkiHashes: [...tls.verifyCertificateSpki].sort(),
    certificateHashes: [...tls.verifyCertificateHash].sort(),
  };
}

/** A credential for authorities comes first, then a file, then the Secret of the certificate. */
function trustOf(tls: ServerTls): Exclude<ir.ClientVerification, { mode: "none" }>["trust"] {
  const file =
    tls.caCertificates || (tls.tlsCertificates.find((pair) => pair.caCertificates !== "")?.caCertificates ?? "");
  if (file !== "" && tls.caCertCredentialName === "")
    return { kind: "file", path: file, ...(tls.caCrl === "" ? {} : { revocationList: tls.caCrl }) };
  const credential = tls.caCertCredentialName || tls.credentialName || (tls.credentialNames[0] ?? "");
  return credential.startsWith(ownCertificate) ? { kind: "mesh" } : { kind: "secret", name: `${credential}-cacert` };
}
