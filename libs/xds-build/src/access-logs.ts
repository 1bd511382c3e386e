import { create } from "@bufbuild/protobuf";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type * as ir from "@lateen/ir";
import { AccessLogSchema } from "@lateen/protos/envoy/config/accesslog/v3/accesslog_pb.js";
import type { AccessLog } from "@lateen/protos/envoy/config/accesslog/v3/accesslog_pb.js";
import { ApiVersion } from "@lateen/protos/envoy/config/core/v3/config_source_pb.js";
import { SubstitutionFormatStringSchema } from "@lateen/protos/envoy/config/core/v3/substitution_format_string_pb.js";
import { FileAccessLogSchema } from "@lateen/protos/envoy/extensions/access_loggers/file/v3/file_pb.js";
import { ExpressionFilterSchema } from "@lateen/protos/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.js";
import {
  CommonGrpcAccessLogConfigSchema,
  HttpGrpcAccessLogConfigSchema,
  TcpGrpcAccessLogConfigSchema,
} from "@lateen/protos/envoy/extensions/access_loggers/grpc/v3/als_pb.js";
import {
  StderrAccessLogSchema,
  StdoutAccessLogSchema,
} from "@lateen/protos/envoy/extensions/access_loggers/stream/v3/stream_pb.js";
import type { CommonGrpcAccessLogConfig } from "@lateen/protos/envoy/extensions/access_loggers/grpc/v3/als_pb.js";
import { duration, grpcService, typed } from "./messages.ts";
import type { Init } from "./messages.ts";

/** Entries wait this long at most, so that figures are fresh. */
const bufferMs = 1000;

export function buildAccessLog(log: ir.AccessLog, protocol: "http" | "tcp"): AccessLog {
  const written = log.kind === "file" ? fileLog(log) : grpcLog(log, protocol);
  return create(AccessLogSchema, { ...written, ...filter(log.condition) });
}

function filter(condition: ir.LogCondition | undefined): Init<typeof AccessLogSchema> {
  if (condition === undefined) return {};
  const config = typed(ExpressionFilterSchema, { expression: condition.expression });
  const value = {
    name: "envoy.access_loggers.extension_filters.cel",
    configType: { case: "typedConfig" as const, value: config },
  };
  return { filter: { filterSpecifier: { case: "extensionFilter", value } } };
}

/**
 * Istio's configuration says /dev/stdout. Opening that path fails where stdout is a socket (journald, a parent's pipe),
 * and Envoy then refuses the whole listener; its own loggers for the standard streams open nothing.
 */
const streams = {
  "/dev/stdout": { name: "envoy.access_loggers.stdout", schema: StdoutAccessLogSchema },
  "/dev/stderr": { name: "envoy.access_loggers.stderr", schema: StderrAccessLogSchema },
} as const;

function fileLog({ path, format, omitEmptyValues }: ir.FileAccessLog): Init<typeof AccessLogSchema> {
  const accessLogFormat = {
    case: "logFormat" as const,
    value: create(SubstitutionFormatStringSchema, {
      omitEmptyValues: omitEmptyValues === true,
      format:
        format.kind === "text"
          ? { case: "textFormatSource", value: { specifier: { case: "inlineString", value: format.value } } }
          : { case: "jsonFormat", value: sortedKeys(format.fields) },
    }),
  };
  const stream = streams[path as keyof typeof streams];
  const config = stream
    ? typed(stream.schema, { accessLogFormat })
    : typed(FileAccessLogSchema, { path, accessLogFormat });
  return { name: stream?.name ?? "envoy.access_loggers.file", configType: { case: "typedConfig", value: config } };
}

/** In key order at every depth, so that equal formats have equal bytes. */
function sortedKeys(fields: Readonly<Record<string, ir.JsonValue>>): JsonObject {
  return Object.fromEntries(
    Object.entries(fields)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, value]) => [key, sortedValue(value)]),
  );
}

function sortedValue(value: ir.JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sortedValue);
  return typeof value === "object" && value !== null
    ? sortedKeys(value as Readonly<Record<string, ir.JsonValue>>)
    : (value as JsonValue);
}

function grpcLog(log: ir.GrpcAccessLog, protocol: "http" | "tcp"): Init<typeof AccessLogSchema> {
  const commonConfig = commonGrpc(log);
  if (protocol === "tcp") {
    return {
      name: "envoy.access_loggers.tcp_grpc",
      configType: { case: "typedConfig", value: typed(TcpGrpcAccessLogConfigSchema, { commonConfig }) },
    };
  }
  const config = typed(HttpGrpcAccessLogConfigSchema, {
    commonConfig,
    additionalRequestHeadersToLog: [...log.requestHeaders],
    additionalResponseHeadersToLog: [...log.responseHeaders],
    additionalResponseTrailersToLog: ["grpc-status"],
  });
  return { name: "envoy.access_loggers.http_grpc", configType: { case: "typedConfig", value: config } };
}

function commonGrpc({ logName, cluster, tags, formats }: ir.GrpcAccessLog): CommonGrpcAccessLogConfig {
  return create(CommonGrpcAccessLogConfigSchema, {
    logName,
    grpcService: grpcService(cluster),
    transportApiVersion: ApiVersion.V3,
    bufferFlushInterval: duration(bufferMs),
    customTags: [
      ...Object.entries(tags).map(([tag, value]) => ({ tag, type: { case: "literal" as const, value: { value } } })),
      // A format without a value leaves its tag out.
      ...Object.entries(formats).map(([tag, value]) => ({ tag, type: { case: "value" as const, value } })),
    ].sort((left, right) => (left.tag < right.tag ? -1 : 1)),
  });
}
