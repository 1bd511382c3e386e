import { version } from "@lateen/runtime";
import { Counter, Gauge, Histogram, Registry } from "prom-client";

export type AgentMetrics = ReturnType<typeof createAgentMetrics>;

/**
 * The agent's metrics. Of the process's own only what is free: prom-client's default ones watch the event loop's delay,
 * which wakes an idle agent a hundred times a second.
 */
export function createAgentMetrics() {
  const registry = new Registry();
  const registers = [registry];
  registerProcessMetrics(registry);
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
  const scrapes = new Counter({
    name: "istio_agent_scrapes_total",
    help: "Times that metrics were asked for.",
    registers,
  });
  const failedScrapes = new Counter({
    name: "istio_agent_scrape_failures_total",
    help: "Of those, without the metrics of type: envoy or application.",
    labelNames: ["type"],
    registers,
  });
  return {
    registry,
    scraped: (): void => scrapes.inc(),
    scrapeFailed: (type: "envoy" | "application"): void => failedScrapes.inc({ type }),
    ...dnsMetrics(registers),
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

/** Under Istio's names. */
function dnsMetrics(registers: Registry[]) {
  const requests = new Counter({ name: "dns_requests_total", help: "DNS queries.", registers });
  const upstream = new Counter({
    name: "dns_upstream_requests_total",
    help: "DNS queries for names that are not the mesh's.",
    registers,
  });
  const failures = new Counter({
    name: "dns_upstream_failures_total",
    help: "Of those, what no resolver answered.",
    registers,
  });
  const seconds = new Histogram({
    name: "dns_upstream_request_duration_seconds",
    help: "How long the machine's resolvers took.",
    buckets: [0.005, 0.025, 0.1, 0.5, 1, 2, 5],
    registers,
  });
  return {
    requested: (): void => requests.inc(),
    forwarded: (took: number, answered: boolean): void => {
      upstream.inc();
      seconds.observe(took);
      if (!answered) failures.inc();
    },
  };
}

function registerProcessMetrics(registry: Registry): void {
  const registers = [registry];
  const labelNames = ["service", "version"] as const;
  const build = new Gauge({
    name: "lateen_build_info",
    help: "Always 1; the labels say which service and version this is.",
    labelNames,
    registers,
  });
  build.set({ service: "node-agent", version: version() }, 1);
  new Gauge({
    name: "process_resident_memory_bytes",
    help: "Resident memory of the agent.",
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Gauge({
    name: "process_cpu_seconds_total",
    help: "Time the agent has computed, user and system.",
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.set((user + system) / 1e6);
    },
  });
}
