import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createServer as createTcpServer } from "node:net";
import type { Server } from "node:net";
import { create } from "@bufbuild/protobuf";
import { serviceEntry } from "@lateen/e2e-harness";
import {
  Health,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus,
} from "@lateen/protos/grpc/health/v1/health_pb.js";
import { createGrpcServer, defineService } from "@lateen/rpc";
import type { Feature, FeatureContext } from "./feature.ts";
import { server as pair } from "./gateway-tls-material.ts";

const probe = "WorkloadGroup.probe";

/** A program that is asked over HTTP, on loopback: when it was, and what it says from now on. */
class Patient {
  status = 200;
  readonly answers: { readonly status: number; readonly atMs: number }[] = [];
  readonly #delayMs: number;

  constructor(delayMs = 0) {
    this.#delayMs = delayMs;
  }

  readonly listener: RequestListener = (_request, response) => {
    const answer = { status: this.status, atMs: Date.now() };
    setTimeout(() => {
      this.answers.push(answer);
      response.writeHead(answer.status).end();
    }, this.#delayMs);
  };

  of(status: number): readonly number[] {
    return this.answers.filter((answer) => answer.status === status).map(({ atMs }) => atMs);
  }
}

interface Probed {
  readonly name: string;
  readonly fields: readonly string[];
  /** Of the group; `istioctl x workload entry configure` makes it the agent's. */
  readonly spec: (row: FeatureContext) => object;
  /** Asked from before the agent starts. */
  readonly patient?: Patient;
  readonly check: (row: FeatureContext) => Promise<void>;
}

/** The port that traffic goes to, and the one that is probed. */
const [servedPort, probedPort] = [1, 2];

/** A row about a workload of the row's own: its agent starts with the check and registers with the row's group. */
function probed({ name, fields, spec, patient, check }: Probed): Feature {
  return {
    name,
    service: false,
    fields: fields.map((field) => `${probe}.${field}`),
    manifests: (row) => [
      {
        apiVersion: "networking.istio.io/v1",
        kind: "WorkloadGroup",
        metadata: row.named(),
        spec: {
          metadata: { labels: { row: row.slug } },
          template: { serviceAccount: podOf(row), ports: { http: row.ports(servedPort) } },
          probe: spec(row),
        },
      },
      serviceEntry(row.named(), {
        hosts: [row.publicHost],
        ports: [{ number: row.port, name: "http", protocol: "HTTP" }],
        resolution: "STATIC",
        location: "MESH_INTERNAL",
        workloadSelector: { labels: { row: row.slug } },
      }),
    ],
    async check(row) {
      await using _asked = patient && (await serving("127.0.0.1", row.ports(probedPort), patient.listener));
      await using _agent = await row.startAgent({
        pod: podOf(row),
        config: { readinessProbe: spec(row) },
        env: { ISTIO_META_AUTO_REGISTER_GROUP: row.named().name },
      });
      await using _served = await serving("127.0.0.1", row.ports(servedPort), (_request, response) => {
        response.end("served");
      });
      await check(row);
    },
  };
}

function podOf(row: FeatureContext): string {
  return `${row.slug}-vm`;
}

async function getsTraffic(row: FeatureContext): Promise<void> {
  await row.eventually(async () => assert.equal((await row.ask({ host: row.publicHost })).status, 200));
}

async function getsNone(row: FeatureContext): Promise<void> {
  await row.eventually(async () => assert.equal((await row.ask({ host: row.publicHost })).status, 503));
}

async function listening(server: Server, address: string, port: number): Promise<AsyncDisposable> {
  server.listen(port, address);
  await once(server, "listening");
  return { [Symbol.asyncDispose]: async () => void server.close() };
}

function serving(address: string, port: number, answer: RequestListener): Promise<AsyncDisposable> {
  return listening(createServer(answer), address, port);
}

/** A probe of a Patient's, often; `more` says how. */
function often(row: FeatureContext, more: object = {}): object {
  return { httpGet: { path: "/", port: row.ports(probedPort) }, periodSeconds: 1, failureThreshold: 1, ...more };
}

/** `initialDelaySeconds` of the row about it. */
const delay = 3;
let startedAtMs = 0;
const [delayed, counted] = [new Patient(), new Patient()];
/** The default is a second. */
const slow = new Patient(1_500);

export const workloadGroupProbeRows: readonly Feature[] = [
  probed({
    name: "an HTTPS probe goes to a host, a port and a path, with headers",
    fields: [
      "httpGet",
      ...["path", "port", "host", "scheme"].map((field) => `httpGet.${field}`),
      "httpGet.httpHeaders",
    ].concat("httpGet.httpHeaders.name", "httpGet.httpHeaders.value"),
    spec: (row) => ({
      httpGet: {
        path: "/well",
        port: row.ports(probedPort),
        host: row.address(3),
        scheme: "HTTPS",
        httpHeaders: [{ name: "x-asks", value: "the-agent" }],
      },
      periodSeconds: 1,
      failureThreshold: 1,
    }),
    check: async (row) => {
      await getsNone(row);
      let well = true;
      const tls = createTlsServer({ key: pair.privateKey, cert: pair.certificate }, ({ url, headers }, response) => {
        const right = url === "/well" && headers["x-asks"] === "the-agent";
        response.writeHead(right && well ? 200 : 500).end();
      });
      await using _probed = await listening(tls, row.address(3), row.ports(probedPort));
      await getsTraffic(row);
      well = false;
      await getsNone(row);
    },
  }),
  probed({
    name: "a TCP probe wants a connection to a host and a port",
    fields: ["tcpSocket", "tcpSocket.host", "tcpSocket.port"],
    spec: (row) => ({
      tcpSocket: { host: row.address(3), port: row.ports(probedPort) },
      periodSeconds: 1,
      failureThreshold: 1,
    }),
    check: async (row) => {
      await getsNone(row);
      {
        await using _probed = await listening(createTcpServer(), row.address(3), row.ports(probedPort));
        await getsTraffic(row);
      }
      await getsNone(row);
    },
  }),
  probed({
    name: "a gRPC probe asks for the health of a service",
    fields: ["grpc", "grpc.port", "grpc.service"],
    spec: (row) => ({
      grpc: { port: row.ports(probedPort), service: "shop" },
      periodSeconds: 1,
      failureThreshold: 1,
    }),
    check: async (row) => {
      let well = true;
      const health = defineService(Health, {
        check: async ({ service }) => {
          const { SERVING, NOT_SERVING } = HealthCheckResponse_ServingStatus;
          return create(HealthCheckResponseSchema, { status: service === "shop" && well ? SERVING : NOT_SERVING });
        },
        async *watch() {
          yield create(HealthCheckResponseSchema, {});
        },
        list: () => Promise.reject(new Error("nobody asks for the list")),
      });
      const grpc = createGrpcServer({ services: [health] });
      await getsNone(row);
      await grpc.listen({ address: `127.0.0.1:${row.ports(probedPort)}` });
      try {
        await getsTraffic(row);
        well = false;
        await getsNone(row);
      } finally {
        await grpc.close(50);
      }
    },
  }),
  probed({
    name: "a workload is well, or not, after so many probes in a row",
    fields: ["successThreshold", "failureThreshold", "periodSeconds"],
    spec: (row) => often(row, { successThreshold: 3, failureThreshold: 4 }),
    patient: counted,
    check: async (row) => {
      await getsTraffic(row);
      const [first = 0, , third = Number.POSITIVE_INFINITY] = counted.of(200);
      assert.ok(third - first < 19_000, "two pauses of 10 s, which is the default, are longer");
      counted.status = 500;
      await getsNone(row);
      assert.ok(counted.of(500).length >= 4);
    },
  }),
  probed({
    name: "a probe may take its time",
    fields: ["timeoutSeconds"],
    spec: (row) => often(row, { timeoutSeconds: 20 }),
    patient: slow,
    check: async (row) => {
      await getsTraffic(row);
    },
  }),
  probed({
    name: "the first probe waits",
    fields: ["initialDelaySeconds"],
    spec: (row) => {
      startedAtMs = Date.now();
      return often(row, { initialDelaySeconds: delay });
    },
    patient: delayed,
    check: async (row) => {
      await getsTraffic(row);
      const [first = 0] = delayed.of(200);
      assert.ok(first - startedAtMs >= delay * 1_000);
    },
  }),
];
