import {
  ClientTLSSettings_TLSmode,
  ConnectionPoolSettings_HTTPSettings_H2UpgradePolicy,
} from "@lateen/protos/networking/v1alpha3/destination_rule_pb.js";
import type {
  ClientTLSSettings,
  ConnectionPoolSettings,
  LoadBalancerSettings,
  LoadBalancerSettings_ConsistentHashLB,
  OutlierDetection,
} from "@lateen/protos/networking/v1alpha3/destination_rule_pb.js";
import type { Cursor } from "../report.ts";
import { checkDuration, checkNoEmptyStrings, checkNotNegative, checkPercent } from "../rules/values.ts";

export function checkLoadBalancer(settings: LoadBalancerSettings | undefined, at: Cursor): void {
  const warmup = settings?.warmup;
  if (warmup) {
    if (!warmup.duration)
      at.at("warmup", "duration").error("required", "is required: how long a new endpoint takes to its full share");
    checkDuration(warmup.duration, at.at("warmup", "duration"));
    checkPercent(warmup.minimumPercent ?? 0, at.at("warmup", "minimumPercent"));
    if ((warmup.aggression ?? 1) < 1)
      at.at("warmup", "aggression").error("range", `must be at least 1, got ${warmup.aggression}`);
  }
  checkDuration(settings?.warmupDurationSecs, at.at("warmupDurationSecs"));
  if (settings?.lbPolicy.case === "consistentHash")
    checkConsistentHash(settings.lbPolicy.value, at.at("consistentHash"));
}

function checkConsistentHash(hash: LoadBalancerSettings_ConsistentHashLB, at: Cursor): void {
  const { hashKey, hashAlgorithm } = hash;
  switch (hashKey.case) {
    case undefined:
      at.error("required", "needs what to hash: httpHeaderName, httpCookie, useSourceIp or httpQueryParameterName");
      break;
    case "httpCookie":
      if (hashKey.value.name === "") at.at("httpCookie", "name").error("required", "is required");
      checkDuration(hashKey.value.ttl, at.at("httpCookie", "ttl"), 0);
      break;
    case "useSourceIp":
      if (!hashKey.value) at.at("useSourceIp").error("required", "must be true; or choose another key");
      break;
    default:
      if (hashKey.value === "") at.at(hashKey.case).error("required", "must not be empty");
      break;
  }
  if (hash.minimumRingSize !== 0n) {
    if (hashAlgorithm.case)
      at.at("minimumRingSize").error(
        "conflict",
        `cannot be used with ${hashAlgorithm.case}; use ringHash.minimumRingSize`,
      );
    else at.at("minimumRingSize").warning("deprecated", "is deprecated; use ringHash.minimumRingSize");
  }
  if (hashAlgorithm.case === "maglev") {
    const size = hashAlgorithm.value.tableSize;
    if (size !== 0n && (size > maxTableSize || !isPrime(Number(size))))
      at.at("maglev", "tableSize").error("range", `must be a prime number up to ${maxTableSize}, got ${size}`);
  }
}

const maxTableSize = 5_000_011n;

function isPrime(number: number): boolean {
  if (number < 2) return false;
  for (let factor = 2; factor * factor <= number; factor++) if (number % factor === 0) return false;
  return true;
}

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
  if ((outlier.consecutiveLocalOriginFailures ?? 0) > 0 && !outlier.splitExternalLocalOriginErrors) {
    at.at("consecutiveLocalOriginFailures").error(
      "required",
      "needs splitExternalLocalOriginErrors: true, otherwise it is never counted",
    );
  }
}

export function checkClientTls(tls: ClientTLSSettings | undefined, at: Cursor): void {
  if (!tls) return;
  const files = (["clientCertificate", "privateKey", "caCertificates"] as const).filter((field) => tls[field] !== "");
  checkNoEmptyStrings(tls.subjectAltNames, at.at("subjectAltNames"));
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
  }
  switch (tls.mode) {
    case ClientTLSSettings_TLSmode.DISABLE:
      return;
    case ClientTLSSettings_TLSmode.ISTIO_MUTUAL:
      for (const field of [...files, ...(tls.credentialName === "" ? [] : ["credentialName" as const])])
        at.at(field).error("conflict", "must not be set with ISTIO_MUTUAL, which uses the workload's own certificate");
      return;
    case ClientTLSSettings_TLSmode.SIMPLE:
      if (tls.credentialName !== "" && tls.caCertificates !== "")
        at.at("caCertificates").error("conflict", "cannot be used with credentialName; keep one of them");
      return;
    case ClientTLSSettings_TLSmode.MUTUAL:
      checkMutual(tls, files, at);
  }
}

function checkMutual(tls: ClientTLSSettings, files: readonly string[], at: Cursor): void {
  if (tls.credentialName !== "") {
    for (const field of files) at.at(field).error("conflict", "cannot be used with credentialName; keep one of them");
    return;
  }
  for (const field of ["clientCertificate", "privateKey"] as const) {
    if (tls[field] === "") at.at(field).error("required", "is required for mode MUTUAL: a file, or set credentialName");
  }
}
