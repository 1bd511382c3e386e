import assert from "node:assert/strict";
import { mkdir, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { endpointSlice } from "@lateen/e2e-harness";
import type { Feature } from "./feature.ts";
import { through } from "./own-proxy.ts";
import {
  grpcCollector,
  httpCollector,
  otlpGrpcCollector,
  otlpHttpCollector,
  zipkinCollector,
} from "./span-collectors.ts";
import { located, oneTrace, provider, traced } from "./traced.ts";

/** Spans at other collectors than Zipkin. */
export const otherCollectorRows: readonly Feature[] = [
  {
    name: "OpenTelemetry over gRPC gets the trace, with metadata and the service's name",
    fields: [
      ...located("opentelemetry"),
      ...[
        "grpc.initialMetadata.name",
        "grpc.initialMetadata.value",
        "grpc.timeout",
        "resourceDetectors.environment",
      ].map((field) => provider("opentelemetry", field)),
    ],
    ...traced({
      kind: "opentelemetry",
      grpc: true,
      more: () => ({
        grpc: { timeout: "2s", initialMetadata: [{ name: "x-tenant", value: "blue" }] },
        resourceDetectors: { environment: {} },
      }),
    }),
    check: async (row) => {
      await using collector = await otlpGrpcCollector(row.ports(1));
      const [client, server] = await oneTrace(row, collector);
      assert.deepEqual([client.kind, server.kind], ["client", "server"]);
      assert.equal(server.parent, client.id);
      assert.equal(server.tags["istio.canonical_service"], "reviews");
      const [call] = collector.calls;
      assert.deepEqual(
        [call?.path, call?.headers["x-tenant"]],
        ["/opentelemetry.proto.collector.trace.v1.TraceService/Export", "blue"],
      );
    },
  },
  {
    name: "OpenTelemetry over HTTP gets the trace at its path",
    fields: ["http.path", "http.timeout", "http.headers.name", "http.headers.value", "maxTagLength"].map((field) =>
      provider("opentelemetry", field),
    ),
    ...traced({
      kind: "opentelemetry",
      more: () => ({
        http: { path: "/v1/traces", timeout: "2s", headers: [{ name: "x-tenant", value: "blue" }] },
        maxTagLength: 3,
      }),
    }),
    check: async (row) => {
      await using collector = await otlpHttpCollector(row.ports(1));
      const [client] = await oneTrace(row, collector, "/long");
      assert.match(client.tags["http.url"] ?? "", /\/lo$/);
      const [call] = collector.calls;
      assert.deepEqual([call?.path, call?.headers["x-tenant"]], ["/v1/traces", "blue"]);
    },
  },
  {
    name: "a sampler of Dynatrace's is asked how many requests to trace",
    fields: ["dynatraceSampler.tenant", "dynatraceSampler.clusterId", "dynatraceSampler.rootSpansPerMinute"].map(
      (field) => provider("opentelemetry", field),
    ),
    ...traced({
      kind: "opentelemetry",
      more: () => ({
        http: { path: "/v1/traces" },
        dynatraceSampler: { tenant: "t", clusterId: 1, rootSpansPerMinute: 1000 },
      }),
      tracing: [{ randomSamplingPercentage: 0 }],
    }),
    check: async (row) => {
      await using collector = await httpCollector(row.ports(1));
      await row.eventually(async () => {
        await row.sendMany(6);
        const paths = collector.calls.map(({ path }) => path);
        assert.ok(paths.includes("/v1/traces"), "the sampler decides, not chance");
        assert.ok(
          paths.some((path) => path.startsWith("/api/v2/samplingConfiguration")),
          paths.join(" "),
        );
      });
    },
  },
  {
    name: "a sampler of Dynatrace's has a service and a path of its own",
    fields: ["service", "port", "http.path", "http.headers.value"].map((name) =>
      provider("opentelemetry", `dynatraceSampler.httpService.${name}`),
    ),
    ...traced({
      kind: "opentelemetry",
      more: (row) => ({
        http: { path: "/v1/traces" },
        dynatraceSampler: {
          ...{ tenant: "t", clusterId: 1 },
          httpService: {
            ...{ service: row.mesh.host(row.named("sampler").name), port: row.ports(3) },
            http: { path: "/how-many", timeout: "2s", headers: [{ name: "authorization", value: "Api-Token a" }] },
          },
        },
      }),
      manifests: (row) => [
        ...row.service({ suffix: "sampler", port: row.ports(3), to: [] }),
        endpointSlice(row.named("sampler"), {
          ...{ service: row.named("sampler").name, address: "127.0.0.1", port: row.ports(4) },
        }),
      ],
    }),
    check: async (row) => {
      await using collector = await httpCollector(row.ports(1));
      await using sampler = await httpCollector(row.ports(4));
      await row.eventually(async () => {
        await row.sendMany(6);
        const [call] = sampler.calls;
        assert.match(call?.path ?? "", /^\/how-many/);
        assert.equal(call?.headers.authorization, "Api-Token a");
      });
      assert.ok(collector.calls.every(({ path }) => path === "/v1/traces"));
    },
  },
  {
    name: "spans say what files of Dynatrace's say of the host",
    fields: [provider("opentelemetry", "resourceDetectors.dynatrace")],
    ...traced({
      kind: "opentelemetry",
      more: () => ({ http: { path: "/v1/traces" }, resourceDetectors: { dynatrace: {} } }),
    }),
    check: async (row) => {
      await using collector = await otlpHttpCollector(row.ports(1));
      const facts = row.fileWith("dt_metadata.properties", "dt.entity.host=HOST-1\n");
      // Dynatrace's agent answers for a file of this name with the path of another.
      const pointer = row.fileWith("pointer", facts);
      const directory = `${dirname(pointer)}/${row.slug}`;
      await mkdir(directory);
      await rename(pointer, `${directory}/dt_metadata_e617c525669e072eebe3d0f08212e8f2.properties`);
      await using proxy = await row.startProxy({ pod: "hosted-1", labels: { app: "hosted" }, directory });
      await row.eventually(async () => {
        for (let n = 0; n < 3; n++) await through(row, proxy);
        const span = collector.spans.find(({ tags }) => tags["dt.entity.host"] !== undefined);
        assert.equal(span?.tags["dt.entity.host"], "HOST-1", JSON.stringify(collector.spans.at(-1)?.tags));
      });
    },
  },
  {
    name: "spans are of the service that OpenTelemetry's conventions make of a workload",
    fields: [provider("opentelemetry", "serviceAttributeEnrichment")],
    ...traced({
      kind: "opentelemetry",
      grpc: true,
      more: () => ({ serviceAttributeEnrichment: "OTEL_SEMANTIC_CONVENTIONS" }),
    }),
    check: async (row) => {
      await using collector = await otlpGrpcCollector(row.ports(1));
      const labels = { app: "other", "app.kubernetes.io/name": "cart" };
      const env = { OTEL_RESOURCE_ATTRIBUTES: "service.instance.id=uid-1" }; // as the injector writes it
      await using agent = await row.startAgent({ pod: "conventional-1", labels, env });
      await row.eventually(async () => {
        for (let n = 0; n < 3; n++) await through(row, agent);
        const span = collector.spans.find(({ service }) => service === "cart");
        assert.equal(
          span?.tags["service.instance.id"],
          "uid-1",
          collector.spans.map(({ service }) => service).join(" "),
        );
      });
    },
  },
  {
    name: "headers of collectors have values from pilot's own environment",
    fields: [provider("zipkin", "headers.envName")],
    ...traced({
      more: () => ({
        headers: [
          { name: "x-token", envName: "LATEEN_ROW_TOKEN" },
          { name: "x-other", envName: "LATEEN_HAS_NO_SUCH" },
        ],
      }),
    }),
    check: async (row) => {
      await using collector = await zipkinCollector(row.ports(1));
      await oneTrace(row, collector);
      const { headers } = collector.calls[0] ?? {};
      assert.deepEqual([headers?.["x-token"], headers?.["x-other"]], ["from pilot", undefined]);
    },
  },
  {
    name: "metadata of calls to a collector have values from pilot's own environment",
    fields: [provider("opentelemetry", "grpc.initialMetadata.envName")],
    ...traced({
      kind: "opentelemetry",
      grpc: true,
      more: () => ({ grpc: { initialMetadata: [{ name: "x-token", envName: "LATEEN_ROW_TOKEN" }] } }),
    }),
    check: async (row) => {
      await using collector = await otlpGrpcCollector(row.ports(1));
      await oneTrace(row, collector);
      assert.equal(collector.calls[0]?.headers["x-token"], "from pilot");
    },
  },
  {
    name: "Datadog's agent gets shorter paths",
    fields: [provider("datadog", "maxTagLength")],
    ...traced({ kind: "datadog", more: () => ({ maxTagLength: 3 }) }),
    check: async (row) => {
      await using collector = await httpCollector(row.ports(1));
      await row.eventually(async () => {
        await row.ask("/long");
        const traces = collector.calls.filter(({ path }) => path.endsWith("/traces"));
        assert.ok(traces.some(({ body }) => body.includes(`${row.host}:${row.port}/lo`)));
      });
      assert.ok(!collector.calls.some(({ body }) => body.includes("/long")));
    },
  },
  {
    name: "Datadog's agent gets the spans",
    fields: located("datadog"),
    ...traced({ kind: "datadog" }),
    check: async (row) => {
      await using collector = await httpCollector(row.ports(1));
      await row.eventually(async () => {
        await row.sendMany(6);
        const traces = collector.calls.filter(({ path }) => path.endsWith("/traces"));
        assert.ok(
          traces.some(({ body }) => body.includes("istio.canonical_service")),
          collector.calls.map(({ path }) => path).join(" "),
        );
      });
    },
  },
  {
    name: "SkyWalking gets segments, with its token",
    fields: [...located("skywalking"), provider("skywalking", "accessToken")],
    ...traced({ kind: "skywalking", grpc: true, more: () => ({ accessToken: "secret" }) }),
    check: async (row) => {
      await using collector = await grpcCollector(row.ports(1), () => []);
      await row.eventually(async () => {
        const { headers } = await row.answer();
        assert.ok(headers["sw8"], "servers learn of the trace by SkyWalking's header");
        const [call] = collector.calls;
        assert.equal(call?.headers["authentication"], "secret");
        assert.equal(call?.path, "/skywalking.v3.TraceSegmentReportService/collect");
      });
    },
  },
];
