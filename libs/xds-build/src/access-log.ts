import { create, type JsonObject } from "@bufbuild/protobuf";
import {
  type AccessLog,
  type AccessLogFilterSchema,
  AccessLogSchema,
} from "@lateen/protos/envoy/config/accesslog/v3/accesslog_pb.js";
import { ApiVersion } from "@lateen/protos/envoy/config/core/v3/config_source_pb.js";
import { FileAccessLogSchema } from "@lateen/protos/envoy/extensions/access_loggers/file/v3/file_pb.js";
import { ExpressionFilterSchema } from "@lateen/protos/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.js";
import {
  type CommonGrpcAccessLogConfigSchema,
  HttpGrpcAccessLogConfigSchema,
  TcpGrpcAccessLogConfigSchema,
} from "@lateen/protos/envoy/extensions/access_loggers/grpc/v3/als_pb.js";
import type { ir } from "./ir.ts";
import { clusterName } from "./naming.ts";
import { duration, extension, sorted, type Init } from "./spelling.ts";

/** How often collected entries are sent to the telemetry service. */
const flushIntervalMs = 1_000;

export function buildAccessLogs(logs: readonly ir.AccessLog[], traffic: "http" | "tcp"): AccessLog[] {
  return logs.map((log) => (log.kind === "file" ? buildFileLog(log) : buildGrpcLog(log, traffic)));
}

function buildFileLog(log: ir.FileAccessLog): AccessLog {
  const format =
    log.format.kind === "text"
      ? ({ case: "textFormatSource", value: { specifier: { case: "inlineString", value: log.format.value } } } as const)
      : ({ case: "jsonFormat", value: sorted(log.format.fields) as JsonObject } as const);
  return create(AccessLogSchema, {
    ...extension("envoy.access_loggers.file", FileAccessLogSchema, {
      path: log.path,
      accessLogFormat: { case: "logFormat", value: { format, omitEmptyValues: log.omitEmptyValues === true } },
    }),
    ...condition(log),
  });
}

function buildGrpcLog(log: ir.GrpcAccessLog, traffic: "http" | "tcp"): AccessLog {
  const commonConfig: Init<typeof CommonGrpcAccessLogConfigSchema> = {
    logName: log.logName,
    transportApiVersion: ApiVersion.V3,
    bufferFlushInterval: duration(flushIntervalMs),
    grpcService: { targetSpecifier: { case: "envoyGrpc", value: { clusterName: clusterName(log.cluster) } } },
    customTags: Object.entries(sorted(log.tags)).map(([tag, value]) => ({
      tag,
      type: { case: "literal", value: { value } },
    })),
  };
  return create(AccessLogSchema, {
    ...(traffic === "tcp"
      ? extension("envoy.access_loggers.tcp_grpc", TcpGrpcAccessLogConfigSchema, { commonConfig })
      : extension("envoy.access_loggers.http_grpc", HttpGrpcAccessLogConfigSchema, {
          commonConfig,
          additionalRequestHeadersToLog: [...log.requestHeaders],
          additionalResponseHeadersToLog: [...log.responseHeaders],
        })),
    ...condition(log),
  });
}

function condition(log: ir.AccessLog): { filter?: Init<typeof AccessLogFilterSchema> } {
  if (log.condition === undefined) return {};
  const { expression } = log.condition;
  const value = extension("envoy.access_loggers.extension_filters.cel", ExpressionFilterSchema, { expression });
  return { filter: { filterSpecifier: { case: "extensionFilter", value } } };
}
