import { create } from "@bufbuild/protobuf";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type * as ir from "@lateen/ir";
import { AccessLogFilterSchema, AccessLogSchema } from "@lateen/protos/envoy/config/accesslog/v3/accesslog_pb.js";
import type { AccessLog, AccessLogFilter } from "@lateen/protos/envoy/config/accesslog/v3/accesslog_pb.js";
import { ApiVersion } from "@lateen/protos/envoy/config/core/v3/config_source_pb.js";
import { TypedExtensionConfigSchema } from "@lateen/protos/envoy/config/core/v3/extension_pb.js";
import type { TypedExtensionConfig } from "@lateen/protos/envoy/config/core/v3/extension_pb.js";
import { SubstitutionFormatStringSchema } from "@lateen/protos/envoy/config/core/v3/substitution_format_string_pb.js";
import { FileAccessLogSchema } from "@lateen/protos/envoy/extensions/access_loggers/file/v3/file_pb.js";
import { ExpressionFilterSchema } from "@lateen/protos/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.js";
import {
  CommonGrpcAccessLogConfigSchema,
  HttpGrpcAccessLogConfigSchema,
  TcpGrpcAccessLogConfigSchema,
} from "@lateen/protos/envoy/extensions/access_loggers/grpc/v3/als_pb.js";
import { OpenTelemetryAccessLogConfigSchema } from "@lateen/protos/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.js";
import {
  StderrAccessLogSchema,
  StdoutAccessLogSchema,
} from "@lateen/protos/envoy/extensions/access_loggers/stream/v3/stream_pb.js";
import type { CommonGrpcAccessLogConfig } from "@lateen/protos/envoy/extensions/access_loggers/grpc/v3/als_pb.js";
import { ReqWithoutQuerySchema } from "@lateen/protos/envoy/extensions/formatter/req_without_query/v3/req_without_query_pb.js";
import { grpcService, typed } from "./messages.ts";
import type { Init } from "./messages.ts";

export function buildAccessLog(log: ir.AccessLog): AccessLog {
  return create(AccessLogSchema, { ...written(log), ...filter(log.condition) });
}

function written(log: ir.AccessLog): Init<typeof AccessLogSchema> {
  switch (log.kind) {
    case "file":
      return fileLog(log);
    case "grpc":
      return grpcLog(log);
    case "opentelemetry":
      return openTelemetryLog(log);
  }
}

function filter(condition: ir.LogCondition | undefined): Init<typeof AccessLogSchema> {
  const [first, ...others] = filters(condition ?? {});
  if (first === undefined) return {};
  if (others.length === 0) return { filter: first };
  return { filter: { filterSpecifier: { case: "andFilter", value: { filters: [first, ...others] } } } };
}

const filterOf = (init: Init<typeof AccessLogFilterSchema>): AccessLogFilter => create(AccessLogFilterSchema, init);

/** Envoy's flag for connections and requests that it found nothing for. */
const noRoute = "NR";

function filters({ expression, unmatched }: ir.LogCondition): readonly AccessLogFilter[] {
  const all: AccessLogFilter[] = [];
  if (unmatched === true)
    all.push(filterOf({ filterSpecifier: { case: "responseFlagFilter", value: { flags: [noRoute] } } }));
  if (expression !== undefined) {
    const config = typed(ExpressionFilterSchema, { expression });
    const name = "envoy.access_loggers.extension_filters.cel";
    const value = { name, configType: { case: "typedConfig" as const, value: config } };
    all.push(filterOf({ filterSpecifier: { case: "extensionFilter", value } }));
  }
  return all;
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
      formatters: formatters(format.kind === "text" ? format.value : JSON.stringify(format.fields)),
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

/** Commands that Envoy has only as extensions. */
function formatters(formats: string): TypedExtensionConfig[] {
  if (!formats.includes("%REQ_WITHOUT_QUERY")) return [];
  const name = "envoy.formatter.req_without_query";
  return [create(TypedExtensionConfigSchema, { name, typedConfig: typed(ReqWithoutQuerySchema, {}) })];
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

function grpcLog(log: ir.GrpcAccessLog): Init<typeof AccessLogSchema> {
  const commonConfig = commonGrpc(log);
  if (log.entries === "tcp") {
    return {
      name: "envoy.access_loggers.tcp_grpc",
      configType: { case: "typedConfig", value: typed(TcpGrpcAccessLogConfigSchema, { commonConfig }) },
    };
  }
  const config = typed(HttpGrpcAccessLogConfigSchema, {
    commonConfig,
    additionalRequestHeadersToLog: [...log.requestHeaders],
    additionalResponseHeadersToLog: [...log.responseHeaders],
    additionalResponseTrailersToLog: [...log.responseTrailers],
  });
  return { name: "envoy.access_loggers.http_grpc", configType: { case: "typedConfig", value: config } };
}

const text = (value: string) => ({ value: { case: "stringValue" as const, value } });
const texts = (record: Readonly<Record<string, string>>) => ({
  values: Object.entries(record).map(([key, value]) => ({ key, value: text(value) })),
});

function openTelemetryLog(log: ir.OpenTelemetryAccessLog): Init<typeof AccessLogSchema> {
  const { logName, cluster, body, attributes, resource, filterState } = log;
  const config = typed(OpenTelemetryAccessLogConfigSchema, {
    commonConfig: create(CommonGrpcAccessLogConfigSchema, {
      ...{ logName, grpcService: grpcService(cluster), transportApiVersion: ApiVersion.V3 },
      filterStateObjectsToLog: [...filterState],
    }),
    disableBuiltinLabels: true,
    body: text(body),
    attributes: texts(attributes),
    ...(Object.keys(resource).length === 0 ? {} : { resourceAttributes: texts(resource) }),
    formatters: formatters(JSON.stringify([body, attributes])),
  });
  return {
    name: "envoy.access_loggers.open_telemetry",
    configType: { case: "typedConfig", value: config },
  };
}

function commonGrpc({ logName, cluster, tags, formats, filterState }: ir.GrpcAccessLog): CommonGrpcAccessLogConfig {
  return create(CommonGrpcAccessLogConfigSchema, {
    logName,
    grpcService: grpcService(cluster),
    transportApiVersion: ApiVersion.V3,
    filterStateObjectsToLog: [...(filterState ?? [])],
    customTags: [
      ...Object.entries(tags).map(([tag, value]) => ({ tag, type: { case: "literal" as const, value: { value } } })),
      // A format without a value leaves its tag out.
      ...Object.entries(formats).map(([tag, value]) => ({ tag, type: { case: "value" as const, value } })),
    ].sort((left, right) => (left.tag < right.tag ? -1 : 1)),
  });
}
