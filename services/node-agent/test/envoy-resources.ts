import { createRegistry, fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import { ClusterSchema } from "@lateen/protos/envoy/config/cluster/v3/cluster_pb.js";
import { ListenerSchema } from "@lateen/protos/envoy/config/listener/v3/listener_pb.js";
import { RouterSchema } from "@lateen/protos/envoy/extensions/filters/http/router/v3/router_pb.js";
import { HttpConnectionManagerSchema } from "@lateen/protos/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { DownstreamTlsContextSchema } from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";

export interface EnvoyResource {
  readonly name: string;
  readonly typeUrl: string;
  readonly resource: Any;
}

const registry = createRegistry(HttpConnectionManagerSchema, RouterSchema, DownstreamTlsContextSchema);
const typeUrlOf = (name: string): string => `type.googleapis.com/${name}`;

/** Answers 200 "hello" to clients with a certificate of the mesh, showing the workload's own, both over SDS. */
export function mutualTlsListener(host: string, port: number): EnvoyResource {
  const sds = (name: string): JsonValue => ({
    name,
    sdsConfig: {
      resourceApiVersion: "V3",
      apiConfigSource: {
        apiType: "GRPC",
        transportApiVersion: "V3",
        grpcServices: [{ envoyGrpc: { clusterName: "sds-grpc" } }],
      },
    },
  });
  const context = {
    requireClientCertificate: true,
    commonTlsContext: {
      tlsCertificateSdsSecretConfigs: [sds("default")],
      combinedValidationContext: { defaultValidationContext: {}, validationContextSdsSecretConfig: sds("ROOTCA") },
    },
  };
  const manager = {
    statPrefix: "test",
    routeConfig: {
      virtualHosts: [
        {
          name: "all",
          domains: ["*"],
          routes: [{ match: { prefix: "/" }, directResponse: { status: 200, body: { inlineString: "hello" } } }],
        },
      ],
    },
    httpFilters: [{ name: "envoy.filters.http.router", typedConfig: { "@type": typeUrlOf(RouterSchema.typeName) } }],
  };
  const chain = {
    transportSocket: {
      name: "envoy.transport_sockets.tls",
      typedConfig: { "@type": typeUrlOf(DownstreamTlsContextSchema.typeName), ...context },
    },
    filters: [
      {
        name: "envoy.filters.network.http_connection_manager",
        typedConfig: { "@type": typeUrlOf(HttpConnectionManagerSchema.typeName), ...manager },
      },
    ],
  };
  return listener({
    name: "mtls",
    address: { socketAddress: { address: host, portValue: port } },
    filterChains: [chain],
  });
}

function listener(json: JsonObject): EnvoyResource {
  const message = fromJson(ListenerSchema, json, { registry });
  return {
    name: message.name,
    typeUrl: typeUrlOf(ListenerSchema.typeName),
    resource: anyPack(ListenerSchema, message),
  };
}

/** A cluster of which nothing is used. `endpoints` makes it large. */
export function unusedCluster(name: string, endpoints = 1): EnvoyResource {
  const endpoint = (n: number): JsonValue => ({
    endpoint: {
      address: { socketAddress: { address: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, portValue: 8080 } },
    },
  });
  const message = fromJson(ClusterSchema, {
    name,
    type: "STATIC",
    connectTimeout: "1s",
    loadAssignment: {
      clusterName: name,
      endpoints: [{ lbEndpoints: Array.from({ length: endpoints }, (_, n) => endpoint(n)) }],
    },
  });
  return { name, typeUrl: typeUrlOf(ClusterSchema.typeName), resource: anyPack(ClusterSchema, message) };
}
