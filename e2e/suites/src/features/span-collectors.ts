import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { createServer as createHttp2Server, type ServerHttp2Session } from "node:http2";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  ExportTraceServiceRequestSchema,
  ExportTraceServiceResponseSchema,
} from "@lateen/protos/opentelemetry/proto/collector/trace/v1/trace_service_pb.js";
import type { KeyValue } from "@lateen/protos/opentelemetry/proto/common/v1/common_pb.js";
import { framed, messagesIn } from "./grpc-messages.ts";

/** One span, whatever it was written in. */
export interface SeenSpan {
  readonly trace: string;
  readonly id: string;
  readonly parent: string;
  readonly name: string;
  readonly kind: "client" | "server" | "other";
  /** Whose it is. */
  readonly service: string;
  readonly tags: Readonly<Record<string, string>>;
}

export interface Call {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Takes what Envoys send, and keeps it. */
export interface Collector extends AsyncDisposable {
  readonly spans: readonly SeenSpan[];
  readonly calls: readonly Call[];
}

type Read = (call: Call) => readonly SeenSpan[];
const unread: Read = () => [];

/** Over HTTP/1.1: Zipkin's second form as JSON, or anything else as it came. */
export async function httpCollector(port: number, read: Read = unread): Promise<Collector> {
  const kept = keep(read);
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      kept.take({ path: request.url ?? "", headers: request.headers, body: Buffer.concat(chunks) });
      response.writeHead(202).end();
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const close = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
  };
  return { ...kept, [Symbol.asyncDispose]: close };
}

export const zipkinCollector = (port: number): Promise<Collector> => httpCollector(port, zipkinSpans);
export const otlpHttpCollector = (port: number): Promise<Collector> =>
  httpCollector(port, ({ body }) => otlpSpans(body));

/** gRPC without TLS; every call is answered with an empty message of OTLP, which is no message of anyone's. */
export async function grpcCollector(port: number, read: (message: Buffer) => readonly SeenSpan[]): Promise<Collector> {
  const kept = keep(unread);
  const sessions = new Set<ServerHttp2Session>();
  const server = createHttp2Server();
  server.on("session", (session) => sessions.add(session));
  server.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    const call = { path: String(headers[":path"]), headers };
    // Where messages keep coming they are answered at the end, which may not come.
    stream.once("data", (first: Buffer) => {
      const chunks = [first];
      kept.calls.push({ ...call, body: first });
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        if (stream.destroyed) return;
        kept.spans.push(...messagesIn(Buffer.concat(chunks)).flatMap(read));
        stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
        stream.end(framed(toBinary(ExportTraceServiceResponseSchema, create(ExportTraceServiceResponseSchema))));
      });
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const close = async (): Promise<void> => {
    server.close();
    for (const session of sessions) session.destroy();
  };
  return { ...kept, [Symbol.asyncDispose]: close };
}

export const otlpGrpcCollector = (port: number): Promise<Collector> => grpcCollector(port, otlpSpans);

function keep(read: Read): { spans: SeenSpan[]; calls: Call[]; take: (call: Call) => void } {
  const spans: SeenSpan[] = [];
  const calls: Call[] = [];
  const take = (call: Call): void => {
    calls.push(call);
    spans.push(...read(call));
  };
  return { spans, calls, take };
}

interface ZipkinSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly name: string;
  readonly kind?: string;
  readonly localEndpoint: { readonly serviceName: string };
  readonly tags: Readonly<Record<string, string>>;
}

function zipkinSpans({ body }: Call): readonly SeenSpan[] {
  return (JSON.parse(String(body)) as readonly ZipkinSpan[]).map((span) => ({
    trace: span.traceId,
    id: span.id,
    parent: span.parentId ?? "",
    name: span.name,
    kind: span.kind === "CLIENT" ? "client" : span.kind === "SERVER" ? "server" : "other",
    service: span.localEndpoint.serviceName,
    tags: span.tags,
  }));
}

const otlpKinds: Readonly<Record<number, SeenSpan["kind"]>> = { 2: "server", 3: "client" };

function otlpSpans(body: Buffer): readonly SeenSpan[] {
  const { resourceSpans } = fromBinary(ExportTraceServiceRequestSchema, body);
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        trace: Buffer.from(span.traceId).toString("hex"),
        id: Buffer.from(span.spanId).toString("hex"),
        parent: Buffer.from(span.parentSpanId).toString("hex"),
        name: span.name,
        kind: otlpKinds[span.kind] ?? "other",
        service: textsOf(resource?.attributes ?? [])["service.name"] ?? "",
        tags: { ...textsOf(resource?.attributes ?? []), ...textsOf(span.attributes) },
      })),
    ),
  );
}

export function textsOf(attributes: readonly KeyValue[]): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, String(value?.value.value ?? "")]));
}
