import type * as ir from "@lateen/ir";
import type { MeshSettings } from "./settings.ts";

/** Istio's built-in provider: what MeshConfig says of a file. */
export const fileProvider = "envoy";
export const standardOutput = "/dev/stdout";

/**
 * Istio's default formats with the certified identities of both ends added, in text at the end of the line.
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

type Format = ir.FileAccessLog["format"];

/** As `accessLogEncoding` and `accessLogFormat` have it. */
export function meshFormat({ accessLogFormat, accessLogEncoding }: MeshSettings): Format {
  return accessLogEncoding === "text"
    ? textFormat(accessLogFormat)
    : { kind: "json", fields: jsonFields(accessLogFormat) ?? defaultJsonFormat };
}

/** As a provider has it; one without a word of it, or with an empty one, has the default. */
export function fileFormat(
  format:
    | { case: "text"; value: string }
    | { case: "labels"; value: Readonly<Record<string, unknown>> }
    | { case: undefined; value?: undefined }
    | undefined,
): Format {
  if (format?.case !== "labels") return textFormat(format?.value ?? "");
  const fields = format.value as Readonly<Record<string, ir.JsonValue>>;
  return { kind: "json", fields: Object.keys(fields).length === 0 ? defaultJsonFormat : fields };
}

function textFormat(text: string): Format {
  const value = text || defaultTextFormat;
  return { kind: "text", value: value.endsWith("\n") ? value : `${value}\n` };
}

/** MeshConfig writes a JSON format as text. */
function jsonFields(text: string): Readonly<Record<string, ir.JsonValue>> | undefined {
  if (text === "") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, ir.JsonValue>>)
      : undefined;
  } catch {
    return undefined; // Validation has refused it already; the built-in format is better than no log.
  }
}
