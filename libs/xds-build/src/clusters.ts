import { create } from "@bufbuild/protobuf";
import type * as ir from "@lateen/ir";
import { CircuitBreakersSchema } from "@lateen/protos/envoy/config/cluster/v3/circuit_breaker_pb.js";
import type { CircuitBreakers } from "@lateen/protos/envoy/config/cluster/v3/circuit_breaker_pb.js";
import {
  type Cluster_CommonLbConfigSchema,
  Cluster_LbPolicy,
  ClusterSchema,
} from "@lateen/protos/envoy/config/cluster/v3/cluster_pb.js";
import type { Cluster } from "@lateen/protos/envoy/config/cluster/v3/cluster_pb.js";
import { OutlierDetectionSchema } from "@lateen/protos/envoy/config/cluster/v3/outlier_detection_pb.js";
import type { OutlierDetection } from "@lateen/protos/envoy/config/cluster/v3/outlier_detection_pb.js";
import { HttpProtocolOptionsSchema } from "@lateen/protos/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import { MatchPredicateSchema } from "@lateen/protos/envoy/config/common/matcher/v3/matcher_pb.js";
import type { MatchPredicate } from "@lateen/protos/envoy/config/common/matcher/v3/matcher_pb.js";
import type { TransportSocket } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import { ClientSideWeightedRoundRobinSchema } from "@lateen/protos/envoy/extensions/load_balancing_policies/client_side_weighted_round_robin/v3/client_side_weighted_round_robin_pb.js";
import { WrrLocalitySchema } from "@lateen/protos/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.js";
import { keptCase } from "./headers.ts";
import { discovery, portOverride } from "./discovery.ts";
import { duration, istioMetadata, optionalDuration, typed, unreachable } from "./messages.ts";
import type { Init } from "./messages.ts";
import { clusterName, configPath, delimited } from "./naming.ts";
import { plaintextSocket, proxyProtocolSocket, upstreamSocket } from "./transport.ts";

type Fields = Init<typeof ClusterSchema>;

const unlimited = 4_294_967_295;
const httpOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/** Everything an Envoy cluster depends on is in `cluster`, which makes it the cache key. */
export function buildCluster(cluster: ir.Cluster): Cluster {
  return create(ClusterSchema, {
    name: clusterName(cluster.ref),
    altStatName: delimited(cluster.statName ?? clusterName(cluster.ref)),
    connectTimeout: duration(cluster.connectTimeoutMs),
    circuitBreakers: circuitBreakers(cluster.limits),
    ...commonBalancing(cluster),
    ...(cluster.bufferLimitBytes === undefined ? {} : { perConnectionBufferLimitBytes: cluster.bufferLimitBytes }),
    ...discovery(cluster),
    ...balancing(cluster),
    ...portOverride(cluster),
    ...(cluster.outlierDetection === undefined ? {} : { outlierDetection: outlierDetection(cluster.outlierDetection) }),
    ...protocolOptions(cluster.http, cluster.outlierDetection?.errorCodes),
    ...keepalive(cluster.keepalive),
    ...transport(cluster.tls, cluster.proxyProtocol),
    ...metadata(cluster),
  });
}

/** A policy that is an extension takes care of localities itself; Envoy wants nothing of them beside it. */
function commonBalancing({ panicPercent, balancing, betweenLocalities }: ir.Cluster): Fields {
  const inside = balancing.kind === "utilization" ? undefined : betweenLocalities;
  if (panicPercent === undefined && inside === undefined) return {};
  return {
    commonLbConfig: {
      ...(panicPercent === undefined ? {} : { healthyPanicThreshold: { value: panicPercent } }),
      ...(inside === undefined ? {} : betweenPlaces(inside)),
    },
  };
}

function betweenPlaces(
  between: NonNullable<ir.Cluster["betweenLocalities"]>,
): Init<typeof Cluster_CommonLbConfigSchema> {
  return {
    localityConfigSpecifier:
      between.by === "weight"
        ? { case: "localityWeightedLbConfig", value: {} }
        : { case: "zoneAwareLbConfig", value: { minClusterSize: BigInt(between.minimumSize) } },
  };
}

function balancing({ balancing: policy, betweenLocalities }: ir.Cluster): Fields {
  switch (policy.kind) {
    case "random":
      return { lbPolicy: Cluster_LbPolicy.RANDOM };
    case "by-cluster":
      return { lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED };
    case "least-request":
      return {
        lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
        ...(policy.warmup === undefined
          ? {}
          : { lbConfig: { case: "leastRequestLbConfig", value: { slowStartConfig: slowStart(policy.warmup) } } }),
      };
    case "round-robin":
      return {
        lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
        ...(policy.warmup === undefined
          ? {}
          : { lbConfig: { case: "roundRobinLbConfig", value: { slowStartConfig: slowStart(policy.warmup) } } }),
      };
    case "utilization":
      return { loadBalancingPolicy: byUtilization(policy, betweenLocalities?.by === "weight") };
    case "ring-hash":
      return {
        lbPolicy: Cluster_LbPolicy.RING_HASH,
        ...(policy.minimumRingSize === undefined
          ? {}
          : { lbConfig: { case: "ringHashLbConfig", value: { minimumRingSize: BigInt(policy.minimumRingSize) } } }),
      };
    case "maglev":
      return {
        lbPolicy: Cluster_LbPolicy.MAGLEV,
        ...(policy.tableSize === undefined
          ? {}
          : { lbConfig: { case: "maglevLbConfig", value: { tableSize: BigInt(policy.tableSize) } } }),
      };
    default:
      return unreachable(policy);
  }
}

