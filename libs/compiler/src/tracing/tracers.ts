import type * as ir from "@lateen/ir";
import { knows, proxyRef, requires } from "../context.ts";
import type { Context } from "../context.ts";
import { milliseconds, optionalMs } from "../durations.ts";
import type { DurationValue } from "../durations.ts";
import type { CollectorHeaderRule, ExtensionProvider, OpenTelemetryTracer, ZipkinTracer } from "../istio.ts";
import { providerCluster } from "../providers.ts";

/** A provider as a tracer, and what Envoy has to be told beside it. */
export interface ChosenTracer {
  readonly tracer: ir.Tracer;
  readonly maxPathLength?: number;
  readonly spanPerCall?: true;
  /** It decides for itself which requests to trace. */
  readonly samples?: true;
}

const extensions = {
  zipkin: "envoy.tracers.zipkin",
  datadog: "envoy.tracers.datadog",
  skywalking: "envoy.tracers.skywalking",
  opentelemetry: "envoy.tracers.opentelemetry",
} as const;

/** Undefined where it cannot be had, which is a finding then. */
export function tracerOf(context: Context, { name, provider }: ExtensionProvider): ChosenTracer | undefined {
  const unusable = (problem: string): undefined => {
    const message = `the tracing provider "${name}" ${problem}; it gets no spans`;
    context.findings.warn(proxyRef(context), "provider-unusable", message);
  };
  switch (provider.case) {
    case "zipkin":
    case "datadog":
    case "skywalking":
    case "opentelemetry":
      break;
    case "lightstep":
    case "stackdriver":
    case "opencensus":
      return unusable(`is of a kind (${provider.case}) that Envoy has no more: use opentelemetry`);
    default:
      return unusable(`is of a kind (${provider.case ?? "empty"}) that takes no spans`);
  }
  if (!requires(context, extensions[provider.case], proxyRef(context), "no spans are sent")) return undefined;
  const target = targetOf(context, provider.value);
  if (target === undefined)
    return unusable(
      `names the service "${provider.value.service}" port ${provider.value.port}, which this proxy cannot see`,
    );
  const maxPathLength = "maxTagLength" in provider.value ? provider.value.maxTagLength : 0;
  const shared = maxPathLength > 0 ? { maxPathLength } : {};
  switch (provider.case) {
    case "zipkin":
      return { ...shared, tracer: zipkin(context, provider.value, target) };
    case "datadog":
      return { ...shared, tracer: { kind: "datadog", ...target } };
    case "skywalking": {
      const token = provider.value.accessToken === "" ? {} : { token: provider.value.accessToken };
      return { tracer: { kind: "skywalking", ...target, ...token }, spanPerCall: true };
    }
    case "opentelemetry": {
      const chosen = openTelemetry(context, provider.value, target, unusable);
      return chosen && { ...shared, ...chosen };
    }
  }
}

interface Target {
  readonly cluster: ir.ClusterRef;
  readonly host: string;
}

function targetOf(context: Context, service: { service: string; port: number }): Target | undefined {
  const cluster = providerCluster(context, service);
  return cluster === undefined ? undefined : { cluster, host: cluster.host };
}

/** As Envoy's own, and Istio's. */
const zipkinPath = "/api/v2/spans";
const zipkinTimeoutMs = 5_000;

function zipkin(context: Context, provider: ZipkinTracer, target: Target): ir.Tracer {
  const modern = knows(context, "zipkin-collector-service");
  if (!modern && (provider.timeout !== undefined || provider.headers.length > 0))
    context.findings.warn(
      proxyRef(context),
      "release-too-old",
      "the proxy's Envoy sends spans to a Zipkin without timeout and headers of its own; use Envoy 1.37 or later",
    );
  return {
    kind: "zipkin",
    collector: {
      over: "http",
      ...target,
      path: provider.path === "" ? zipkinPath : provider.path,
      timeoutMs: provider.timeout === undefined ? zipkinTimeoutMs : milliseconds(provider.timeout),
      headers: headersOf(context, provider.headers),
    },
    ...(provider.enable64bitTraceId ? { shortIds: true } : {}),
    ...(provider.traceContextOption === 1 ? { alsoW3c: true } : {}),
    ...(modern ? { modern: true } : {}),
  };
}

function openTelemetry(
  context: Context,
  provider: OpenTelemetryTracer,
  target: Target,
  unusable: (problem: string) => undefined,
): ChosenTracer | undefined {
  const { http, grpc, resourceDetectors, sampling } = provider;
  const collector =
    http === undefined
      ? ({
          over: "grpc",
          ...target,
          ...optionalMs("timeoutMs", grpc?.timeout),
          headers: headersOf(context, grpc?.initialMetadata),
        } as const)
      : httpCollector(context, target, http);
  const conventional = provider.serviceAttributeEnrichment === 1;
  const detectors = (["environment", "dynatrace"] as const).filter(
    (name) => resourceDetectors?.[name] !== undefined || (conventional && name === "environment"),
  );
  const tracer = { kind: "opentelemetry", collector, detectors, ...(conventional ? { conventional } : {}) } as const;
  if (sampling.case !== "dynatraceSampler") return { tracer };
  const { tenant, clusterId, rootSpansPerMinute, httpService } = sampling.value;
  const own = httpService === undefined ? undefined : targetOf(context, httpService);
  const api =
    httpService === undefined
      ? http && { ...httpCollector(context, target, http), path: "/api/v2/samplingConfiguration" }
      : own && httpCollector(context, own, httpService.http);
  if (api === undefined)
    return unusable(
      httpService === undefined
        ? "has a dynatraceSampler without httpService, and no http to take its place"
        : `asks the service "${httpService.service}" port ${httpService.port} for its sampling, which this proxy cannot see`,
    );
  return { tracer: { ...tracer, sampler: { tenant, clusterId, rootSpansPerMinute, api } }, samples: true };
}

/** Istio's default for calls over HTTP. */
const httpTimeoutMs = 3_000;

interface HttpCall {
  readonly path: string;
  readonly timeout?: DurationValue | undefined;
  readonly headers: readonly CollectorHeaderRule[];
}

function httpCollector(context: Context, target: Target, call: HttpCall | undefined): ir.HttpCollector {
  const path = call?.path ?? "";
  return {
    over: "http",
    ...target,
    path: path.startsWith("/") ? path : `/${path}`,
    timeoutMs: call?.timeout === undefined ? httpTimeoutMs : milliseconds(call.timeout),
    headers: headersOf(context, call?.headers),
  };
}

/** Values are written here, or in variables of the control plane's. */
function headersOf(context: Context, rules: readonly CollectorHeaderRule[] = []): readonly ir.CollectorHeader[] {
  return rules.flatMap(({ name, headerValue }) => {
    if (headerValue.case !== "envName") return [{ name, value: headerValue.value ?? "" }];
    const value = context.settings.variable(headerValue.value);
    if (value !== undefined) return [{ name, value }];
    const message = `the header "${name}" for a collector of spans is that of the variable ${headerValue.value}, which the control plane does not have; it is left out`;
    context.findings.warn(proxyRef(context), "variable-missing", message);
    return [];
  });
}
