import { once } from "node:events";
import { createServer } from "node:http2";

export interface GrpcServer extends AsyncDisposable {
  /** Of the requests that came. */
  readonly contentTypes: readonly string[];
}

/** Answers every gRPC call with what it was sent, and status 0. */
export async function grpcServer(port: number): Promise<GrpcServer> {
  const contentTypes: string[] = [];
  const server = createServer();
  server.on("stream", (stream, headers) => {
    contentTypes.push(String(headers["content-type"]));
    stream.on("error", () => undefined);
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.pipe(stream);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return { contentTypes, [Symbol.asyncDispose]: async () => void server.close() };
}
