import {
  ClientTLSSettings_TLSmode,
  ConnectionPoolSettings_HTTPSettings_H2UpgradePolicy,
} from "@lateen/protos/networking/v1alpha3/destination_rule_pb.js";
import type {
  ClientTLSSettings,
  ConnectionPoolSettings,
  OutlierDetection,
  TrafficPolicy_TunnelSettings,
} from "@lateen/protos/networking/v1alpha3/destination_rule_pb.js";
import type { Cursor } from "../report.ts";
import { isIpAddress } from "../rules/addresses.ts";
import { checkFqdn } from "../rules/hosts.ts";
import { checkDuration, checkNoEmptyStrings, checkNotNegative, checkPercent, checkPort } from "../rules/values.ts";

export function checkConnectionPool(pool: ConnectionPoolSettings | undefined, at: Cursor): void {
  if (!pool) return;
  const { tcp, http } = pool;
  if (!tcp && !http) at.error("required", "must have at least one setting: tcp or http");
  if (tcp) {
    checkNotNegative(tcp.maxConnections, at.at("tcp", "maxConnections"));
    for (const field of ["connectTimeout", "maxConnectionDuration", "idleTimeout"] as const)
      checkDuration(tcp[field], at.at("tcp", field), field === "connectTimeout" ? 1 : 0);
    checkDuration(tcp.tcpKeepalive?.time, at.at("tcp", "tcpKeepalive", "time"));
    checkDuration(tcp.tcpKeepalive?.interval, at.at("tcp", "tcpKeepalive", "interval"));
  }
  if (!http) return;
  const counts = [
    "http1MaxPendingRequests",
    "http2MaxRequests",
    "maxRequestsPerConnection",
    "maxRetries",
    "maxConcurrentStreams",
  ] as const;
  for (const field of counts) checkNotNegative(http[field], at.at("http", field));
  checkDuration(http.idleTimeout, at.at("http", "idleTimeout"), 0);
  checkDuration(http.http2KeepAlive?.interval, at.at("http", "http2KeepAlive", "interval"));
  checkDuration(http.http2KeepAlive?.timeout, at.at("http", "http2KeepAlive", "timeout"));
  if (http.http2KeepAlive)
    for (const field of ["interval", "timeout"] as const)
      if (!http.http2KeepAlive[field])
        at.at("http", "http2KeepAlive", field).error("required", "is required with http2KeepAlive");
  if (http.useClientProtocol && http.h2UpgradePolicy === ConnectionPoolSettings_HTTPSettings_H2UpgradePolicy.UPGRADE) {
    at.at("http", "useClientProtocol").error(
      "conflict",
      "cannot be used with h2UpgradePolicy UPGRADE; keep one of them",
    );
  }
}

export function checkOutlierDetection(outlier: OutlierDetection | undefined, at: Cursor): void {
  if (!outlier) return;
  checkDuration(outlier.interval, at.at("interval"));
  checkDuration(outlier.baseEjectionTime, at.at("baseEjectionTime"));
  checkPercent(outlier.maxEjectionPercent, at.at("maxEjectionPercent"));
  checkPercent(outlier.minHealthPercent, at.at("minHealthPercent"));
  for (const [index, code] of outlier.outlierDetectionHttpErrorCodes.entries())
    if (code < 100 || code > 599)
      at.at("outlierDetectionHttpErrorCodes", index).error("range", `must be a status from 100 to 599, got ${code}`);
  if ((outlier.consecutiveLocalOriginFailures ?? 0) > 0 && !outlier.splitExternalLocalOriginErrors) {
    at.at("consecutiveLocalOriginFailures").error(
      "required",
      "needs splitExternalLocalOriginErrors: true, otherwise it is never counted",
    );
  }
}

export function checkTunnel(tunnel: TrafficPolicy_TunnelSettings | undefined, at: Cursor): void {
  if (!tunnel) return;
  if (!["", "CONNECT", "POST"].includes(tunnel.protocol))
    at.at("protocol").error("value", `must be CONNECT or POST, got ${JSON.stringify(tunnel.protocol)}`);
  if (tunnel.targetHost === "") at.at("targetHost").error("required", "is required: where the tunnel ends");
  else if (!isIpAddress(tunnel.targetHost)) checkFqdn(tunnel.targetHost, at.at("targetHost"));
  checkPort(tunnel.targetPort, at.at("targetPort"));
}

export function checkClientTls(tls: ClientTLSSettings | undefined, at: Cursor): void {
  if (!tls) return;
  const files = (["clientCertificate", "privateKey", "caCertificates"] as const).filter((field) => tls[field] !== "");
  checkNoEmptyStrings(tls.subjectAltNames, at.at("subjectAltNames"));
  if (tls.credentialName.startsWith("sds://"))
    at.at("credentialName").error(
      "not-built",
      "is asked of a provider of kind sds by servers of Gateways only; write the name of a Secret",
    );
  if (tls.caCrl !== "" && tls.caCertificates === "")
    at.at("caCrl").error(
      "required",
      "needs caCertificates: without them the list would not be looked at, and revoked certificates be accepted",
    );
  if (tls.insecureSkipVerify) {
    if (tls.mode !== ClientTLSSettings_TLSmode.SIMPLE && tls.mode !== ClientTLSSettings_TLSmode.MUTUAL)
      at.at("insecureSkipVerify").error("conflict", "is for the modes SIMPLE and MUTUAL");
    if (tls.caCertificates !== "")
      at.at("insecureSkipVerify").error(
        "conflict",
        "cannot be used with caCertificates, which verify; keep one of them",
      );
    if (tls.subjectAltNames.length > 0)
      at.at("insecureSkipVerify").error(
        "conflict",
        "cannot be used with subjectAltNames, which verify; keep one of them",
      );
    if (tls.credentialName !== "" && tls.mode === ClientTLSSettings_TLSmode.SIMPLE)
      at.at("insecureSkipVerify").error("conflict", "cannot be used with credentialName, whose CA verifies; keep one");
  }
  switch (tls.mode) {
    case ClientTLSSettings_TLSmode.DISABLE:
      return;
    case ClientTLSSettings_TLSmode.ISTIO_MUTUAL:
      for (const field of [...files, ...(tls.credentialName === "" ? [] : ["credentialName" as const])])
        at.at(field).error("conflict", "must not be set with ISTIO_MUTUAL, which uses the workload's own certificate");
      return;
    case ClientTLSSettings_TLSmode.SIMPLE:
      if (tls.credentialName !== "") forbidFiles(files, at);
      return;
    case ClientTLSSettings_TLSmode.MUTUAL:
      checkMutual(tls, files, at);
  }
}

function checkMutual(tls: ClientTLSSettings, files: readonly string[], at: Cursor): void {
  if (tls.credentialName !== "") {
    forbidFiles(files, at);
    return;
  }
  for (const field of ["clientCertificate", "privateKey"] as const) {
    if (tls[field] === "") at.at(field).error("required", "is required for mode MUTUAL: a file, or set credentialName");
  }
}

function forbidFiles(files: readonly string[], at: Cursor): void {
  for (const field of files) at.at(field).error("conflict", "cannot be used with credentialName; keep one of them");
}
