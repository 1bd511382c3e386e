import { ServerTLSSettings_TLSmode } from "@lateen/protos/networking/v1alpha3/gateway_pb.js";
import type { ServerTLSSettings } from "@lateen/protos/networking/v1alpha3/gateway_pb.js";
import type { Cursor } from "../report.ts";
import { isHttpProtocol, isTlsProtocol } from "../rules/protocols.ts";

const terminating: readonly ServerTLSSettings_TLSmode[] = [
  ServerTLSSettings_TLSmode.SIMPLE,
  ServerTLSSettings_TLSmode.MUTUAL,
  ServerTLSSettings_TLSmode.OPTIONAL_MUTUAL,
];

/** TLS that a sidecar ends on a port for callers outside the mesh, with files of its own machine, as in Istio. */
export function checkSidecarTls(tls: ServerTLSSettings | undefined, protocol: string, at: Cursor): void {
  if (!tls) return;
  if (!isTlsProtocol(protocol) && !isHttpProtocol(protocol) && protocol.toUpperCase() !== "TCP")
    at.error("conflict", `cannot be used with protocol ${protocol}; use HTTPS or TLS`);
  if (!terminating.includes(tls.mode))
    at.at("mode").error("mode", `${ServerTLSSettings_TLSmode[tls.mode]} is not for sidecars; use SIMPLE or MUTUAL`);
  if (tls.httpsRedirect) at.at("httpsRedirect").error("conflict", "is for gateways");
  if (tls.credentialName !== "" || tls.credentialNames.length > 0)
    at.at("credentialName").error("conflict", "is for gateways; mount the files and name them");
  if (tls.tlsCertificates.length > 0) at.at("tlsCertificates").error("conflict", "is for gateways");
  if (tls.caCrl !== "")
    at.at("caCrl").error("not-built", "revoked certificates would be accepted; rotate the CA instead");
  if (tls.minProtocolVersion > tls.maxProtocolVersion && tls.maxProtocolVersion !== 0)
    at.at("minProtocolVersion").error("range", "must not be above maxProtocolVersion");
  const simple = tls.mode === ServerTLSSettings_TLSmode.SIMPLE;
  for (const field of ["serverCertificate", "privateKey", ...(simple ? [] : ["caCertificates" as const])] as const)
    if (tls[field] === "") at.at(field).error("required", "is required: a file the proxy can read");
}
