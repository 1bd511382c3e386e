import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { NodeSDK } from "@opentelemetry/sdk-node";
import type { Tracing } from "./tracing.ts";
import { version } from "./version.ts";

/** The only file that loads the OpenTelemetry SDK; imported by `startTracing` where spans are exported. */
export function startExporter(service: string): Tracing {
  process.env["OTEL_RESOURCE_ATTRIBUTES"] ||= `service.version=${version()}`;
  // Metrics are Prometheus's and logs are standard output here: the SDK must not export its own.
  const sdk = new NodeSDK({
    serviceName: service,
    traceExporter: new OTLPTraceExporter(),
    metricReaders: [],
    logRecordProcessors: [],
    instrumentations: [],
  });
  sdk.start();
  return {
    async shutdown() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, 3_000);
      });
      await Promise.race([sdk.shutdown().catch(() => undefined), late]);
      clearTimeout(timer);
    },
  };
}
