import { once } from "node:events";
import { createSecureServer, createServer, type IncomingHttpHeaders, type ServerHttp2Session } from "node:http2";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { HTTPAccessLogEntry, TCPAccessLogEntry } from "@lateen/protos/envoy/data/accesslog/v3/accesslog_pb.js";
import { StreamAccessLogsMessageSchema } from "@lateen/protos/envoy/service/accesslog/v3/als_pb.js";
import {
  ExportLogsServiceRequestSchema,
  ExportLogsServiceResponseSchema,
} from "@lateen/protos/opentelemetry/proto/collector/logs/v1/logs_service_pb.js";
import { framed, takeMessages } from "./grpc-messages.ts";
import { textsOf } from "./span-collectors.ts";

type Taker = (message: Buffer, headers: IncomingHttpHeaders) => Uint8Array | undefined;

/** With these, the server speaks TLS, and asks clients for a certificate of `clientRoot`. */
export interface CollectorTls {
  readonly certificate: string;
  readonly privateKey: string;
  readonly clientRoot: string;
}

/** A gRPC server that takes each message as it comes, in streams that need not end; an answer of `take` ends a call. */
async function messageServer(port: number, take: Taker, tls?: CollectorTls): Promise<AsyncDisposable> {
  const sessions = new Set<ServerHttp2Session>();
  const server =
    tls === undefined
      ? createServer()
      : createSecureServer({
          ...{ cert: tls.certificate, key: tls.privateKey, ca: tls.clientRoot },
          ...{ requestCert: true, rejectUnauthorized: true },
        });
  server.on("session", (session) => sessions.add(session));
  server.on("sessionError", () => undefined);
  server.on("stream", (stream, headers) => {
    let kept: Buffer = Buffer.alloc(0);
    let answer: Uint8Array | undefined;
    stream.on("error", () => undefined);
    stream.on("data", (chunk: Buffer) => {
      const { messages, rest } = takeMessages(Buffer.concat([kept, chunk]));
      kept = rest;
      for (const message of messages) answer = take(message, headers);
    });
    stream.on("end", () => {
      if (stream.destroyed) return;
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(answer === undefined ? "" : framed(answer));
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const close = async (): Promise<void> => {
    server.close();
    for (const session of sessions) session.destroy();
  };
  return { [Symbol.asyncDispose]: close };
}

/** What Envoys told Envoy's own service of access logs. */
export interface LogEntries extends AsyncDisposable {
  readonly http: readonly (HTTPAccessLogEntry & { readonly logName: string })[];
  readonly tcp: readonly (TCPAccessLogEntry & { readonly logName: string })[];
}

export async function logService(port: number, tls?: CollectorTls): Promise<LogEntries> {
  const http: LogEntries["http"][number][] = [];
  const tcp: LogEntries["tcp"][number][] = [];
  // A stream says once, at its start, whose log it is.
  const names = new WeakMap<IncomingHttpHeaders, string>();
  const take: Taker = (bytes, headers) => {
    const { identifier, logEntries } = fromBinary(StreamAccessLogsMessageSchema, bytes);
    if (identifier !== undefined) names.set(headers, identifier.logName);
    const logName = names.get(headers) ?? "";
    if (logEntries.case === "httpLogs")
      http.push(...logEntries.value.logEntry.map((entry) => Object.assign(entry, { logName })));
    if (logEntries.case === "tcpLogs")
      tcp.push(...logEntries.value.logEntry.map((entry) => Object.assign(entry, { logName })));
    return undefined;
  };
  return { http, tcp, ...(await messageServer(port, take, tls)) };
}

/** A record of OpenTelemetry. */
export interface SeenRecord {
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly resource: Readonly<Record<string, string>>;
}

export interface LogRecords extends AsyncDisposable {
  readonly records: readonly SeenRecord[];
  readonly paths: ReadonlySet<string>;
}

export async function openTelemetryLogs(port: number): Promise<LogRecords> {
  const records: SeenRecord[] = [];
  const paths = new Set<string>();
  const take: Taker = (bytes, headers) => {
    paths.add(String(headers[":path"]));
    for (const { resource, scopeLogs } of fromBinary(ExportLogsServiceRequestSchema, bytes).resourceLogs)
      for (const { logRecords } of scopeLogs)
        for (const { body, attributes } of logRecords)
          records.push({
            body: String(body?.value.value ?? ""),
            attributes: textsOf(attributes),
            resource: textsOf(resource?.attributes ?? []),
          });
    return toBinary(ExportLogsServiceResponseSchema, create(ExportLogsServiceResponseSchema));
  };
  return { records, paths, ...(await messageServer(port, take)) };
}
