import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import type * as ir from "@lateen/ir";
import {
  HeaderValueOption_HeaderAppendAction,
  HeaderValueSchema,
} from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import { TypedExtensionConfigSchema } from "@lateen/protos/envoy/config/core/v3/extension_pb.js";
import type { TypedExtensionConfig } from "@lateen/protos/envoy/config/core/v3/extension_pb.js";
import { HttpServiceSchema } from "@lateen/protos/envoy/config/core/v3/http_service_pb.js";
import type { HttpService } from "@lateen/protos/envoy/config/core/v3/http_service_pb.js";
import { DatadogConfigSchema } from "@lateen/protos/envoy/config/trace/v3/datadog_pb.js";
import { OpenTelemetryConfigSchema } from "@lateen/protos/envoy/config/trace/v3/opentelemetry_pb.js";
import { SkyWalkingConfigSchema } from "@lateen/protos/envoy/config/trace/v3/skywalking_pb.js";
import {
  ZipkinConfig_CollectorEndpointVersion,
  ZipkinConfig_TraceContextOption,
  ZipkinConfigSchema,
} from "@lateen/protos/envoy/config/trace/v3/zipkin_pb.js";
import type { HttpConnectionManagerSchema } from "@lateen/protos/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { UuidRequestIdConfigSchema } from "@lateen/protos/envoy/extensions/request_id/uuid/v3/uuid_pb.js";
import { DynatraceResourceDetectorConfigSchema } from "@lateen/protos/envoy/extensions/tracers/opentelemetry/resource_detectors/v3/dynatrace_resource_detector_pb.js";
import { EnvironmentResourceDetectorConfigSchema } from "@lateen/protos/envoy/extensions/tracers/opentelemetry/resource_detectors/v3/environment_resource_detector_pb.js";
import { DynatraceSamplerConfigSchema } from "@lateen/protos/envoy/extensions/tracers/opentelemetry/samplers/v3/dynatrace_sampler_pb.js";
import { duration, grpcService, typed } from "./messages.ts";
import type { Init } from "./messages.ts";
import { clusterName } from "./naming.ts";
import { spanTags } from "./span-tags.ts";

const always = { value: 100 };

/** Clients may ask for a trace, and nothing that was chosen is left out; what nobody decided is left to chance. */
export function tracing(wanted: ir.Tracing | undefined): Init<typeof HttpConnectionManagerSchema> {
  if (wanted === undefined) return {};
  const { tracer, randomPercent, maxPathLength, spanPerCall, keptFromServers, ignoresRequestId } = wanted;
  return {
    tracing: {
      clientSampling: always,
      randomSampling: { value: randomPercent },
      overallSampling: always,
      customTags: spanTags(wanted),
      ...(maxPathLength === undefined ? {} : { maxPathTagLength: maxPathLength }),
      ...(spanPerCall === true ? { spawnUpstreamSpan: true } : {}),
      ...(keptFromServers === true ? { noContextPropagation: true } : {}),
      ...(tracer === undefined
        ? {}
        : {
            provider: {
              name: `envoy.tracers.${tracer.kind}`,
              configType: { case: "typedConfig", value: config(tracer, serviceOf(wanted)) },
            },
          }),
    },
    ...(ignoresRequestId === true
      ? {
          requestIdExtension: {
            typedConfig: typed(UuidRequestIdConfigSchema, { useRequestIdForTraceSampling: false }),
          },
        }
      : {}),
  };
}

/** The cluster that a tracer's spans go to, and the one that says how many. */
export function clustersOfTracing({ tracer }: ir.Tracing): readonly ir.ClusterRef[] {
  if (tracer === undefined) return [];
  if (tracer.kind === "datadog" || tracer.kind === "skywalking") return [tracer.cluster];
  const sampler = tracer.kind === "opentelemetry" && tracer.sampler !== undefined ? [tracer.sampler.api.cluster] : [];
  return [tracer.collector.cluster, ...sampler];
}

