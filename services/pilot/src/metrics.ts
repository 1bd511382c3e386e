import { Counter, Gauge, Histogram } from "prom-client";
import type { Registry } from "prom-client";

export interface PilotMetrics {
  readonly proxies: Gauge<"version">;
  readonly pushes: Counter<"type">;
  readonly rejects: Counter<"type">;
  readonly convergenceSeconds: Histogram;
  readonly pushSeconds: Histogram<"type">;
  readonly configBytes: Histogram<"type">;
  readonly pushTriggers: Counter<"type">;
  readonly inboundUpdates: Counter<"type">;
  readonly debounceSeconds: Histogram;
  readonly services: Gauge;
  readonly virtualServices: Gauge;
  readonly appliedRevision: Gauge;
  readonly acknowledgedRevision: Gauge;
  readonly laggards: Gauge;
  readonly saveToAckSeconds: Histogram;
  readonly acknowledgeSeconds: Histogram<"type">;
  readonly snapshotSeconds: Histogram;
  readonly compileSeconds: Histogram;
  readonly scopes: Gauge;
  readonly findings: Gauge<"severity">;
  readonly waitingProxies: Gauge;
  readonly firstAnswersUnderWay: Gauge;
  readonly admittedSeconds: Histogram;
  readonly handedOff: Counter<"reason">;
  readonly refused: Counter;
  readonly unreadable: Gauge;
}

const seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3, 10, 30];

/** Names that begin with `pilot_` are Istio's, and mean what they mean there. */
export function registerPilotMetrics(registry: Registry): PilotMetrics {
  const registers = [registry];
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers });
  const histogram = (name: string, help: string): Histogram =>
    new Histogram({ name, help, buckets: seconds, registers });
  return {
    proxies: new Gauge({
      name: "pilot_xds",
      help: "Proxies connected to this pilot over xDS.",
      labelNames: ["version"],
      registers,
    }),
    pushes: new Counter({ name: "pilot_xds_pushes", help: "xDS answers sent.", labelNames: ["type"], registers }),
    rejects: new Counter({
      name: "pilot_total_xds_rejects",
      help: "xDS answers that a proxy refused.",
      labelNames: ["type"],
      registers,
    }),
    convergenceSeconds: histogram(
      "pilot_proxy_convergence_time",
      "From a change's arrival to one proxy having accepted all of it.",
    ),
    pushSeconds: new Histogram({
      name: "pilot_xds_push_time",
      help: "Time to make one xDS answer.",
      labelNames: ["type"],
      buckets: seconds,
      registers,
    }),
    configBytes: new Histogram({
      name: "pilot_xds_config_size_bytes",
      help: "Size of xDS answers.",
      labelNames: ["type"],
      buckets: [1_000, 10_000, 100_000, 1_000_000, 4_000_000, 10_000_000, 40_000_000],
      registers,
    }),
    pushTriggers: new Counter({
      name: "pilot_push_triggers",
      help: "What made pilot publish.",
      labelNames: ["type"],
      registers,
    }),
    inboundUpdates: new Counter({
      name: "pilot_inbound_updates",
      help: "Changes that came from the mesh store.",
      labelNames: ["type"],
      registers,
    }),
    debounceSeconds: histogram("pilot_debounce_time", "From the first change of a publication to its start."),
    services: gauge("pilot_services", "Services known, ServiceEntries included."),
    virtualServices: gauge("pilot_virt_services", "VirtualServices known."),
    appliedRevision: gauge("lateen_config_applied_revision", "Revision of the mesh that this replica serves."),
    acknowledgedRevision: gauge(
      "lateen_config_acknowledged_revision",
      "Every connected proxy has accepted everything up to this revision.",
    ),
    laggards: gauge("lateen_config_laggards", "Connected proxies that have not accepted the newest revision."),
    saveToAckSeconds: histogram(
      "lateen_config_change_to_ack_seconds",
      "From a change's arrival to its acceptance by the last connected proxy.",
    ),
    acknowledgeSeconds: new Histogram({
      name: "lateen_xds_acknowledge_seconds",
      help: "From sending an answer to its acknowledgement.",
      labelNames: ["type"],
      buckets: seconds,
      registers,
    }),
    snapshotSeconds: histogram("lateen_pilot_snapshot_seconds", "Time to index the mesh after a change."),
    compileSeconds: histogram("lateen_pilot_compile_seconds", "Time to compile and build one scope."),
    scopes: gauge(
      "lateen_pilot_scopes",
      "Different scopes of the connected proxies; proxies of one scope share everything.",
    ),
    findings: new Gauge({
      name: "lateen_pilot_findings",
      help: "Findings of the last compilations, by severity.",
      labelNames: ["severity"],
      registers,
    }),
    waitingProxies: gauge("lateen_xds_waiting", "Proxies whose first answers wait for their turn."),
    firstAnswersUnderWay: gauge("lateen_xds_first_answers", "First answers that are being sent."),
    admittedSeconds: histogram("lateen_xds_wait_seconds", "How long a first answer waited for its turn."),
    handedOff: new Counter({
      name: "lateen_xds_handed_off_total",
      help: "Proxies that were sent to other replicas, by why.",
      labelNames: ["reason"],
      registers,
    }),
    refused: new Counter({
      name: "lateen_publish_refused_total",
      help: "Compilations that were not published; the last good resources serve.",
      registers,
    }),
    unreadable: gauge(
      "lateen_entries_unreadable",
      "Entries of the mesh store that this version cannot read and ignores.",
    ),
  };
}
