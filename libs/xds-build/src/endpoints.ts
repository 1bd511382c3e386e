import { create } from "@bufbuild/protobuf";
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from "@lateen/protos/envoy/config/endpoint/v3/endpoint_pb.js";
import type { LbEndpointSchema } from "@lateen/protos/envoy/config/endpoint/v3/endpoint_components_pb.js";
import type { ir } from "./ir.ts";
import { clusterName } from "./naming.ts";
import { type Init, socketAddress } from "./spelling.ts";

/** The endpoints lane: one assignment a cluster. */
export function buildLoadAssignment(set: ir.EndpointSet): ClusterLoadAssignment {
  return create(ClusterLoadAssignmentSchema, {
    clusterName: clusterName(set.cluster),
    endpoints: set.localities.map(({ region, zone, subzone, endpoints }) => ({
      ...(region === "" ? {} : { locality: { region, zone, subZone: subzone } }),
      loadBalancingWeight: endpoints.reduce((sum, endpoint) => sum + endpoint.weight, 0),
      lbEndpoints: endpoints.map(buildEndpoint),
    })),
  });
}

/** Endpoints that are part of the cluster itself: STATIC and DNS. */
export function buildFixedAssignment(name: string, endpoints: readonly ir.FixedEndpoint[]): ClusterLoadAssignment {
  return create(ClusterLoadAssignmentSchema, {
    clusterName: name,
    endpoints: [
      {
        loadBalancingWeight: endpoints.reduce((sum, endpoint) => sum + endpoint.weight, 0),
        lbEndpoints: endpoints.map((endpoint) => buildEndpoint({ ...endpoint, workload: "" })),
      },
    ],
  });
}

function buildEndpoint(endpoint: ir.EndpointAddress): Init<typeof LbEndpointSchema> {
  const { address, port, weight } = endpoint;
  return {
    hostIdentifier: { case: "endpoint", value: { address: socketAddress(address, port) } },
    loadBalancingWeight: weight,
    metadata: { filterMetadata: endpointMetadata(endpoint) },
  };
}

/** `envoy.transport_socket_match` chooses mutual TLS; `istio.workload` is what Istio's telemetry reads. */
function endpointMetadata(endpoint: { readonly mutualTls: boolean; readonly workload: string }) {
  return {
    ...(endpoint.mutualTls ? { "envoy.transport_socket_match": { tlsMode: "istio" } } : {}),
    ...(endpoint.workload === "" ? {} : { istio: { workload: endpoint.workload } }),
  };
}
