import type * as ir from "@lateen/ir";
import type { Context } from "../context.ts";
import { serverTlsModes, tlsVersions } from "../istio-names.ts";
import type { ServerTls } from "../istio.ts";
import type { PlacedServer } from "./gateway-servers.ts";

const alpn = ["h2", "http/1.1"];

/** Undefined, with a finding, when the server has no usable certificate. */
export function gatewayTls(context: Context, { server, gateway, path }: PlacedServer): ir.DownstreamTls | undefined {
  const { tls } = server;
  if (tls === undefined) return undefined;
  const mode = serverTlsModes[tls.mode] ?? "simple";
  if (mode === "istio-mutual") {
    if (context.scope.agent) return { mode: "workload-identity", alpn };
    context.findings.warn(
      gateway.origin,
      "no-workload-identity",
      `${path}.tls.mode is ISTIO_MUTUAL, but this proxy has no agent and so no certificate; it gets no listener`,
    );
    return undefined;
  }
  const certificates = certificatesOf(tls);
  if (certificates.length === 0) {
    context.findings.warn(
      gateway.origin,
      "no-certificate",
      `${path}.tls names no certificate; it gets no listener. Set credentialName`,
    );
    return undefined;
  }
  return ownTls(tls, mode, certificates);
}

/** TLS that a sidecar ends with files of its own. */
export function sidecarTls(tls: ServerTls): ir.DownstreamTls {
  return ownTls(tls, serverTlsModes[tls.mode] ?? "simple", certificatesOf(tls));
}

function ownTls(tls: ServerTls, mode: string, certificates: readonly ir.ServerCertificate[]): ir.DownstreamTls {
  const minimum = tlsVersions[tls.minProtocolVersion];
  const maximum = tlsVersions[tls.maxProtocolVersion];
  return {
    mode: "certificate",
    certificates,
    alpn,
    client: clientVerification(tls, mode),
    minimumVersion: minimum ?? "1.2",
    ...(maximum === undefined ? {} : { maximumVersion: maximum }),
    ...(tls.cipherSuites.length > 0 ? { cipherSuites: tls.cipherSuites } : {}),
    ...(tls.ecdhCurves.length > 0 ? { curves: tls.ecdhCurves } : {}),
  };
}

function certificatesOf(tls: ServerTls): readonly ir.ServerCertificate[] {
  const names = tls.credentialName === "" ? tls.credentialNames : [tls.credentialName];
  if (names.length > 0) return names.map((name) => ({ kind: "secret", name }));
  const files = tls.tlsCertificates.length > 0 ? tls.tlsCertificates : [tls];
  return files
    .filter((file) => file.serverCertificate !== "" && file.privateKey !== "")
    .map((file) => ({ kind: "files", certificate: file.serverCertificate, privateKey: file.privateKey }));
}

function clientVerification(tls: ServerTls, mode: string): ir.ClientVerification {
  if (mode !== "mutual" && mode !== "optional-mutual") return { mode: "none" };
  const credential = tls.caCertCredentialName || tls.credentialName || (tls.credentialNames[0] ?? "");
  return {
    mode: mode === "mutual" ? "required" : "optional",
    trust:
      tls.caCertificates !== ""
        ? { kind: "file", path: tls.caCertificates }
        : { kind: "secret", name: `${credential}-cacert` },
    acceptedNames: [...tls.subjectAltNames].sort(),
    spkiHashes: [...tls.verifyCertificateSpki].sort(),
    certificateHashes: [...tls.verifyCertificateHash].sort(),
  };
}
