import type * as ir from "@lateen/ir";
import type { Protocol } from "@lateen/model";
import { milliseconds, optionalMs, positive } from "../durations.ts";
import { isHttp, isHttp2, simpleBalancers } from "../istio-names.ts";
import type { BackendUtilization, ConnectionPool, LoadBalancer, Outliers, RetryBudget } from "../istio.ts";
import type { MeshSettings } from "../settings.ts";

type TcpPool = NonNullable<ConnectionPool["tcp"]>;

export function balancingOf(loadBalancer: LoadBalancer | undefined): ir.Balancing {
  const policy = loadBalancer?.lbPolicy;
  const warmup = warmupOf(loadBalancer);
  if (policy?.case === "consistentHash") {
    const { hashAlgorithm, minimumRingSize } = policy.value;
    if (hashAlgorithm.case === "maglev")
      return { kind: "maglev", ...positive("tableSize", Number(hashAlgorithm.value.tableSize)) };
    const size = hashAlgorithm.case === "ringHash" ? hashAlgorithm.value.minimumRingSize : minimumRingSize;
    return {
      kind: "ring-hash",
      ...(size > 0n
        ? { minimumRingSize: Number(size) }
        : hashAlgorithm.case === undefined
          ? { minimumRingSize: 1024 }
          : {}),
    };
  }
  if (policy?.case === "backendUtilization") return { kind: "utilization", ...weightsOf(policy.value), ...warmup };
  const simple = policy?.case === "simple" ? simpleBalancers[policy.value] : "unspecified";
  switch (simple) {
    case "random":
      return { kind: "random" };
    case "round-robin":
      return { kind: "round-robin", ...warmup };
    case "passthrough":
      return { kind: "by-cluster" };
    default:
      return { kind: "least-request", ...warmup };
  }
}

function warmupOf(loadBalancer: LoadBalancer | undefined): { readonly warmup?: ir.Warmup } {
  const duration = loadBalancer?.warmup?.duration ?? loadBalancer?.warmupDurationSecs;
  if (duration === undefined) return {};
  const { minimumPercent, aggression } = loadBalancer?.warmup ?? {};
  return {
    warmup: {
      durationMs: milliseconds(duration),
      ...(minimumPercent === undefined ? {} : { minimumPercent }),
      ...(aggression === undefined ? {} : { aggression }),
    },
  };
}

function weightsOf(utilization: BackendUtilization): ir.UtilizationWeights {
  return {
    ...optionalMs("stabilizationMs", utilization.weightStabilizationPeriod),
    ...optionalMs("expirationMs", utilization.weightExpirationPeriod),
    ...optionalMs("updateMs", utilization.weightUpdatePeriod),
    ...positive("errorPenaltyPercent", utilization.errorUtilizationPenaltyPercent),
    metrics: utilization.metricNamesForComputingUtilization,
  };
}

export function isPassthrough(loadBalancer: LoadBalancer | undefined): boolean {
  return loadBalancer?.lbPolicy.case === "simple" && simpleBalancers[loadBalancer.lbPolicy.value] === "passthrough";
}

/** Istio's defaults are "no limit"; 0 means "not set". */
export function limitsOf(pool: ConnectionPool | undefined, budget?: RetryBudget): ir.ConnectionLimits {
  return {
    ...positive("maxConnections", pool?.tcp?.maxConnections),
    ...positive("maxPendingRequests", pool?.http?.http1MaxPendingRequests),
    ...positive("maxRequests", pool?.http?.http2MaxRequests),
    ...positive("maxRetries", pool?.http?.maxRetries),
    ...(budget === undefined ? {} : { retryBudget: retryBudgetOf(budget) }),
  };
}

/** Istio's defaults: a fifth of the requests, and three in any case (which is Envoy's default, too). */
function retryBudgetOf(budget: RetryBudget): ir.RetryBudget {
  return {
    percent: budget.percent ?? 20,
    ...positive("minimum", budget.minRetryConcurrency),
    ...(budget.budgetInterval === undefined ? {} : positive("intervalMs", milliseconds(budget.budgetInterval))),
  };
}

export function connectTimeoutOf(pool: ConnectionPool | undefined, settings: MeshSettings): number {
  return pool?.tcp?.connectTimeout === undefined ? settings.connectTimeoutMs : milliseconds(pool.tcp.connectTimeout);
}

export function keepaliveOf(
  pool: ConnectionPool | undefined,
  settings: MeshSettings,
): { readonly keepalive?: ir.Keepalive } {
  const keepalive: TcpPool["tcpKeepalive"] = pool?.tcp?.tcpKeepalive ?? settings.keepalive;
  if (keepalive === undefined) return {};
  return {
    keepalive: {
      ...positive("probes", keepalive.probes),
      ...optionalMs("timeMs", keepalive.time),
      ...optionalMs("intervalMs", keepalive.interval),
    },
  };
}

export function outlierDetectionOf(outliers: Outliers | undefined): {
  readonly outlierDetection?: ir.OutlierDetection;
} {
  if (outliers === undefined) return {};
  return {
    outlierDetection: {
      ...(outliers.consecutive5xxErrors === undefined ? {} : { consecutive5xx: outliers.consecutive5xxErrors }),
      ...(outliers.consecutiveGatewayErrors === undefined
        ? {}
        : { consecutiveGatewayErrors: outliers.consecutiveGatewayErrors }),
      ...(outliers.splitExternalLocalOriginErrors ? { splitLocalOriginErrors: true } : {}),
      ...(outliers.splitExternalLocalOriginErrors
        ? positive("consecutiveLocalOriginFailures", outliers.consecutiveLocalOriginFailures)
        : {}),
      ...optionalMs("intervalMs", outliers.interval),
      ...optionalMs("baseEjectionMs", outliers.baseEjectionTime),
      ...positive("maxEjectionPercent", outliers.maxEjectionPercent),
      ...(outliers.outlierDetectionHttpErrorCodes.length === 0
        ? {}
        : { errorCodes: [...new Set(outliers.outlierDetectionHttpErrorCodes)].sort((left, right) => left - right) }),
    },
  };
}

export function upstreamHttpOf(
  protocol: Protocol,
  pool: ConnectionPool | undefined,
  settings: MeshSettings,
): ir.UpstreamHttp {
  const http = pool?.http;
  return {
    protocol: upstreamProtocol(protocol, pool, settings),
    ...positive("maxRequestsPerConnection", http?.maxRequestsPerConnection),
    ...positive("maxConcurrentStreams", http?.maxConcurrentStreams),
    ...optionalMs("idleTimeoutMs", http?.idleTimeout ?? pool?.tcp?.idleTimeout),
    ...optionalMs("maxConnectionDurationMs", pool?.tcp?.maxConnectionDuration),
    ...optionalMs("pingIntervalMs", http?.http2KeepAlive?.interval),
    ...optionalMs("pingTimeoutMs", http?.http2KeepAlive?.timeout),
  };
}

function upstreamProtocol(
  protocol: Protocol,
  pool: ConnectionPool | undefined,
  settings: MeshSettings,
): ir.UpstreamHttp["protocol"] {
  const doNotUpgrade = 1;
  const upgrade = 2;
  if (pool?.http?.useClientProtocol) return "downstream";
  if (isHttp2(protocol) || pool?.http?.h2UpgradePolicy === upgrade) return "http2";
  if (protocol === "auto") return "downstream";
  if (!isHttp(protocol)) return "tcp";
  return settings.upgradeToHttp2 && pool?.http?.h2UpgradePolicy !== doNotUpgrade ? "http2" : "http1";
}