function serviceOf({ tracer, workload }: ir.Tracing): string {
  const conventional = tracer?.kind === "opentelemetry" && tracer.conventional === true;
  return (conventional ? workload?.conventionalService : workload?.service) ?? "";
}

function config(tracer: ir.Tracer, service: string): Any {
  switch (tracer.kind) {
    case "zipkin":
      return zipkin(tracer);
    case "datadog":
      return typed(DatadogConfigSchema, {
        collectorCluster: clusterName(tracer.cluster),
        collectorHostname: tracer.host,
        serviceName: service,
      });
    case "skywalking":
      return typed(SkyWalkingConfigSchema, {
        grpcService: grpcService(tracer.cluster),
        ...(tracer.token === undefined
          ? {}
          : { clientConfig: { backendTokenSpecifier: { case: "backendToken", value: tracer.token } } }),
      });
    case "opentelemetry":
      return openTelemetry(tracer, service);
  }
}

/** Each proxy has a span of its own: SharedSpanContext would make one of a client's and its server's. */
function zipkin({ collector, shortIds, alsoW3c, modern }: Extract<ir.Tracer, { kind: "zipkin" }>): Any {
  const { USE_B3, USE_B3_WITH_W3C_PROPAGATION } = ZipkinConfig_TraceContextOption;
  return typed(ZipkinConfigSchema, {
    collectorEndpointVersion: ZipkinConfig_CollectorEndpointVersion.HTTP_JSON,
    traceId128bit: shortIds !== true,
    sharedSpanContext: false,
    traceContextOption: alsoW3c === true ? USE_B3_WITH_W3C_PROPAGATION : USE_B3,
    ...(modern === true
      ? { collectorService: httpService(collector) }
      : {
          collectorCluster: clusterName(collector.cluster),
          collectorEndpoint: collector.path,
          collectorHostname: collector.host,
        }),
  });
}

const detectors = {
  environment: typed(EnvironmentResourceDetectorConfigSchema, {}),
  dynatrace: typed(DynatraceResourceDetectorConfigSchema, {}),
};

function openTelemetry(tracer: Extract<ir.Tracer, { kind: "opentelemetry" }>, serviceName: string): Any {
  const { collector, sampler } = tracer;
  return typed(OpenTelemetryConfigSchema, {
    serviceName,
    ...(collector.over === "http"
      ? { httpService: httpService(collector) }
      : { grpcService: grpcCollector(collector) }),
    resourceDetectors: tracer.detectors.map((name) =>
      extension(`envoy.tracers.opentelemetry.resource_detectors.${name}`, detectors[name]),
    ),
    ...(sampler === undefined ? {} : { sampler: dynatrace(sampler) }),
  });
}

function grpcCollector({ cluster, host, timeoutMs, headers }: ir.GrpcCollector): ReturnType<typeof grpcService> {
  const service = grpcService(cluster, { authority: host, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  return {
    ...service,
    initialMetadata: headers.map(({ name, value }) => create(HeaderValueSchema, { key: name, value })),
  };
}

function dynatrace({ tenant, clusterId, rootSpansPerMinute, api }: ir.DynatraceSampler): TypedExtensionConfig {
  return extension(
    "envoy.tracers.opentelemetry.samplers.dynatrace",
    typed(DynatraceSamplerConfigSchema, { tenant, clusterId, rootSpansPerMinute, httpService: httpService(api) }),
  );
}

function extension(name: string, typedConfig: Any): TypedExtensionConfig {
  return create(TypedExtensionConfigSchema, { name, typedConfig });
}

function httpService({ cluster, host, path, timeoutMs, headers }: ir.HttpCollector): HttpService {
  return create(HttpServiceSchema, {
    httpUri: {
      uri: `http://${host}${path}`,
      httpUpstreamType: { case: "cluster", value: clusterName(cluster) },
      timeout: duration(timeoutMs),
    },
    requestHeadersToAdd: headers.map(({ name, value }) => ({
      header: { key: name, value },
      appendAction: HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
    })),
  });
}
