import type { Metric, Registry } from "prom-client";
import { type Call, labelsOf } from "./call.ts";
import { byteBounds, durationBounds, HistogramCounts } from "./histogram.ts";
import { SeriesTable, type SeriesTableOptions } from "./series-table.ts";
import { httpLabels, tcpLabels, type TrafficLabel } from "./traffic-labels.ts";

type Labels = Readonly<Record<string, string>>;

export interface HttpSeries {
  readonly labels: Labels;
  readonly duration: HistogramCounts;
  readonly requestBytes: HistogramCounts;
  readonly responseBytes: HistogramCounts;
}

export interface TcpSeries {
  readonly labels: Labels;
  opened: number;
  closed: number;
  received: number;
  sent: number;
}

/** Istio's standard metrics over all proxies that report here, with Istio's names and labels. */
export class TrafficMetrics {
  readonly #http: SeriesTable<HttpSeries>;
  readonly #tcp: SeriesTable<TcpSeries>;

  constructor(registry: Registry, options: SeriesTableOptions) {
    this.#http = new SeriesTable(options);
    this.#tcp = new SeriesTable(options);
    this.#counter(
      registry,
      "istio_requests_total",
      "Requests that proxies handled.",
      this.#http,
      (series) => series.duration.count,
    );
    this.#histogram(
      registry,
      "istio_request_duration_milliseconds",
      "How long requests took.",
      (series) => series.duration,
    );
    this.#histogram(
      registry,
      "istio_request_bytes",
      "Size of requests with their headers.",
      (series) => series.requestBytes,
    );
    this.#histogram(
      registry,
      "istio_response_bytes",
      "Size of responses with their headers.",
      (series) => series.responseBytes,
    );
    this.#counter(
      registry,
      "istio_tcp_connections_opened_total",
      "Connections opened.",
      this.#tcp,
      (series) => series.opened,
    );
    this.#counter(
      registry,
      "istio_tcp_connections_closed_total",
      "Connections closed.",
      this.#tcp,
      (series) => series.closed,
    );
    this.#counter(
      registry,
      "istio_tcp_received_bytes_total",
      "Bytes received from clients.",
      this.#tcp,
      (series) => series.received,
    );
    this.#counter(registry, "istio_tcp_sent_bytes_total", "Bytes sent to clients.", this.#tcp, (series) => series.sent);
  }

  get size(): number {
    return this.#http.size + this.#tcp.size;
  }

  http(call: Call): HttpSeries {
    return this.#http.get(call.key, (shared) => ({
      labels: pick(call, httpLabels, shared),
      duration: new HistogramCounts(durationBounds),
      requestBytes: new HistogramCounts(byteBounds),
      responseBytes: new HistogramCounts(byteBounds),
    }));
  }

  tcp(call: Call): TcpSeries {
    return this.#tcp.get(call.key, (shared) => ({
      labels: pick(call, tcpLabels, shared),
      opened: 0,
      closed: 0,
      received: 0,
      sent: 0,
    }));
  }

  sweep(): void {
    this.#http.sweep();
    this.#tcp.sweep();
  }

  #counter<S extends { labels: Labels }>(
    registry: Registry,
    name: string,
    help: string,
    table: SeriesTable<S>,
    read: (series: S) => number,
  ): void {
    register(registry, name, help, "counter", () =>
      Array.from(table.series(), (series) => ({ sharedLabels: series.labels, labels: {}, value: read(series) })),
    );
  }

  #histogram(registry: Registry, name: string, help: string, countsOf: (series: HttpSeries) => HistogramCounts): void {
    register(registry, name, help, "histogram", () =>
      Array.from(this.#http.series()).flatMap((series) => lines(name, series.labels, countsOf(series))),
    );
  }
}

/** A value in the form prom-client renders; it flattens `sharedLabels` once for each object. */
interface Line {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly sharedLabels: Labels;
  readonly value: number;
}

function lines(name: string, sharedLabels: Labels, counts: HistogramCounts): Line[] {
  let below = 0;
  const buckets = counts.bounds.map((le, index): Line => {
    below += counts.counts[index] ?? 0;
    return { metricName: `${name}_bucket`, labels: { le }, sharedLabels, value: below };
  });
  return [
    ...buckets,
    { metricName: `${name}_bucket`, labels: { le: "+Inf" }, sharedLabels, value: counts.count },
    { metricName: `${name}_sum`, labels: {}, sharedLabels, value: counts.sum },
    { metricName: `${name}_count`, labels: {}, sharedLabels, value: counts.count },
  ];
}

/** A metric whose values are computed when scraped. prom-client asks no more of a metric than these members. */
function register(registry: Registry, name: string, help: string, type: string, read: () => Line[]): void {
  const getForPromString = async () => ({ name, help, type, values: read(), aggregator: "sum" });
  const get = async () => ({
    ...(await getForPromString()),
    values: read().map(({ sharedLabels, ...line }) => ({ ...line, labels: { ...sharedLabels, ...line.labels } })),
  });
  registry.registerMetric({ name, help, get, getForPromString, reset: () => undefined } as unknown as Metric);
}

function pick(call: Call, names: readonly TrafficLabel[], shared: boolean): Labels {
  const all = labelsOf(call);
  return Object.fromEntries(names.map((name) => [name, shared ? "other" : all[name]]));
}
