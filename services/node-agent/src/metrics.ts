import { Counter, Gauge, type Registry } from "prom-client";

export type AgentMetrics = ReturnType<typeof registerAgentMetrics>;

export function registerAgentMetrics(registry: Registry) {
  const registers = [registry];
  const expiry = new Gauge({
    name: "istio_agent_cert_expiry_timestamp_seconds",
    help: "When the workload's certificate ends, Unix time; 0 before there is one.",
    registers,
  });
  const rotations = new Counter({ name: "lateen_agent_certificates_total", help: "Certificates obtained.", registers });
  const failures = new Counter({
    name: "istio_agent_num_failed_outgoing_requests",
    help: "Requests for a certificate that failed.",
    registers,
  });
  const relayed = new Gauge({
    name: "lateen_agent_xds_streams",
    help: "Envoy's xDS streams passed on to pilot now.",
    registers,
  });
  const starts = new Counter({
    name: "lateen_agent_envoy_starts_total",
    help: "Times Envoy was started or adopted.",
    registers,
  });
  return {
    certificate: (notAfterMs: number): void => {
      expiry.set(notAfterMs / 1000);
      rotations.inc();
    },
    certificateFailed: (): void => failures.inc(),
    streamOpened: (): void => relayed.inc(),
    streamClosed: (): void => relayed.dec(),
    envoyStarted: (): void => starts.inc(),
  };
}
