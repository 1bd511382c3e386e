import { describeSpecs } from "../testing/spec-cases.ts";
import type { SpecCase } from "../testing/decode-text.ts";

const cases = {
  Telemetry: [
    [
      "all that can be said of spans",
      `tracing:
- {match: {mode: CLIENT}, providers: [{name: zipkin}], randomSamplingPercentage: 12.5, disableSpanReporting: false}
- {enableIstioTags: false, useRequestIdForTraceSampling: false, disableContextPropagation: true,
   customTags: {a: {literal: {value: b}}, c: {environment: {name: D, defaultValue: e}}, f: {header: {name: x-f}}, g: {formatter: {value: "%PROTOCOL%"}}}}`,
    ],
    [
      "what has no meaning",
      "tracing: [{providers: [{name: ''}, {name: b}], randomSamplingPercentage: 101, customTags: {a: {}, b: {literal: {}}, c: {header: {name: 'a b'}}, d: {environment: {}}, e: {formatter: {}}}}]",
      "warning spec.tracing[0].providers conflict",
      "spec.tracing[0].providers[0].name required",
      "spec.tracing[0].randomSamplingPercentage percent",
      "warning spec.tracing[0].customTags.a no-effect",
      "spec.tracing[0].customTags.b.literal.value required",
      "spec.tracing[0].customTags.c.header.name header",
      "spec.tracing[0].customTags.d.environment.name required",
      "spec.tracing[0].customTags.e.formatter.value required",
    ],
  ],
  MeshConfig: [
    [
      "tracers",
      `enableTracing: false
defaultProviders: {tracing: [zipkin]}
extensionProviders:
- {name: zipkin, zipkin: {service: a.b, port: 1, maxTagLength: 5, enable64bitTraceId: true, path: /x, traceContextOption: USE_B3_WITH_W3C_PROPAGATION, timeout: 1s, headers: [{name: x-a, value: b}]}}
- {name: datadog, datadog: {service: a.b, port: 1, maxTagLength: 5}}
- {name: skywalking, skywalking: {service: a.b, port: 1, accessToken: t}}
- {name: otel, opentelemetry: {service: a.b, port: 1, maxTagLength: 5, grpc: {timeout: 1s, initialMetadata: [{name: x-a, value: b}]}, resourceDetectors: {environment: {}, dynatrace: {}}}}
- {name: dynatrace, opentelemetry: {service: a.b, port: 1, http: {path: /v1/traces}, dynatraceSampler: {tenant: t, clusterId: 1}}}`,
    ],
    [
      "tracers that Envoy had once",
      "extensionProviders: [{name: a, lightstep: {service: a.b, port: 1}}, {name: b, stackdriver: {}}, {name: c, opencensus: {service: a.b, port: 1}}]",
      "warning spec.extensionProviders[0].lightstep not-built",
      "warning spec.extensionProviders[1].stackdriver not-built",
      "warning spec.extensionProviders[2].opencensus not-built",
    ],
    [
      "tracers told what cannot be",
      "extensionProviders: [{name: a, zipkin: {service: a.b, port: 1, path: x, headers: [{name: x, envName: Y}]}}, {name: b, opentelemetry: {service: a.b, port: 1, http: {path: /}, grpc: {}, serviceAttributeEnrichment: OTEL_SEMANTIC_CONVENTIONS}}, {name: c, opentelemetry: {service: a.b, port: 1, dynatraceSampler: {}}}]",
      "spec.extensionProviders[0].zipkin.path path",
      "spec.extensionProviders[1].opentelemetry.grpc conflict",
      "spec.extensionProviders[2].opentelemetry.dynatraceSampler.httpService required",
      "spec.extensionProviders[2].opentelemetry.dynatraceSampler.tenant required",
    ],
    [
      "the tracer of proxies' bootstraps",
      "defaultConfig: {tracing: {zipkin: {address: 'zipkin.istio-system:9411'}, sampling: 100, maxPathTagLength: 10, enableIstioTags: false, customTags: {a: {literal: {value: b}}}, tlsSettings: {mode: SIMPLE}}, tracingServiceName: CANONICAL_NAME_ONLY}",
    ],
    [
      "one that cannot be",
      "defaultConfig: {tracing: {datadog: {address: agent}, sampling: 200, customTags: {a: {}}}, zipkinAddress: ':9411'}",
      "spec.defaultConfig.tracing.datadog.address address",
      "spec.defaultConfig.tracing.sampling percent",
      "warning spec.defaultConfig.tracing.customTags.a no-effect",
      "spec.defaultConfig.zipkinAddress address",
    ],
    [
      "those that Envoy had once",
      "defaultConfig: {tracing: {openCensusAgent: {address: 'a:1'}}}",
      "warning spec.defaultConfig.tracing.openCensusAgent not-built",
    ],
  ],
} satisfies Readonly<Record<string, readonly SpecCase[]>>;

describeSpecs(cases);
