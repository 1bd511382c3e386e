import { once } from "node:events";
import { createServer as createHttp, get } from "node:http";
import { createServer as createHttps } from "node:https";
import { connect, createServer as createTcp, type Socket } from "node:net";
import { endpointSlice } from "@lateen/e2e-harness";
import type { Feature, FeatureContext, MeshAgent } from "./feature.ts";

/** Path of a field of the mesh's ProxyConfig. */
export const proxyField = (path: string): string => `MeshConfig.defaultConfig.${path}`;

/** A MeshConfig whose proxies are cheap to run on this machine, without capture, and show all statistics. */
export function meshOf(defaultConfig: object = {}, more: object = {}) {
  const usual = {
    ...{ concurrency: 1, interceptionMode: "NONE", terminationDrainDuration: "0s" },
    proxyStatsMatcher: { inclusionRegexps: [".*"] },
  };
  return { defaultConfig: { ...usual, ...defaultConfig }, ...more };
}

/** What Envoy says of itself: how it was started, and who it is. */
export async function serverInfo({ admin }: Pick<MeshAgent, "admin">): Promise<{
  readonly command_line_options: Readonly<Record<string, unknown>>;
  readonly node: { readonly cluster: string; readonly metadata: Readonly<Record<string, unknown>> };
}> {
  return JSON.parse(await admin.get("/server_info"));
}

/** An answer as it came, with nothing unpacked. */
export async function raw(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; headers: Readonly<Record<string, unknown>>; body: Buffer }> {
  const call = get(url, { headers, agent: false });
  const [response] = (await once(call, "response")) as [
    NodeJS.ReadableStream & { statusCode?: number; headers: Record<string, unknown> },
  ];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
}

/** A program that answers every request with one text. */
export async function textServer(port: number, text: string, path = "/"): Promise<AsyncDisposable> {
  const server = createHttp((request, response) => response.writeHead(request.url === path ? 200 : 404).end(text));
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return closing(server);
}

/** A TLS program, of whatever application protocol its callers offer. */
export async function tlsServer(
  port: number,
  tls: { readonly certificate: string; readonly privateKey: string; readonly clientRoot?: string },
  seen: (path: string, body: Buffer) => void = () => undefined,
): Promise<AsyncDisposable> {
  const server = createHttps({
    ...{
      cert: tls.certificate,
      key: tls.privateKey,
      ALPNCallback: ({ protocols }: { protocols: string[] }) => protocols[0],
    },
    ...(tls.clientRoot !== undefined && { ca: tls.clientRoot, requestCert: true, rejectUnauthorized: true }),
  });
  server.on("request", (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      seen(request.url ?? "", Buffer.concat(chunks));
      response.end("over TLS");
    });
  });
  server.on("tlsClientError", () => undefined);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return closing(server);
}

/** Passes connections on, and counts them. */
export async function forwarder(port: number, to: string): Promise<AsyncDisposable & { readonly count: number }> {
  const [host = "", target = ""] = to.split(":");
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createTcp((near) => {
    count += 1;
    const far = connect(Number(target), host);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => undefined).on("close", () => void [near.destroy(), far.destroy()]);
    }
    near.pipe(far).pipe(near);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    get count() {
      return count;
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** A Service whose only endpoint is a program of the row's at `row.ports(1)`, asked at `row.ports(2)`. */
export function programService(row: FeatureContext, trafficPolicy?: object): readonly object[] {
  const { name } = row.named("program");
  const place = { service: name, portName: "http", address: "127.0.0.1", port: row.ports(1) };
  return [
    ...row.service({ suffix: "program", port: row.ports(2), to: [] }),
    endpointSlice(row.named("program"), place),
    ...(trafficPolicy === undefined
      ? []
      : [row.destinationRule({ host: row.mesh.host(name), trafficPolicy }, "program")]),
  ];
}

/** How to ask for that Service through a proxy. */
export function program(row: FeatureContext): { readonly port: number; readonly host: string } {
  return { port: row.ports(2), host: row.mesh.host(row.named("program").name) };
}

export type Row = Pick<Feature, "name" | "fields" | "check"> & Partial<Feature>;
export const row = (one: Row): Feature => ({ manifests: () => [], ...one });

function closing(server: { close(): unknown; closeAllConnections(): void }): AsyncDisposable {
  return {
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
