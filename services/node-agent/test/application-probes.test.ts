import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { after, before, describe, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { createRootCa } from "@lateen/pki";
import {
  Health,
  HealthCheckResponse_ServingStatus,
  HealthCheckResponseSchema,
} from "@lateen/protos/grpc/health/v1/health_pb.js";
import { createGrpcServer, defineService } from "@lateen/rpc";
import { type ApplicationProbe, probeApplication } from "../src/application-probes.ts";
import { freePort } from "./loopback.ts";

const host = "127.0.0.1";
const ports = { http: 0, https: 0, tcp: 0, grpc: 0, closed: 0 };
const closers: (() => unknown)[] = [];
let last: IncomingMessage | undefined;

async function startApplication(): Promise<void> {
  const web = createServer((request, response) => {
    last = request;
    if (request.url === "/slow") return;
    if (request.url === "/moved") response.setHeader("location", "/down");
    response.writeHead({ "/ok": 200, "/moved": 302, "/down": 500 }[request.url ?? ""] ?? 404).end("x".repeat(100_000));
  });
  ports.http = await listen(web, () => web.closeAllConnections());
  const { certificatePem: cert, privateKeyPem: key } = await createRootCa({ organization: "nobody's" });
  ports.https = await listen(createSecureServer({ cert, key }, (_request, response) => response.end()));
  ports.tcp = await listen(createTcpServer((socket) => socket.end()));
  const health = defineService(Health, {
    check: async ({ service }) =>
      create(HealthCheckResponseSchema, {
        status:
          service === "down"
            ? HealthCheckResponse_ServingStatus.NOT_SERVING
            : HealthCheckResponse_ServingStatus.SERVING,
      }),
    list: () => Promise.reject(new Error("not asked for")),
    watch: () => {
      throw new Error("not asked for");
    },
  });
  const grpc = createGrpcServer({ services: [health] });
  ports.grpc = (await grpc.listen({ address: `${host}:0` })).port;
  closers.push(() => grpc.close(0));
  ports.closed = await freePort(host);
}

async function stopApplication(): Promise<void> {
  for (const close of closers) await close();
}

async function listen(server: Server, beforeClose?: () => void): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen({ host, port: 0 }, resolve);
  await promise;
  closers.push(() => {
    beforeClose?.();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const get = (path: string, port: number, more: object = {}): ApplicationProbe => ({ httpGet: { path, port, ...more } });
interface Case {
  readonly name: string;
  readonly probe: () => ApplicationProbe;
  readonly status: number;
}
const cases = [
  { name: "HTTP 200", probe: () => get("/ok", ports.http), status: 200 },
  { name: "HTTP: a path without its slash", probe: () => get("ok", ports.http), status: 200 },
  { name: "HTTP 500", probe: () => get("/down", ports.http), status: 500 },
  { name: "HTTP: a redirect is a success, and not followed", probe: () => get("/moved", ports.http), status: 302 },
  { name: "HTTP: too slow", probe: () => ({ ...get("/slow", ports.http), timeoutSeconds: 0.1 }), status: 503 },
  { name: "HTTP: nothing listens", probe: () => get("/ok", ports.closed), status: 503 },
  { name: "HTTP: a port of text", probe: () => ({ httpGet: { path: "/ok", port: String(ports.http) } }), status: 200 },
  {
    name: "HTTPS: any certificate will do, as for the kubelet",
    probe: () => get("/", ports.https, { scheme: "HTTPS" }),
    status: 200,
  },
  { name: "HTTPS against plain text", probe: () => get("/ok", ports.http, { scheme: "HTTPS" }), status: 503 },
  { name: "TCP", probe: () => ({ tcpSocket: { port: ports.tcp } }), status: 200 },
  { name: "TCP: nothing listens", probe: () => ({ tcpSocket: { port: ports.closed } }), status: 503 },
  { name: "gRPC: serving", probe: () => ({ grpc: { port: ports.grpc } }), status: 200 },
  { name: "gRPC: not serving", probe: () => ({ grpc: { port: ports.grpc, service: "down" } }), status: 503 },
  { name: "gRPC: nothing listens", probe: () => ({ grpc: { port: ports.closed } }), status: 503 },
  { name: "a probe of no kind", probe: () => ({}), status: 404 },
] satisfies Case[];

describe("application probes", () => {
  before(startApplication);
  after(stopApplication);

  for (const { name, probe, status } of cases)
    test(`${name}: ${status}`, async () =>
      assert.equal(await probeApplication({ timeoutSeconds: 30, ...probe() }, host), status));

  test("a probe sends the headers it is given, the host's name too", async () => {
    const httpHeaders = [
      { name: "Host", value: "reviews.example" },
      { name: "X-Probe", value: "a" },
      { name: "X-Probe", value: "b" },
    ];
    assert.equal(await probeApplication(get("/ok", ports.http, { httpHeaders }), host), 200);
    assert.equal(last?.headers.host, "reviews.example");
    assert.equal(last?.headers["x-probe"], "a, b");
  });
});
