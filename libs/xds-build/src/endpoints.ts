import { create } from "@bufbuild/protobuf";
import type { JsonObject } from "@bufbuild/protobuf";
import type * as ir from "@lateen/ir";
import { HealthStatus } from "@lateen/protos/envoy/config/core/v3/health_check_pb.js";
import { ClusterLoadAssignmentSchema } from "@lateen/protos/envoy/config/endpoint/v3/endpoint_pb.js";
import type { ClusterLoadAssignment } from "@lateen/protos/envoy/config/endpoint/v3/endpoint_pb.js";
import { socketAddress } from "./messages.ts";
import { clusterName } from "./naming.ts";

/** Endpoint metadata by which a cluster's transport socket is chosen. */
const socketMatch = "envoy.transport_socket_match";

export function buildLoadAssignment(set: ir.EndpointSet): ClusterLoadAssignment {
  return create(ClusterLoadAssignmentSchema, {
    clusterName: clusterName(set.cluster),
    endpoints: set.localities.map((locality) => ({
      locality: nameOf(locality),
      ...shareOf(locality),
      lbEndpoints: locality.endpoints.map((endpoint) => lbEndpoint(endpoint, endpoint.workload)),
    })),
  });
}

export function fixedEndpoints(name: string, localities: readonly ir.FixedLocality[]): ClusterLoadAssignment {
  const placed = localities.length > 1 || localities.some(({ region, zone }) => region + zone !== "");
  return create(ClusterLoadAssignmentSchema, {
    clusterName: name,
    endpoints: localities.map((locality) => ({
      ...(placed ? { locality: nameOf(locality), ...shareOf(locality) } : {}),
      lbEndpoints: locality.endpoints.map((endpoint) => lbEndpoint(endpoint, endpoint.workload ?? "")),
    })),
  });
}

function nameOf({ region, zone, subzone }: ir.FixedLocality) {
  return { region, zone, subZone: subzone };
}

function shareOf({ priority = 0, weight, endpoints }: ir.FixedLocality) {
  return {
    priority,
    loadBalancingWeight: weight ?? endpoints.reduce((sum, endpoint) => sum + endpoint.weight, 0),
  };
}

function lbEndpoint(endpoint: ir.FixedEndpoint, workload: string) {
  const { address, alternates = [], port, weight, unready, mutualTls } = endpoint;
  const filterMetadata: { [key: string]: JsonObject } = {
    ...(mutualTls ? { [socketMatch]: { tlsMode: "istio" } } : {}),
    ...(workload === "" ? {} : { istio: { workload } }),
  };
  return {
    hostIdentifier: {
      case: "endpoint" as const,
      value: {
        address: socketAddress(address, port),
        additionalAddresses: alternates.map((each) => ({ address: socketAddress(each, port) })),
      },
    },
    healthStatus: unready ? HealthStatus.UNHEALTHY : HealthStatus.HEALTHY,
    loadBalancingWeight: weight,
    ...(mutualTls || workload !== "" ? { metadata: { filterMetadata } } : {}),
  };
}