/** Envoy's own defaults are Istio's: ten percent at first, growing linearly. */
function slowStart({ durationMs, minimumPercent, aggression }: ir.Warmup) {
  return {
    slowStartWindow: duration(durationMs),
    ...(minimumPercent === undefined ? {} : { minWeightPercent: { value: minimumPercent } }),
    ...(aggression === undefined ? {} : { aggression: { defaultValue: aggression, runtimeKey: "" } }),
  };
}

function byUtilization(policy: Parameters<typeof utilization>[0], weighted: boolean) {
  const inside = { policies: [{ typedExtensionConfig: utilization(policy) }] };
  if (!weighted) return inside;
  const typedConfig = typed(WrrLocalitySchema, { endpointPickingPolicy: inside });
  return {
    policies: [{ typedExtensionConfig: { name: "envoy.load_balancing_policies.wrr_locality", typedConfig } }],
  };
}

function utilization(policy: Extract<ir.Balancing, { kind: "utilization" }>) {
  const { stabilizationMs, expirationMs, updateMs, errorPenaltyPercent, metrics, warmup } = policy;
  return {
    name: "envoy.load_balancing_policies.client_side_weighted_round_robin",
    typedConfig: typed(ClientSideWeightedRoundRobinSchema, {
      ...optionalDuration("blackoutPeriod", stabilizationMs),
      ...optionalDuration("weightExpirationPeriod", expirationMs),
      ...optionalDuration("weightUpdatePeriod", updateMs),
      ...(errorPenaltyPercent === undefined ? {} : { errorUtilizationPenalty: errorPenaltyPercent / 100 }),
      metricNamesForComputingUtilization: [...metrics],
      ...(warmup === undefined ? {} : { slowStartConfig: slowStart(warmup) }),
    }),
  };
}

function circuitBreakers(limits: ir.ConnectionLimits): CircuitBreakers {
  return create(CircuitBreakersSchema, {
    thresholds: [
      {
        maxConnections: limits.maxConnections ?? unlimited,
        maxPendingRequests: limits.maxPendingRequests ?? unlimited,
        maxRequests: limits.maxRequests ?? unlimited,
        maxRetries: limits.maxRetries ?? unlimited,
        ...(limits.retryBudget === undefined ? {} : { retryBudget: retryBudget(limits.retryBudget) }),
      },
    ],
  });
}

function retryBudget({ percent, minimum, intervalMs }: ir.RetryBudget) {
  return {
    budgetPercent: { value: percent },
    ...(minimum === undefined ? {} : { minRetryConcurrency: minimum }),
    ...optionalDuration("budgetInterval", intervalMs),
  };
}

/** Ejection by success rate stays off: Istio has only counts of consecutive errors. */
function outlierDetection(from: ir.OutlierDetection): OutlierDetection {
  const enforced = (count: number): number => (count > 0 ? 100 : 0);
  return create(OutlierDetectionSchema, {
    enforcingSuccessRate: 0,
    ...(from.consecutive5xx === undefined
      ? {}
      : { consecutive5xx: from.consecutive5xx, enforcingConsecutive5xx: enforced(from.consecutive5xx) }),
    ...(from.consecutiveGatewayErrors === undefined
      ? {}
      : {
          consecutiveGatewayFailure: from.consecutiveGatewayErrors,
          enforcingConsecutiveGatewayFailure: enforced(from.consecutiveGatewayErrors),
        }),
    ...(from.splitLocalOriginErrors
      ? { splitExternalLocalOriginErrors: true, enforcingLocalOriginSuccessRate: 0 }
      : {}),
    ...(from.consecutiveLocalOriginFailures === undefined
      ? {}
      : {
          consecutiveLocalOriginFailure: from.consecutiveLocalOriginFailures,
          enforcingConsecutiveLocalOriginFailure: 100,
        }),
    ...optionalDuration("interval", from.intervalMs),
    ...optionalDuration("baseEjectionTime", from.baseEjectionMs),
    ...(from.maxEjectionPercent === undefined ? {} : { maxEjectionPercent: from.maxEjectionPercent }),
  });
}

type HttpOptions = Init<typeof HttpProtocolOptionsSchema>;

