import { create } from "@bufbuild/protobuf";
import type { JsonObject } from "@bufbuild/protobuf";
import {
  type Cluster,
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  Cluster_LbPolicy,
  ClusterSchema,
} from "@lateen/protos/envoy/config/cluster/v3/cluster_pb.js";
import { HttpProtocolOptionsSchema } from "@lateen/protos/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import { buildFixedAssignment } from "./endpoints.ts";
import type { ir } from "./ir.ts";
import { clusterName } from "./naming.ts";
import { duration, overAds, typed, unreachable, type Init } from "./spelling.ts";
import { rawBuffer, upstreamSocket } from "./tls.ts";

type ClusterInit = Init<typeof ClusterSchema>;

/** Istio's value for "no limit": Envoy's own defaults (1024, 3 retries) surprise under load. */
const unlimited = 4_294_967_295;

/** Everything an Envoy cluster depends on is in `cluster`, which makes it the cache key. */
export function buildCluster(cluster: ir.Cluster): Cluster {
  const name = clusterName(cluster.ref);
  const { limits, keepalive } = cluster;
  return create(ClusterSchema, {
    name,
    connectTimeout: duration(cluster.connectTimeoutMs),
    ...buildDiscovery(name, cluster.discovery),
    ...buildBalancing(cluster.balancing),
    circuitBreakers: {
      thresholds: [
        {
          maxConnections: limits.maxConnections ?? unlimited,
          maxPendingRequests: limits.maxPendingRequests ?? unlimited,
          maxRequests: limits.maxRequests ?? unlimited,
          maxRetries: limits.maxRetries ?? unlimited,
          trackRemaining: true,
        },
      ],
    },
    ...(keepalive && { upstreamConnectionOptions: { tcpKeepalive: buildKeepalive(keepalive) } }),
    ...(cluster.outlierDetection && buildOutlierDetection(cluster.outlierDetection)),
    ...buildProtocol(cluster.http),
    ...buildTransport(cluster.tls),
    metadata: { filterMetadata: { istio: istioMetadata(cluster) } },
  });
}

function buildDiscovery(name: string, discovery: ir.Discovery): ClusterInit {
  switch (discovery.kind) {
    case "endpoints":
      return {
        clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.EDS },
        edsClusterConfig: { edsConfig: overAds, serviceName: name },
      };
    case "dns": {
      const type = discovery.mode === "strict" ? Cluster_DiscoveryType.STRICT_DNS : Cluster_DiscoveryType.LOGICAL_DNS;
      return {
        clusterDiscoveryType: { case: "type", value: type },
        dnsLookupFamily: Cluster_DnsLookupFamily.V4_ONLY,
        dnsRefreshRate: duration(discovery.refreshMs),
        respectDnsTtl: true,
        loadAssignment: buildFixedAssignment(name, discovery.endpoints),
      };
    }
    case "static":
      return {
        clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STATIC },
        loadAssignment: buildFixedAssignment(name, discovery.endpoints),
      };
    case "original-destination": {
      const { sourceAddress } = discovery;
      return {
        clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.ORIGINAL_DST },
        ...(sourceAddress === undefined
          ? {}
          : {
              upstreamBindConfig: {
                sourceAddress: { address: sourceAddress, portSpecifier: { case: "portValue", value: 0 } },
              },
            }),
      };
    }
    case "none":
      return { clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STATIC } };
    default:
      return unreachable(discovery);
  }
}

function buildBalancing(balancing: ir.Balancing): ClusterInit {
  switch (balancing.kind) {
    case "least-request":
      return {
        lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
        ...(balancing.warmupMs !== undefined && {
          lbConfig: { case: "leastRequestLbConfig", value: slowStart(balancing.warmupMs) },
        }),
      };
    case "round-robin":
      return {
        lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
        ...(balancing.warmupMs !== undefined && {
          lbConfig: { case: "roundRobinLbConfig", value: slowStart(balancing.warmupMs) },
        }),
      };
    case "random":
      return { lbPolicy: Cluster_LbPolicy.RANDOM };
    case "by-cluster":
      return { lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED };
    case "ring-hash": {
      const value =
        balancing.minimumRingSize === undefined ? {} : { minimumRingSize: BigInt(balancing.minimumRingSize) };
      return { lbPolicy: Cluster_LbPolicy.RING_HASH, lbConfig: { case: "ringHashLbConfig", value } };
    }
    case "maglev": {
      const value = balancing.tableSize === undefined ? {} : { tableSize: BigInt(balancing.tableSize) };
      return { lbPolicy: Cluster_LbPolicy.MAGLEV, lbConfig: { case: "maglevLbConfig", value } };
    }
    default:
      return unreachable(balancing);
  }
}

function slowStart(warmupMs: number) {
  return { slowStartConfig: { slowStartWindow: duration(warmupMs) } };
}

