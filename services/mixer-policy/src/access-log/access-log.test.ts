import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import {
  AccessLogType,
  type HTTPAccessLogEntrySchema,
  type TCPAccessLogEntrySchema,
} from "@lateen/protos/envoy/data/accesslog/v3/accesslog_pb.js";
import { StreamAccessLogsMessageSchema } from "@lateen/protos/envoy/service/accesslog/v3/als_pb.js";
import { ServiceSchema, WorkloadSchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import { Registry } from "prom-client";
import { registerMixerMetrics } from "../metrics.ts";
import { ServiceIndex } from "../mirror/service-index.ts";
import { WorkloadIndex } from "../mirror/workload-index.ts";
import { LogStream } from "./service.ts";
import { TrafficMetrics } from "./traffic-metrics.ts";

type HttpEntry = MessageInitShape<typeof HTTPAccessLogEntrySchema>;
type TcpEntry = MessageInitShape<typeof TCPAccessLogEntrySchema>;

function mesh() {
  const workloads = new WorkloadIndex();
  const services = new ServiceIndex();
  const add = (name: string, address: string, account: string): void =>
    workloads.put(
      `workload.Kubernetes.shop.${name}`,
      create(WorkloadSchema, {
        namespace: "shop",
        name: `${name}-abc`,
        workloadName: name,
        addresses: [address],
        serviceAccount: account,
        cluster: "Kubernetes",
        labels: { app: name, version: "v1" },
        canonicalName: name,
        canonicalRevision: "v1",
      }),
    );
  add("web", "10.0.0.1", "web");
  add("cart", "10.0.0.2", "default");
  add("other", "10.0.0.3", "default");
  const service = (name: string, port: number): void =>
    services.put(
      `service.Kubernetes.shop.${name}`,
      create(ServiceSchema, {
        namespace: "shop",
        name,
        host: `${name}.shop.svc.cluster.local`,
        selector: { app: "cart" },
        ports: [{ name: "http", number: 80, targetPort: port }],
      }),
    );
  service("cart", 8080);
  service("cart-alias", 8080);
  service("cart-admin", 9090);
  return { workloads, services };
}

function open(logName: string, metadata: JsonObject, maxSeries = 100) {
  const registry = new Registry();
  const metrics = registerMixerMetrics(registry);
  const traffic = new TrafficMetrics(registry, {
    maxSeries,
    idleMs: 1_000,
    now: () => 0,
    onOverflow: metrics.seriesOverflowed,
  });
  const stream = new LogStream({ mesh: mesh(), traffic, metrics });
  stream.read(
    create(StreamAccessLogsMessageSchema, {
      identifier: { logName, node: { id: "sidecar~10.0.0.2~cart-abc.shop~shop.svc.cluster.local", metadata } },
    }),
  );
  return {
    http: (...logEntry: HttpEntry[]) =>
      stream.read(create(StreamAccessLogsMessageSchema, { logEntries: { case: "httpLogs", value: { logEntry } } })),
    tcp: (...logEntry: TcpEntry[]) =>
      stream.read(create(StreamAccessLogsMessageSchema, { logEntries: { case: "tcpLogs", value: { logEntry } } })),
    /** Lines of one metric: `labels → value`. */
    async lines(metric: string): Promise<[Record<string, string>, number][]> {
      const text = await registry.metrics();
      return text
        .split("\n")
        .filter((line) => line.startsWith(`${metric}{`))
        .map((line) => {
          const labels = Object.fromEntries(
            [...line.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = "", value = ""]) => [name, value]),
          );
          return [labels, Number(line.slice(line.lastIndexOf(" ")))];
        });
    },
  };
}

const cartNode: JsonObject = {
  WORKLOAD_NAME: "cart",
  NAMESPACE: "shop",
  CLUSTER_ID: "Kubernetes",
  LABELS: { app: "cart", version: "v1" },
};
const at = (address: string, port: number) => ({
  address: {
    case: "socketAddress" as const,
    value: { address, portSpecifier: { case: "portValue" as const, value: port } },
  },
});
const uri = (value: string) => ({ subjectAltName: [{ san: { case: "uri" as const, value } }] });

const inbound = {
  commonProperties: {
    downstreamDirectRemoteAddress: at("10.0.0.1", 40_000),
    downstreamRemoteAddress: at("9.9.9.9", 0),
    upstreamCluster: "inbound|8080||",
    tlsProperties: {
      peerCertificateProperties: uri("spiffe://cluster.local/ns/shop/sa/web"),
      localCertificateProperties: uri("spiffe://cluster.local/ns/shop/sa/default"),
    },
    duration: { seconds: 0n, nanos: 12_500_000 },
  },
  request: { authority: "cart-alias:80", requestHeadersBytes: 200n, requestBodyBytes: 50n },
  response: { responseCode: 200, responseHeadersBytes: 100n, responseBodyBytes: 2_000n },
} satisfies HttpEntry;

