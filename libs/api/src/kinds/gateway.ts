import { GatewaySchema, ServerTLSSettings_TLSmode } from "@lateen/protos/networking/v1alpha3/gateway_pb.js";
import type { Port, Server } from "@lateen/protos/networking/v1alpha3/gateway_pb.js";
import type { Cursor } from "../report.ts";
import { isIpAddress, isUnixAddress } from "../rules/addresses.ts";
import { checkDistinct } from "../rules/distinct.ts";
import { checkNamespacedHost } from "../rules/hosts.ts";
import { checkLabels } from "../rules/labels.ts";
import { checkProtocol, isHttpProtocol, isTlsProtocol } from "../rules/protocols.ts";
import { checkPort } from "../rules/values.ts";
import { ageColumn, defineKind, networkingVersions } from "./definition.ts";
import { checkServerTls } from "./server-tls.ts";

export const gateway = defineKind({
  ...networkingVersions,
  kind: "Gateway",
  plural: "gateways",
  shortNames: ["gw"],
  schema: GatewaySchema,
  columns: [ageColumn],
  notBuilt: [
    {
      path: "servers[].defaultEndpoint",
      reason: "as in Istio, requests without a route are answered 404; route them with a VirtualService",
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
  for (const [index, host] of server.hosts.entries()) {
    checkNamespacedHost(host, at.at("hosts", index));
    if (server.tls && isTlsProtocol(server.port?.protocol ?? "")) checkServerName(host, at.at("hosts", index));
  }
  if (server.bind !== "" && !isIpAddress(server.bind) && !isUnixAddress(server.bind)) {
    at.at("bind").error("address", `${JSON.stringify(server.bind)} is not an IP address or unix:///path`);
  }
  if (server.port) checkServerPort(server.port, server, at);
  else at.at("port").error("required", "is required: number, name and protocol");
  if (server.tls && isTlsProtocol(server.port?.protocol ?? "")) checkServerTls(server.tls, at.at("tls"));
}

/** Envoy tells connections apart by whole labels only. */
function checkServerName(host: string, at: Cursor): void {
  const name = host.slice(host.indexOf("/") + 1);
  if (/^\*[^.]/.test(name))
    at.error(
      "host",
      `${JSON.stringify(name)} cannot be matched by server name; a wildcard must be a whole label, as in "*.example.com"`,
    );
}

function checkServerPort(port: Port, server: Server, at: Cursor): void {
  if (!server.bind.startsWith("unix:")) checkPort(port.number, at.at("port", "number"));
  else if (port.number !== 0) at.at("port", "number").error("port", "must be 0 for a Unix domain socket");
  if (port.targetPort !== 0)
    at.at("port", "targetPort").error(
      "unsupported",
      "has no effect on gateways, which listen on port.number; remove it",
    );
  if (port.name === "") at.at("port", "name").error("required", "is required: names the port in statistics");
  checkProtocol(port.protocol, at.at("port", "protocol"));
  if (port.protocol.toUpperCase() === "UDP")
    at.at("port", "protocol").error("not-built", "gateways do not forward UDP; use TCP, TLS or an HTTP protocol");
  if (isTlsProtocol(port.protocol) && !server.tls)
    at.at("tls").error("required", `is required for protocol ${port.protocol}: set mode and credentialName`);
  if (!server.tls) return;
  if (server.tls.httpsRedirect && !isHttpProtocol(port.protocol))
    at.at("tls", "httpsRedirect").warning("ineffective", "is for HTTP servers; this one is none");
  if (isTlsProtocol(port.protocol)) return;
  if (!isHttpProtocol(port.protocol))
    at.at("tls").error("conflict", `cannot be used with protocol ${port.protocol}; use HTTPS or TLS`);
  else checkRedirectOnly(server.tls, port.protocol, at.at("tls"));
}

/** On a plain HTTP server there is nothing to secure. */
function checkRedirectOnly(tls: NonNullable<Server["tls"]>, protocol: string, at: Cursor): void {
  const { PASSTHROUGH, AUTO_PASSTHROUGH } = ServerTLSSettings_TLSmode;
  const secured =
    (tls.mode !== PASSTHROUGH && tls.mode !== AUTO_PASSTHROUGH) ||
    tls.serverCertificate !== "" ||
    tls.privateKey !== "" ||
    tls.caCertificates !== "";
  if (secured)
    at.error("conflict", `cannot be used with protocol ${protocol} but for httpsRedirect; use protocol HTTPS`);
}
