import { GatewaySchema, ServerTLSSettings_TLSmode } from "@lateen/protos/networking/v1alpha3/gateway_pb.js";
import type { Port, Server, ServerTLSSettings } from "@lateen/protos/networking/v1alpha3/gateway_pb.js";
import type { Cursor } from "../report.ts";
import { isIpAddress, isUnixAddress } from "../rules/addresses.ts";
import { checkDistinct } from "../rules/distinct.ts";
import { checkNamespacedHost } from "../rules/hosts.ts";
import { checkLabels } from "../rules/labels.ts";
import { checkProtocol, isHttpProtocol, isTlsProtocol } from "../rules/protocols.ts";
import { checkPort } from "../rules/values.ts";
import { ageColumn, defineKind, networkingVersions } from "./definition.ts";

const leftOut = "this server is left out: TLS is not routed by server name";

export const gateway = defineKind({
  ...networkingVersions,
  kind: "Gateway",
  plural: "gateways",
  shortNames: ["gw"],
  schema: GatewaySchema,
  columns: [ageColumn],
  notBuilt: [
    { path: "servers[].defaultEndpoint", reason: "requests without a route are answered 404" },
    { path: "servers[].port.targetPort", reason: "the gateway listens on port.number" },
    { path: "servers[].tls.mode=PASSTHROUGH", reason: leftOut },
    { path: "servers[].tls.mode=AUTO_PASSTHROUGH", reason: leftOut },
    {
      path: "servers[].tls.caCrl",
      severity: "error",
      reason: "revoked certificates would be accepted; rotate the CA instead",
    },
  ],
  check(spec, at) {
    if (spec.servers.length === 0) at.at("servers").error("required", "needs at least one server");
    checkLabels(spec.selector, at.at("selector"));
    for (const [index, server] of spec.servers.entries()) checkServer(server, at.at("servers", index));
    const names = spec.servers.map((server) => server.port?.name ?? "");
    checkDistinct(names, "port name", (index) => at.at("servers", index, "port", "name"));
  },
});

function checkServer(server: Server, at: Cursor): void {
  if (server.hosts.length === 0) at.at("hosts").error("required", 'needs at least one host; "*" serves every host');
  for (const [index, host] of server.hosts.entries()) checkNamespacedHost(host, at.at("hosts", index));
  if (server.bind !== "" && !isIpAddress(server.bind) && !isUnixAddress(server.bind)) {
    at.at("bind").error("address", `${JSON.stringify(server.bind)} is not an IP address or unix:///path`);
  }
  if (server.port) checkServerPort(server.port, server, at);
  else at.at("port").error("required", "is required: number, name and protocol");
  if (server.tls && !server.tls.httpsRedirect) checkServerTls(server.tls, at.at("tls"));
}

function checkServerPort(port: Port, server: Server, at: Cursor): void {
  if (!server.bind.startsWith("unix:")) checkPort(port.number, at.at("port", "number"));
  if (port.name === "") at.at("port", "name").error("required", "is required: names the port in statistics");
  checkProtocol(port.protocol, at.at("port", "protocol"));
  if (["TCP", "TLS", "UDP", "MONGO", "REDIS", "MYSQL"].includes(port.protocol.toUpperCase()))
    at.at("port", "protocol").warning(
      "not-built",
      `${port.protocol} is not built for gateways yet: the server is left out`,
    );
  if (isTlsProtocol(port.protocol) && !server.tls)
    at.at("tls").error("required", `is required for protocol ${port.protocol}: set mode and credentialName`);
  if (!server.tls || isTlsProtocol(port.protocol)) {
    if (server.tls?.httpsRedirect)
      at.at("tls", "httpsRedirect").warning("ineffective", "is for HTTP servers; this one speaks TLS already");
    return;
  }
  if (!isHttpProtocol(port.protocol))
    at.at("tls").error("conflict", `cannot be used with protocol ${port.protocol}; use HTTPS or TLS`);
  else if (!server.tls.httpsRedirect)
    at.at("tls").error(
      "conflict",
      `cannot be used with protocol ${port.protocol} but for httpsRedirect; use protocol HTTPS`,
    );
}

function checkServerTls(tls: ServerTLSSettings, at: Cursor): void {
  const files = ["serverCertificate", "privateKey", "caCertificates"] as const;
  if (tls.minProtocolVersion > tls.maxProtocolVersion && tls.maxProtocolVersion !== 0)
    at.at("minProtocolVersion").error("range", "must not be above maxProtocolVersion");
  if (tls.mode === ServerTLSSettings_TLSmode.ISTIO_MUTUAL) {
    for (const field of [...files, "credentialName"] as const)
      if (tls[field] !== "")
        at.at(field).error("conflict", "must not be set with ISTIO_MUTUAL, which uses the gateway's own certificate");
    return;
  }
  const simple = tls.mode === ServerTLSSettings_TLSmode.SIMPLE;
  const mutual =
    tls.mode === ServerTLSSettings_TLSmode.MUTUAL || tls.mode === ServerTLSSettings_TLSmode.OPTIONAL_MUTUAL;
  if (
    (!simple && !mutual) ||
    tls.credentialName !== "" ||
    tls.credentialNames.length > 0 ||
    tls.tlsCertificates.length > 0
  )
    return;
  for (const field of simple ? (["serverCertificate", "privateKey"] as const) : files) {
    if (tls[field] === "")
      at.at(field).error(
        "required",
        `is required for mode ${ServerTLSSettings_TLSmode[tls.mode]}: a file, or set credentialName to a secret's name`,
      );
  }
}
