import { createRegistry, fromBinary } from "@bufbuild/protobuf";
import type { DescMessage, JsonValue } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { ClusterSchema } from "@lateen/protos/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "@lateen/protos/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "@lateen/protos/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "@lateen/protos/envoy/config/route/v3/route_pb.js";
import { file_envoy_extensions_access_loggers_file_v3_file as fileAccessLog } from "@lateen/protos/envoy/extensions/access_loggers/file/v3/file_pb.js";
import { file_envoy_extensions_access_loggers_filters_cel_v3_cel as celFilter } from "@lateen/protos/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.js";
import { file_envoy_extensions_access_loggers_grpc_v3_als as grpcAccessLog } from "@lateen/protos/envoy/extensions/access_loggers/grpc/v3/als_pb.js";
import { file_envoy_extensions_access_loggers_stream_v3_stream as streamAccessLog } from "@lateen/protos/envoy/extensions/access_loggers/stream/v3/stream_pb.js";
import { file_envoy_extensions_filters_http_cors_v3_cors as cors } from "@lateen/protos/envoy/extensions/filters/http/cors/v3/cors_pb.js";
import { file_envoy_extensions_filters_http_ext_authz_v3_ext_authz as httpExternalAuthorization } from "@lateen/protos/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js";
import { file_envoy_extensions_filters_http_fault_v3_fault as fault } from "@lateen/protos/envoy/extensions/filters/http/fault/v3/fault_pb.js";
import { file_envoy_extensions_filters_http_grpc_stats_v3_config as grpcStats } from "@lateen/protos/envoy/extensions/filters/http/grpc_stats/v3/config_pb.js";
import { file_envoy_extensions_filters_http_ratelimit_v3_rate_limit as rateLimit } from "@lateen/protos/envoy/extensions/filters/http/ratelimit/v3/rate_limit_pb.js";
import { file_envoy_extensions_filters_http_rbac_v3_rbac as httpRbac } from "@lateen/protos/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import { file_envoy_extensions_filters_http_router_v3_router as router } from "@lateen/protos/envoy/extensions/filters/http/router/v3/router_pb.js";
import { file_envoy_extensions_filters_http_set_filter_state_v3_set_filter_state as setFilterState } from "@lateen/protos/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.js";
import { file_envoy_extensions_filters_listener_http_inspector_v3_http_inspector as httpInspector } from "@lateen/protos/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js";
import { file_envoy_extensions_filters_listener_original_dst_v3_original_dst as originalDestination } from "@lateen/protos/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.js";
import { file_envoy_extensions_filters_listener_tls_inspector_v3_tls_inspector as tlsInspector } from "@lateen/protos/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js";
import { file_envoy_extensions_filters_network_ext_authz_v3_ext_authz as externalAuthorization } from "@lateen/protos/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.js";
import { file_envoy_extensions_filters_network_http_connection_manager_v3_http_connection_manager as connectionManager } from "@lateen/protos/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { file_envoy_extensions_filters_network_rbac_v3_rbac as rbac } from "@lateen/protos/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import { file_envoy_extensions_filters_network_tcp_proxy_v3_tcp_proxy as tcpProxy } from "@lateen/protos/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { file_envoy_extensions_path_match_uri_template_v3_uri_template_match as uriTemplate } from "@lateen/protos/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js";
import { file_envoy_extensions_rate_limit_descriptors_expr_v3_expr as rateLimitExpression } from "@lateen/protos/envoy/extensions/rate_limit_descriptors/expr/v3/expr_pb.js";
import { file_envoy_extensions_retry_host_previous_hosts_v3_previous_hosts as previousHosts } from "@lateen/protos/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js";
import { file_envoy_extensions_retry_priority_previous_priorities_v3_previous_priorities_config as previousPriorities } from "@lateen/protos/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.js";
import { file_envoy_extensions_transport_sockets_raw_buffer_v3_raw_buffer as rawBuffer } from "@lateen/protos/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js";
import { file_envoy_extensions_transport_sockets_tls_v3_tls as tls } from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { file_envoy_extensions_upstreams_http_v3_http_protocol_options as httpProtocolOptions } from "@lateen/protos/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import { NameTableSchema } from "@lateen/protos/istio/networking/nds/v1/name_table_pb.js";
import { messageJson } from "./json.ts";

/** The types that `@lateen/xds-build` writes into an Any, so that a dump can show what is in them. */
const registry = createRegistry(
  fileAccessLog,
  streamAccessLog,
  celFilter,
  grpcAccessLog,
  cors,
  httpExternalAuthorization,
  fault,
  grpcStats,
  rateLimit,
  httpRbac,
  router,
  setFilterState,
  httpInspector,
  originalDestination,
  tlsInspector,
  externalAuthorization,
  connectionManager,
  rbac,
  tcpProxy,
  uriTemplate,
  rateLimitExpression,
  previousHosts,
  previousPriorities,
  rawBuffer,
  tls,
  httpProtocolOptions,
);

const schemas: ReadonlyMap<string, DescMessage> = new Map(
  [ClusterSchema, ClusterLoadAssignmentSchema, ListenerSchema, RouteConfigurationSchema, NameTableSchema].map(
    (schema) => [`type.googleapis.com/${schema.typeName}`, schema] as const,
  ),
);

/** An encoded Any that holds a resource, as proto JSON. */
export function resourceJson(any: Uint8Array): JsonValue {
  const { typeUrl, value } = fromBinary(AnySchema, any);
  const schema = schemas.get(typeUrl);
  return schema === undefined ? { "@type": typeUrl } : messageJson(schema, fromBinary(schema, value), registry);
}
