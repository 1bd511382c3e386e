import type * as ir from "@lateen/ir";
import { Cluster_DiscoveryType, type ClusterSchema } from "@lateen/protos/envoy/config/cluster/v3/cluster_pb.js";
import { CaresDnsResolverConfigSchema } from "@lateen/protos/envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver_pb.js";
import { fixedEndpoints } from "./endpoints.ts";
import { lookupCluster, lookupFamilies } from "./lookups.ts";
import { duration, overAds, socketAddress, typed, unreachable } from "./messages.ts";
import type { Init } from "./messages.ts";
import { clusterName } from "./naming.ts";

type Fields = Init<typeof ClusterSchema>;

/** A workload's own addresses stay known: to forget one closes its connections. 292 years are the most that Envoy takes. */
const forEverMs = 9_223_372_035_000;
/** Where a cluster's endpoints come from. */
export function discovery({ ref, discovery: from, http }: ir.Cluster): Fields {
  switch (from.kind) {
    case "none":
      return { clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STATIC } };
    case "endpoints":
      return {
        clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.EDS },
        edsClusterConfig: { edsConfig: overAds(), serviceName: clusterName(ref) },
      };
    case "static":
      return {
        clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STATIC },
        loadAssignment: fixedEndpoints(clusterName(ref), from.localities),
      };
    case "dns":
      return {
        clusterDiscoveryType: {
          case: "type",
          value: from.mode === "logical" ? Cluster_DiscoveryType.LOGICAL_DNS : Cluster_DiscoveryType.STRICT_DNS,
        },
        dnsLookupFamily: lookupFamilies[from.family],
        dnsRefreshRate: duration(from.refreshMs),
        respectDnsTtl: true,
        dnsJitter: duration(lookupJitterMs),
        typedDnsResolverConfig: resolver(),
        loadAssignment: fixedEndpoints(clusterName(ref), from.localities),
      };
    case "by-request":
      return { clusterDiscoveryType: { case: "clusterType", value: lookupCluster(from.cache, http) } };
    case "original-destination":
      return {
        clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.ORIGINAL_DST },
        ...(ref.kind === "inbound" ? { cleanupInterval: duration(forEverMs) } : {}),
        ...comesFrom(from.sourceAddresses),
      };
    default:
      return unreachable(from);
  }
}

/** Proxies that started together do not look names up together for ever (Istio's default). */
const lookupJitterMs = 100;

/** Istio's number, too: one socket for all queries is one flow for ever, to a server that may be gone behind its address. */
function resolver() {
  return {
    name: "envoy.network.dns_resolver.cares",
    typedConfig: typed(CaresDnsResolverConfigSchema, { udpMaxQueries: 100 }),
  };
}

/** Applied after balancing, which an original destination has none of. */
export function portOverride({ discovery: from }: ir.Cluster): Fields {
  if (from.kind !== "original-destination" || from.port === undefined) return {};
  return { lbConfig: { case: "originalDstLbConfig", value: { upstreamPortOverride: from.port } } };
}

/** Of several Envoy takes one of the family it connects to. */
function comesFrom(addresses: readonly string[] | undefined): Fields {
  const [first, ...others] = addresses ?? [];
  if (first === undefined) return {};
  return {
    upstreamBindConfig: {
      sourceAddress: sourceAddress(first),
      ...(others.length === 0
        ? {}
        : { extraSourceAddresses: others.map((each) => ({ address: sourceAddress(each) })) }),
    },
  };
}

function sourceAddress(address: string) {
  const { address: socket } = socketAddress(address, 0);
  return socket.case === "socketAddress" ? socket.value : { address };
}