/** TCP clusters, and HTTP/1.1 clusters with nothing to say, keep Envoy's defaults. */
function protocolOptions(options: ir.UpstreamHttp, errorCodes: readonly number[] | undefined): Fields {
  const { maxRequestsPerConnection, idleTimeoutMs, maxConnectionDurationMs, autoSni, autoSanValidation } = options;
  const common: HttpOptions["commonHttpProtocolOptions"] = {
    ...optionalDuration("idleTimeout", idleTimeoutMs),
    ...optionalDuration("maxConnectionDuration", maxConnectionDurationMs),
    ...(maxRequestsPerConnection === undefined ? {} : { maxRequestsPerConnection }),
  };
  const hasCommon = Object.keys(common).length > 0;
  const follows = autoSni === true || autoSanValidation === true;
  if (
    !hasCommon &&
    !follows &&
    errorCodes === undefined &&
    options.keepsCase !== true &&
    (options.protocol === "tcp" || options.protocol === "http1")
  )
    return {};
  const value = typed(HttpProtocolOptionsSchema, {
    ...(hasCommon ? { commonHttpProtocolOptions: common } : {}),
    ...(follows
      ? { upstreamHttpProtocolOptions: { autoSni: autoSni === true, autoSanValidation: autoSanValidation === true } }
      : {}),
    ...(errorCodes === undefined ? {} : { outlierDetection: { errorMatcher: statusMatcher(errorCodes) } }),
    ...upstreamProtocol(options),
  });
  return { typedExtensionProtocolOptions: { [httpOptions]: value } };
}

function statusMatcher(codes: readonly number[]): MatchPredicate {
  const rules = codes.map((code) =>
    create(MatchPredicateSchema, {
      rule: {
        case: "httpResponseHeadersMatch",
        value: {
          headers: [
            {
              name: ":status",
              headerMatchSpecifier: {
                case: "stringMatch",
                value: { matchPattern: { case: "exact", value: String(code) } },
              },
            },
          ],
        },
      },
    }),
  );
  const [only] = rules;
  // Envoy wants at least two alternatives.
  if (only !== undefined && rules.length === 1) return only;
  return create(MatchPredicateSchema, { rule: { case: "orMatch", value: { rules } } });
}

function upstreamProtocol(options: ir.UpstreamHttp): HttpOptions {
  const http1 = options.keepsCase === true ? keptCase : {};
  const http2 = {
    ...(options.maxConcurrentStreams === undefined ? {} : { maxConcurrentStreams: options.maxConcurrentStreams }),
    ...(options.pingIntervalMs === undefined && options.pingTimeoutMs === undefined
      ? {}
      : {
          connectionKeepalive: {
            ...optionalDuration("interval", options.pingIntervalMs),
            timeout: duration(options.pingTimeoutMs ?? 5000),
          },
        }),
  };
  switch (options.protocol) {
    case "http2":
      return {
        upstreamProtocolOptions: {
          case: "explicitHttpConfig",
          value: { protocolConfig: { case: "http2ProtocolOptions", value: http2 } },
        },
      };
    case "downstream":
      return {
        upstreamProtocolOptions: {
          case: "useDownstreamProtocolConfig",
          value: { httpProtocolOptions: http1, http2ProtocolOptions: http2 },
        },
      };
    default:
      return {
        upstreamProtocolOptions: {
          case: "explicitHttpConfig",
          value: { protocolConfig: { case: "httpProtocolOptions", value: http1 } },
        },
      };
  }
}

function keepalive(from: ir.Keepalive | undefined): Fields {
  if (from === undefined) return {};
  const seconds = (ms: number): number => Math.max(1, Math.round(ms / 1000));
  return {
    upstreamConnectionOptions: {
      tcpKeepalive: {
        ...(from.probes === undefined ? {} : { keepaliveProbes: from.probes }),
        ...(from.timeMs === undefined ? {} : { keepaliveTime: seconds(from.timeMs) }),
        ...(from.intervalMs === undefined ? {} : { keepaliveInterval: seconds(from.intervalMs) }),
      },
    },
  };
}

/** Where the endpoint decides, its metadata picks the socket: TLS for those that speak it, else plaintext. */
function transport(tls: ir.UpstreamTls, version: ir.Cluster["proxyProtocol"]): Fields {
  const announced = (socket: TransportSocket): TransportSocket =>
    version === undefined ? socket : proxyProtocolSocket(socket, version);
  const socket = upstreamSocket(tls);
  if (socket === undefined) return version === undefined ? {} : { transportSocket: announced(plaintextSocket()) };
  if (tls.mode !== "workload-identity" || tls.when === "always") return { transportSocket: announced(socket) };
  return {
    transportSocketMatches: [
      { name: "tlsMode-istio", match: { tlsMode: "istio" }, transportSocket: announced(socket) },
      { name: "tlsMode-disabled", match: {}, transportSocket: announced(plaintextSocket()) },
    ],
  };
}

/** What Istio's telemetry and dashboards read: the services behind the cluster and the rule that shaped it. */
function metadata({ services, rule, subset, external }: ir.Cluster): Fields {
  if (services.length === 0 && rule === undefined && external !== true) return {};
  return {
    metadata: istioMetadata({
      ...(rule === undefined ? {} : { config: configPath(rule) }),
      ...(services.length === 0
        ? {}
        : { services: services.map(({ host, name, namespace }) => ({ host, name, namespace })) }),
      ...(subset === undefined ? {} : { subset }),
      ...(external === true ? { external } : {}),
    }),
  };
}
