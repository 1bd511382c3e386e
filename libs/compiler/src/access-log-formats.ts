/**
 * Istio's default formats with the certified identities of both ends added.
 * https://istio.io/latest/docs/tasks/observability/logs/access-log/#default-access-log-format
 */
const fields = {
  start_time: "%START_TIME%",
  method: "%REQ(:METHOD)%",
  path: "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
  protocol: "%PROTOCOL%",
  response_code: "%RESPONSE_CODE%",
  response_flags: "%RESPONSE_FLAGS%",
  response_code_details: "%RESPONSE_CODE_DETAILS%",
  connection_termination_details: "%CONNECTION_TERMINATION_DETAILS%",
  upstream_transport_failure_reason: "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
  bytes_received: "%BYTES_RECEIVED%",
  bytes_sent: "%BYTES_SENT%",
  duration: "%DURATION%",
  upstream_service_time: "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
  x_forwarded_for: "%REQ(X-FORWARDED-FOR)%",
  user_agent: "%REQ(USER-AGENT)%",
  request_id: "%REQ(X-REQUEST-ID)%",
  authority: "%REQ(:AUTHORITY)%",
  upstream_host: "%UPSTREAM_HOST%",
  upstream_cluster: "%UPSTREAM_CLUSTER_RAW%",
  upstream_local_address: "%UPSTREAM_LOCAL_ADDRESS%",
  downstream_local_address: "%DOWNSTREAM_LOCAL_ADDRESS%",
  downstream_remote_address: "%DOWNSTREAM_REMOTE_ADDRESS%",
  requested_server_name: "%REQUESTED_SERVER_NAME%",
  route_name: "%ROUTE_NAME%",
  downstream_peer: "%DOWNSTREAM_PEER_URI_SAN%",
  upstream_peer: "%UPSTREAM_PEER_URI_SAN%",
} as const;

export const defaultJsonFormat: Readonly<Record<string, string>> = Object.fromEntries(Object.entries(fields).sort());

const f = fields;
export const defaultTextFormat = `${[
  `[${f.start_time}]`,
  `"${f.method} ${f.path} ${f.protocol}"`,
  f.response_code,
  f.response_flags,
  f.response_code_details,
  f.connection_termination_details,
  `"${f.upstream_transport_failure_reason}"`,
  f.bytes_received,
  f.bytes_sent,
  f.duration,
  f.upstream_service_time,
  `"${f.x_forwarded_for}"`,
  `"${f.user_agent}"`,
  `"${f.request_id}"`,
  `"${f.authority}"`,
  `"${f.upstream_host}"`,
  f.upstream_cluster,
  f.upstream_local_address,
  f.downstream_local_address,
  f.downstream_remote_address,
  f.requested_server_name,
  f.route_name,
  `"${f.downstream_peer}"`,
  `"${f.upstream_peer}"`,
].join(" ")}\n`;
