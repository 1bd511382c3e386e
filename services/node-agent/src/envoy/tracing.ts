import type { TracerConfig } from "../proxy-config.ts";
import { remoteCluster } from "./remote-service.ts";

const configType = "type.googleapis.com/envoy.config.trace.v3";

/**
 * The tracer of a ProxyConfig: what of Envoy's spans no provider of the mesh's rules gets. Names as in Istio's bootstrap.
 * Pilot decides which requests are traced.
 */
export function tracingOf(
  { kind, service }: TracerConfig,
  serviceCluster: string,
): { clusters: object[]; tracing: object } {
  const name = kind === "zipkin" ? "zipkin" : "datadog_agent";
  const typed_config =
    kind === "zipkin"
      ? {
          "@type": `${configType}.ZipkinConfig`,
          collector_cluster: name,
          collector_endpoint: "/api/v2/spans",
          collector_endpoint_version: "HTTP_JSON",
          trace_id_128bit: true,
          shared_span_context: false,
        }
      : { "@type": `${configType}.DatadogConfig`, collector_cluster: name, service_name: serviceCluster };
  return {
    clusters: [remoteCluster(name, service, false)],
    tracing: { http: { name: `envoy.tracers.${kind}`, typed_config } },
  };
}