function buildKeepalive(keepalive: ir.Keepalive) {
  return {
    ...(keepalive.probes !== undefined && { keepaliveProbes: keepalive.probes }),
    ...(keepalive.timeMs !== undefined && { keepaliveTime: Math.ceil(keepalive.timeMs / 1000) }),
    ...(keepalive.intervalMs !== undefined && { keepaliveInterval: Math.ceil(keepalive.intervalMs / 1000) }),
  };
}

/** Success-rate ejection stays off and the panic threshold is `minHealthPercent`, as Istio has both. */
function buildOutlierDetection(outlier: ir.OutlierDetection): ClusterInit {
  const { consecutive5xx, consecutiveGatewayErrors, consecutiveLocalOriginFailures } = outlier;
  return {
    commonLbConfig: { healthyPanicThreshold: { value: outlier.minHealthPercent } },
    outlierDetection: {
      enforcingSuccessRate: 0,
      ...(consecutive5xx !== undefined && {
        consecutive5xx,
        enforcingConsecutive5xx: consecutive5xx > 0 ? 100 : 0,
      }),
      ...(consecutiveGatewayErrors !== undefined && {
        consecutiveGatewayFailure: consecutiveGatewayErrors,
        enforcingConsecutiveGatewayFailure: consecutiveGatewayErrors > 0 ? 100 : 0,
      }),
      ...(outlier.splitLocalOriginErrors === true && {
        splitExternalLocalOriginErrors: true,
        ...(consecutiveLocalOriginFailures !== undefined && {
          consecutiveLocalOriginFailure: consecutiveLocalOriginFailures,
          enforcingConsecutiveLocalOriginFailure: consecutiveLocalOriginFailures > 0 ? 100 : 0,
        }),
        enforcingLocalOriginSuccessRate: 0,
      }),
      ...(outlier.intervalMs !== undefined && { interval: duration(outlier.intervalMs) }),
      ...(outlier.baseEjectionMs !== undefined && { baseEjectionTime: duration(outlier.baseEjectionMs) }),
      ...(outlier.maxEjectionPercent !== undefined && { maxEjectionPercent: outlier.maxEjectionPercent }),
    },
  };
}

function buildProtocol(http: ir.UpstreamHttp): ClusterInit {
  if (http.protocol === "tcp") return {};
  const http2 = {
    ...(http.maxConcurrentStreams !== undefined && { maxConcurrentStreams: http.maxConcurrentStreams }),
    ...(http.pingIntervalMs !== undefined && {
      connectionKeepalive: {
        interval: duration(http.pingIntervalMs),
        ...(http.pingTimeoutMs !== undefined && { timeout: duration(http.pingTimeoutMs) }),
      },
    }),
  };
  const explicit = (
    protocolConfig: { case: "httpProtocolOptions"; value: object } | { case: "http2ProtocolOptions"; value: object },
  ) => ({ case: "explicitHttpConfig", value: { protocolConfig } }) as const;
  const byProtocol = {
    http1: explicit({ case: "httpProtocolOptions", value: {} }),
    http2: explicit({ case: "http2ProtocolOptions", value: http2 }),
    downstream: {
      case: "useDownstreamProtocolConfig",
      value: { httpProtocolOptions: {}, http2ProtocolOptions: http2 },
    },
  } as const;
  return {
    typedExtensionProtocolOptions: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(HttpProtocolOptionsSchema, {
        upstreamProtocolOptions: byProtocol[http.protocol],
        commonHttpProtocolOptions: {
          ...(http.maxRequestsPerConnection !== undefined && {
            maxRequestsPerConnection: http.maxRequestsPerConnection,
          }),
          ...(http.idleTimeoutMs !== undefined && { idleTimeout: duration(http.idleTimeoutMs) }),
          ...(http.maxConnectionDurationMs !== undefined && {
            maxConnectionDuration: duration(http.maxConnectionDurationMs),
          }),
        },
        ...((http.autoSni || http.autoSanValidation) && {
          upstreamHttpProtocolOptions: {
            autoSni: http.autoSni === true,
            autoSanValidation: http.autoSanValidation === true,
          },
        }),
      }),
    },
  };
}

/** With auto mTLS the endpoint decides: Istio's two matches, by the endpoint's `tlsMode`. */
function buildTransport(tls: ir.UpstreamTls): ClusterInit {
  const transportSocket = upstreamSocket(tls);
  if (transportSocket === undefined) return {};
  if (tls.mode !== "workload-identity" || tls.when === "always") return { transportSocket };
  return {
    transportSocketMatches: [
      { name: "tlsMode-istio", match: { tlsMode: "istio" }, transportSocket },
      { name: "tlsMode-disabled", match: {}, transportSocket: rawBuffer },
    ],
  };
}

/** What telemetry and istioctl read: the services behind the cluster, its subset, the rule that shaped it. */
function istioMetadata(cluster: ir.Cluster): JsonObject {
  return {
    ...(cluster.rule !== undefined && { config: cluster.rule }),
    ...(cluster.services.length > 0 && {
      services: cluster.services.map(({ host, name, namespace }) => ({ host, name, namespace })),
    }),
    ...(cluster.subset !== undefined && { subset: cluster.subset }),
  };
}