test("an inbound entry becomes Istio's metrics with Istio's labels", async () => {
  const log = open("lateen-inbound", cartNode);
  log.http(inbound, inbound);
  assert.deepEqual(await log.lines("istio_requests_total"), [
    [
      {
        reporter: "destination",
        source_workload: "web",
        source_canonical_service: "web",
        source_canonical_revision: "v1",
        source_workload_namespace: "shop",
        source_principal: "spiffe://cluster.local/ns/shop/sa/web",
        source_app: "web",
        source_version: "v1",
        source_cluster: "Kubernetes",
        destination_workload: "cart",
        destination_workload_namespace: "shop",
        destination_principal: "spiffe://cluster.local/ns/shop/sa/default",
        destination_app: "cart",
        destination_version: "v1",
        destination_service: "cart-alias.shop.svc.cluster.local",
        destination_service_name: "cart-alias",
        destination_service_namespace: "shop",
        destination_canonical_service: "cart",
        destination_canonical_revision: "v1",
        destination_cluster: "Kubernetes",
        request_protocol: "http",
        response_flags: "-",
        connection_security_policy: "mutual_tls",
        response_code: "200",
        grpc_response_status: "",
      },
      2,
    ],
  ]);
  const buckets = await log.lines("istio_request_duration_milliseconds_bucket");
  assert.deepEqual(
    buckets.filter(([labels]) => labels["le"] === "10" || labels["le"] === "25").map(([, value]) => value),
    [0, 2],
  );
  assert.equal((await log.lines("istio_request_duration_milliseconds_sum"))[0]?.[1], 25);
  assert.equal((await log.lines("istio_request_bytes_sum"))[0]?.[1], 500);
  assert.equal((await log.lines("istio_response_bytes_count"))[0]?.[1], 2);
});

interface Case {
  readonly name: string;
  readonly logName?: string;
  readonly node?: JsonObject;
  readonly entry: HttpEntry;
  readonly labels: Record<string, string>;
}

const common = inbound.commonProperties;
const cases: readonly Case[] = [
  {
    name: "an authority that names nothing of ours: the first service of the port",
    entry: { ...inbound, request: { authority: "evil.example" } },
    labels: { destination_service_name: "cart" },
  },
  {
    name: "another port, another service",
    entry: { ...inbound, commonProperties: { ...common, upstreamCluster: "inbound|9090||" } },
    labels: { destination_service_name: "cart-admin" },
  },
  {
    name: "plaintext",
    entry: { ...inbound, commonProperties: { ...common, tlsProperties: {} } },
    labels: { connection_security_policy: "none", source_principal: "unknown", source_workload: "web" },
  },
  {
    name: "a shared service account: the address decides",
    labels: { source_workload: "other" },
    entry: {
      ...inbound,
      commonProperties: {
        ...common,
        downstreamDirectRemoteAddress: at("10.0.0.3", 1),
        tlsProperties: { peerCertificateProperties: uri("spiffe://cluster.local/ns/shop/sa/default") },
      },
    },
  },
  {
    name: "an unknown caller keeps its certified namespace",
    labels: { source_workload: "unknown", source_workload_namespace: "bank" },
    entry: {
      ...inbound,
      commonProperties: {
        ...common,
        downstreamDirectRemoteAddress: at("1.1.1.1", 1),
        tlsProperties: { peerCertificateProperties: uri("spiffe://cluster.local/ns/bank/sa/x") },
      },
    },
  },
  {
    name: "outbound: service and workload from the upstream",
    logName: "lateen-outbound",
    entry: {
      commonProperties: {
        upstreamCluster: "outbound|80|v1|cart.shop.svc.cluster.local",
        upstreamRemoteAddress: at("10.0.0.2", 8080),
      },
      response: { responseCode: 503 },
    },
    labels: {
      reporter: "source",
      destination_workload: "cart",
      destination_service: "cart.shop.svc.cluster.local",
      destination_service_namespace: "shop",
      response_code: "503",
      connection_security_policy: "unknown",
    },
  },
  {
    name: "a host outside the mesh",
    logName: "lateen-gateway",
    entry: { commonProperties: { upstreamCluster: "outbound|443||api.example.com" } },
    labels: {
      reporter: "source",
      destination_service: "api.example.com",
      destination_service_name: "api.example.com",
      destination_service_namespace: "unknown",
      destination_workload: "unknown",
    },
  },
  {
    name: "passthrough",
    logName: "lateen-outbound",
    entry: { commonProperties: { upstreamCluster: "PassthroughCluster" } },
    labels: { destination_service: "unknown", destination_service_name: "PassthroughCluster" },
  },
  {
    name: "no route, and flags as Envoy writes them",
    logName: "lateen-outbound",
    labels: { response_flags: "UF,URX", destination_service_name: "unknown" },
    entry: {
      commonProperties: { responseFlags: { upstreamConnectionFailure: true, upstreamRetryLimitExceeded: true } },
      request: { authority: "made.up" },
    },
  },
  {
    name: "grpc by its status",
    entry: { ...inbound, response: { responseCode: 200, responseTrailers: { "grpc-status": "14" } } },
    labels: { request_protocol: "grpc", grpc_response_status: "14" },
  },
  {
    name: "a made-up status is no label",
    entry: { ...inbound, response: { responseHeaders: { "grpc-status": "abc" } } },
    labels: { grpc_response_status: "unknown" },
  },
  {
    name: "a tag tells what only the proxy knows",
    entry: {
      ...inbound,
      commonProperties: { ...common, customTags: { reporter: "source", destination_principal: "spiffe://x" } },
    },
    labels: { reporter: "source", destination_principal: "spiffe://x" },
  },
  {
    name: "a node without metadata is known by its address",
    node: {},
    entry: inbound,
    labels: { destination_workload: "cart", destination_version: "v1" },
  },
];

