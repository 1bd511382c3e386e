import { create } from "@bufbuild/protobuf";
import {
  AccessLogType,
  type HTTPAccessLogEntry,
  type TCPAccessLogEntry,
} from "@lateen/protos/envoy/data/accesslog/v3/accesslog_pb.js";
import {
  AccessLogService,
  type StreamAccessLogsMessage,
  StreamAccessLogsResponseSchema,
} from "@lateen/protos/envoy/service/accesslog/v3/als_pb.js";
import type { Duration } from "@bufbuild/protobuf/wkt";
import { defineService, type RpcService } from "@lateen/rpc";
import type { EntryOutcome, MixerMetrics } from "../metrics.ts";
import { callOf, type Mesh } from "./call.ts";
import { type Reporter, reporterOf } from "./reporter.ts";
import { TcpConnections } from "./tcp-connections.ts";
import type { TrafficMetrics } from "./traffic-metrics.ts";

export interface AccessLogReader {
  readonly mesh: Mesh;
  readonly traffic: TrafficMetrics;
  readonly metrics: MixerMetrics;
}

/** envoy.service.accesslog.v3: one stream a proxy and log; its first message says which. Entries become metrics and are forgotten. */
export function accessLogService(reader: AccessLogReader): RpcService {
  return defineService(AccessLogService, {
    async streamAccessLogs(messages) {
      const log = new LogStream(reader);
      for await (const message of messages) log.read(message);
      return create(StreamAccessLogsResponseSchema);
    },
  });
}

/** What one stream has said so far. */
export class LogStream {
  readonly #reader: AccessLogReader;
  readonly #connections = new TcpConnections();
  #reporter: Reporter | undefined;

  constructor(reader: AccessLogReader) {
    this.#reader = reader;
  }

  read(message: StreamAccessLogsMessage): void {
    const { identifier, logEntries } = message;
    if (identifier !== undefined)
      this.#reporter = reporterOf(identifier.node, identifier.logName, this.#reader.mesh.workloads);
    const reporter = this.#reporter ?? reporterOf(undefined, "", this.#reader.mesh.workloads);
    const { metrics } = this.#reader;
    if (logEntries.case === "httpLogs")
      for (const entry of logEntries.value.logEntry) metrics.entryRead("http", this.#http(entry, reporter));
    else if (logEntries.case === "tcpLogs")
      for (const entry of logEntries.value.logEntry) metrics.entryRead("tcp", this.#tcp(entry, reporter));
  }

  #http(entry: HTTPAccessLogEntry, reporter: Reporter): EntryOutcome {
    const { mesh, traffic } = this.#reader;
    const { commonProperties: common, request, response } = entry;
    if (common === undefined || unfinished.has(common.accessLogType)) return "unfinished";
    const grpcStatus = response?.responseTrailers["grpc-status"] ?? response?.responseHeaders["grpc-status"] ?? "";
    const isGrpc = grpcStatus !== "" || (request?.requestHeaders["content-type"] ?? "").startsWith("application/grpc");
    const call = callOf(
      common,
      {
        authority: request?.authority ?? "",
        protocol: isGrpc ? "grpc" : "http",
        code: String(response?.responseCode ?? 0),
        grpcStatus: bounded(grpcStatus),
      },
      reporter,
      mesh,
    );
    if (call === undefined) return "unknown_log";
    const series = traffic.http(call);
    series.duration.observe(milliseconds(common.duration ?? common.timeToLastDownstreamTxByte));
    series.requestBytes.observe(Number((request?.requestHeadersBytes ?? 0n) + (request?.requestBodyBytes ?? 0n)));
    series.responseBytes.observe(Number((response?.responseHeadersBytes ?? 0n) + (response?.responseBodyBytes ?? 0n)));
    return "counted";
  }

  #tcp(entry: TCPAccessLogEntry, reporter: Reporter): EntryOutcome {
    const { mesh, traffic } = this.#reader;
    const { commonProperties: common, connectionProperties: connection } = entry;
    if (common === undefined) return "unfinished";
    const call = callOf(common, { authority: "", protocol: "tcp", code: "0", grpcStatus: "" }, reporter, mesh);
    if (call === undefined) return "unknown_log";
    const total = { received: Number(connection?.receivedBytes ?? 0n), sent: Number(connection?.sentBytes ?? 0n) };
    const progress = this.#connections.record(common.streamId, !tcpUnfinished.has(common.accessLogType), total);
    const series = traffic.tcp(call);
    series.opened += progress.opened ? 1 : 0;
    series.closed += progress.closed ? 1 : 0;
    series.received += progress.received;
    series.sent += progress.sent;
    return "counted";
  }
}

/** Entries that Envoy sends before a request is over; its last one tells all. */
const unfinished: ReadonlySet<AccessLogType> = new Set([
  AccessLogType.DownstreamStart,
  AccessLogType.DownstreamPeriodic,
  AccessLogType.UpstreamPoolReady,
  AccessLogType.UpstreamPeriodic,
  AccessLogType.DownstreamTunnelSuccessfullyEstablished,
]);
const tcpUnfinished: ReadonlySet<AccessLogType> = new Set([
  AccessLogType.TcpConnectionStart,
  AccessLogType.TcpUpstreamConnected,
  AccessLogType.TcpPeriodic,
  ...unfinished,
]);

/** A label value must not be what some server made up. */
function bounded(grpcStatus: string): string {
  return grpcStatus === "" || /^(?:\d|1[0-6])$/.test(grpcStatus) ? grpcStatus : "unknown";
}

function milliseconds(duration: Duration | undefined): number {
  return duration === undefined ? 0 : Number(duration.seconds) * 1_000 + duration.nanos / 1e6;
}
