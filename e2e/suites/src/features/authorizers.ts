import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { createServer as createHttp2Server, type ServerHttp2Session } from "node:http2";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { HeaderValueOption_HeaderAppendAction } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import {
  type CheckRequest,
  CheckRequestSchema,
  CheckResponseSchema,
} from "@lateen/protos/envoy/service/auth/v3/external_auth_pb.js";
import type { StatusCode } from "@lateen/protos/envoy/type/v3/http_status_pb.js";
import { framed, messagesIn } from "./grpc-messages.ts";

/** What a proxy asked over HTTP. */
export interface HttpCheck {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** `silent`: no answer at all. */
export type HttpVerdict =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  | "silent";

export interface Authorizer<Check> extends AsyncDisposable {
  readonly checks: readonly Check[];
}

/** Speaks Envoy's external authorization over HTTP/1.1: 200 lets a request through. */
export async function httpAuthorizer(
  port: number,
  decide: (check: HttpCheck) => HttpVerdict,
): Promise<Authorizer<HttpCheck>> {
  const checks: HttpCheck[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += String(chunk)));
    request.on("end", () => {
      const check = { method: request.method ?? "", path: request.url ?? "", headers: request.headers, body };
      checks.push(check);
      const verdict = decide(check);
      if (verdict !== "silent") response.writeHead(verdict.status, { ...verdict.headers }).end(verdict.body);
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const close = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
  };
  return { checks, [Symbol.asyncDispose]: close };
}

type Answer = MessageInitShape<typeof CheckResponseSchema>;

/** Speaks it over gRPC, without TLS. */
export async function grpcAuthorizer(
  port: number,
  decide: (check: CheckRequest) => Answer | "silent",
): Promise<Authorizer<CheckRequest>> {
  const checks: CheckRequest[] = [];
  const sessions = new Set<ServerHttp2Session>();
  const server = createHttp2Server();
  server.on("session", (session) => sessions.add(session));
  server.on("stream", (stream) => {
    const chunks: Buffer[] = [];
    stream.on("error", () => undefined);
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      const [message = Buffer.alloc(0)] = messagesIn(Buffer.concat(chunks));
      const check = fromBinary(CheckRequestSchema, message);
      checks.push(check);
      const answer = decide(check);
      if (answer === "silent" || stream.destroyed) return;
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(framed(toBinary(CheckResponseSchema, create(CheckResponseSchema, answer))));
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const close = async (): Promise<void> => {
    server.close();
    for (const session of sessions) session.destroy();
  };
  return { checks, [Symbol.asyncDispose]: close };
}

/** Lets the request go on with these headers set. */
export function allowed(headers: Readonly<Record<string, string>> = {}): Answer {
  return { status: { code: 0 }, httpResponse: { case: "okResponse", value: { headers: options(headers) } } };
}

export function denied(code: StatusCode, headers: Readonly<Record<string, string>> = {}): Answer {
  const permissionDenied = 7;
  return {
    status: { code: permissionDenied },
    httpResponse: { case: "deniedResponse", value: { status: { code }, headers: options(headers), body: "no" } },
  };
}

function options(headers: Readonly<Record<string, string>>) {
  return Object.entries(headers).map(([key, value]) => ({
    header: { key, value },
    appendAction: HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
  }));
}
