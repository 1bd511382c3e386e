import { create } from "@bufbuild/protobuf";
import type * as ir from "@lateen/ir";
import {
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
  ClusterSchema,
} from "@lateen/protos/envoy/config/cluster/v3/cluster_pb.js";
import type { Cluster } from "@lateen/protos/envoy/config/cluster/v3/cluster_pb.js";
import { overAds } from "../messages.ts";
import type { Init } from "../messages.ts";
import { fixedEndpoints } from "../endpoints.ts";
import { clusterName } from "../naming.ts";
import { clientSocket } from "./security.ts";

type Fields = Init<typeof ClusterSchema>;

export function buildGrpcCluster(cluster: ir.GrpcCluster): Cluster {
  const name = clusterName(cluster.ref);
  return create(ClusterSchema, {
    name,
    ...discovery(name, cluster.discovery),
    ...balancing(cluster.balancing),
    ...(cluster.maxRequests === undefined
      ? {}
      : { circuitBreakers: { thresholds: [{ maxRequests: cluster.maxRequests }] } }),
    ...(cluster.mutualTls === undefined ? {} : { transportSocket: clientSocket(cluster.mutualTls.acceptedPeers) }),
  });
}

function discovery(name: string, from: ir.GrpcCluster["discovery"]): Fields {
  if (from.kind === "endpoints") {
    return {
      clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.EDS },
      edsClusterConfig: { serviceName: name, edsConfig: overAds() },
    };
  }
  const { address, port } = from;
  return {
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.LOGICAL_DNS },
    loadAssignment: fixedEndpoints(name, [
      { region: "", zone: "", subzone: "", endpoints: [{ address, port, weight: 1, mutualTls: false }] },
    ]),
  };
}

function balancing(from: ir.GrpcCluster["balancing"]): Fields {
  if (from.kind === "round-robin") return { lbPolicy: Cluster_LbPolicy.ROUND_ROBIN };
  const config = from.minimumRingSize === undefined ? {} : { minimumRingSize: BigInt(from.minimumRingSize) };
  return {
    lbPolicy: Cluster_LbPolicy.RING_HASH,
    lbConfig: { case: "ringHashLbConfig", value: config },
  };
}