for (const { name, logName, node, entry, labels } of cases) {
  test(name, async () => {
    const log = open(logName ?? "lateen-inbound", node ?? cartNode);
    log.http(entry);
    const [line] = await log.lines("istio_requests_total");
    for (const [label, value] of Object.entries(labels)) assert.equal(line?.[0][label], value, label);
  });
}

test("entries of a request that is not over, and of logs that are not ours, are told apart", async () => {
  const log = open("somebody-elses", cartNode);
  log.http(inbound, { ...inbound, commonProperties: { ...common, accessLogType: AccessLogType.DownstreamPeriodic } });
  assert.deepEqual(await log.lines("istio_requests_total"), []);
  assert.deepEqual(
    (await log.lines("lateen_access_log_entries_total")).map(([labels, value]) => [labels["outcome"], value]),
    [
      ["unknown_log", 1],
      ["unfinished", 1],
    ],
  );
});

test("a tcp connection counts once, its bytes as they come", async () => {
  const log = open("lateen-inbound", cartNode);
  const entry = (accessLogType: AccessLogType, receivedBytes: bigint, sentBytes: bigint, streamId = "s"): TcpEntry => ({
    commonProperties: { ...common, accessLogType, streamId },
    connectionProperties: { receivedBytes, sentBytes },
  });
  log.tcp(entry(AccessLogType.TcpConnectionStart, 0n, 0n), entry(AccessLogType.TcpPeriodic, 100n, 10n));
  const values = async () =>
    Promise.all(
      ["connections_opened", "connections_closed", "received_bytes", "sent_bytes"].map(
        async (name) => (await log.lines(`istio_tcp_${name}_total`))[0]?.[1],
      ),
    );
  assert.deepEqual(await values(), [1, 0, 100, 10]);
  log.tcp(
    entry(AccessLogType.TcpConnectionEnd, 150n, 30n),
    entry(AccessLogType.TcpConnectionEnd, 7n, 7n, "short"),
    entry(AccessLogType.NotSet, 1n, 1n, ""),
  );
  assert.deepEqual(await values(), [3, 3, 158, 38]);
  const [line] = await log.lines("istio_tcp_sent_bytes_total");
  assert.deepEqual([line?.[0]["request_protocol"], line?.[0]["response_code"]], ["tcp", undefined]);
});

test("label tuples are bounded: what is beyond shares one", async () => {
  const log = open("lateen-inbound", cartNode, 3);
  for (let code = 200; code < 210; code += 1) log.http({ ...inbound, response: { responseCode: code } });
  const lines = await log.lines("istio_requests_total");
  assert.equal(lines.length, 4);
  assert.deepEqual(
    lines.filter(([labels]) => labels["source_workload"] === "other").map(([, value]) => value),
    [7],
  );
  assert.equal(
    lines.reduce((sum, [, value]) => sum + value, 0),
    10,
  );
});
