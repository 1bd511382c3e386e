import assert from "node:assert/strict";
import { endpointSlice, telemetry } from "@lateen/e2e-harness";
import { bootstrapRows } from "./tracing-bootstrap.rows.ts";
import type { Feature, FeatureContext, FeatureMeshSpec } from "./feature.ts";
import {
  type Collector,
  grpcCollector,
  httpCollector,
  otlpGrpcCollector,
  otlpHttpCollector,
  type SeenSpan,
  zipkinCollector,
} from "./span-collectors.ts";

/** Requests go through two proxies: that of the frontend and that of reviews. */
export const tracingMesh: FeatureMeshSpec = {
  workloads: [
    { app: "frontend", mutualTls: false },
    { app: "reviews", mutualTls: false },
  ],
};

const provider = (kind: string, field: string): string => `MeshConfig.extensionProviders.${kind}.${field}`;
const located = (kind: string): readonly string[] => [provider(kind, "service"), provider(kind, "port")];

interface Told {
  /** Default zipkin. */
  readonly kind?: string;
  /** The collector is spoken to in gRPC. */
  readonly grpc?: true;
  /** More of the provider. */
  readonly more?: (row: FeatureContext) => object;
  /** Telemetry's, of the mesh; default all requests. */
  readonly tracing?: readonly object[];
  /** More of the MeshConfig. */
  readonly mesh?: object;
}

const everything = [{ randomSamplingPercentage: 100 }];

/** A mesh whose spans go to a collector of the row's on its port 1. */
function traced(told: Told = {}): Pick<Feature, "alone" | "meshConfig" | "manifests"> {
  const { kind = "zipkin", more, tracing = everything } = told;
  const portName = told.grpc === true ? "grpc" : "http";
  return {
    alone: true,
    meshConfig: (row) => ({
      defaultProviders: { tracing: ["spans"] },
      extensionProviders: [
        {
          name: "spans",
          [kind]: { service: row.mesh.host(row.named("spans").name), port: row.ports(2), ...more?.(row) },
        },
      ],
      ...told.mesh,
    }),
    manifests: (row) => [
      ...row.service({ suffix: "spans", port: row.ports(2), portName, to: [] }),
      endpointSlice(row.named("spans"), {
        service: row.named("spans").name,
        portName,
        address: "127.0.0.1",
        port: row.ports(1),
      }),
      telemetry({ namespace: "istio-system", name: row.slug }, { tracing }),
    ],
  };
}

const spansOf = ({ spans }: Collector, app: string): readonly SeenSpan[] =>
  spans.filter(({ service }) => service.startsWith(app));

/** Sends until both proxies' spans of one trace came: theirs, in this order. */
async function oneTrace(
  row: FeatureContext,
  collector: Collector,
  asked: Parameters<FeatureContext["ask"]>[0] = {},
): Promise<readonly [SeenSpan, SeenSpan]> {
  let found: readonly [SeenSpan, SeenSpan] | undefined;
  await row.eventually(async () => {
    await row.sendMany(6, asked);
    for (const client of spansOf(collector, "frontend")) {
      const server = spansOf(collector, "reviews").find((span) => span.trace === client.trace);
      if (server !== undefined) found = [client, server];
    }
    assert.ok(found, `${collector.calls.length} calls, ${collector.spans.length} spans`);
  });
  assert.ok(found);
  return found;
}

/** Asked so by its client, a request is traced whatever chance says. */
const forced = {
  headers: {
    "x-b3-sampled": "1",
    "x-b3-traceid": "463ac35c9f6413ad48485a3953bb6124",
    "x-b3-spanid": "a2fb4a1d1a96d312",
  },
};

const zipkinRows: readonly Feature[] = [
  {
    name: "a request through two proxies is one trace at Zipkin, in Istio's words",
    fields: [...located("zipkin"), "MeshConfig.defaultProviders.tracing", "Telemetry.tracing.randomSamplingPercentage"],
    ...traced(),
    check: async (row) => {
      await using collector = await zipkinCollector(row.ports(1));
      const [client, server] = await oneTrace(row, collector);
      assert.deepEqual([client.kind, server.kind], ["client", "server"]);
      assert.equal(server.parent, client.id, "the server's span is a child of its client's");
      assert.match(client.trace, /^[0-9a-f]{32}$/);
      assert.equal(client.name, `${row.host}:${row.port}/*`);
      const { tags } = server;
      assert.deepEqual(
        [
          tags["istio.namespace"],
          tags["istio.canonical_service"],
          tags["istio.canonical_revision"],
          tags["istio.cluster_id"],
          tags["istio.mesh_id"],
        ],
        [row.namespace, "reviews", "v1", "Kubernetes", "unknown"],
      );
      assert.equal(collector.calls[0]?.path, "/api/v2/spans");
    },
  },
  {
    name: "where nothing is chosen by chance, what a client wants traced is",
    fields: ["Telemetry.tracing.randomSamplingPercentage"],
    ...traced({ tracing: [{ randomSamplingPercentage: 0 }] }),
    check: async (row) => {
      await using collector = await zipkinCollector(row.ports(1));
      await row.sendMany(12);
      const [client] = await oneTrace(row, collector, forced);
      assert.equal(client.trace, forced.headers["x-b3-traceid"]);
      assert.deepEqual([...new Set(collector.spans.map(({ trace }) => trace))], [client.trace], "and nothing else");
    },
  },
  {
    name: "defaultConfig.tracing says how many requests are traced where no rule does",
    fields: ["MeshConfig.defaultConfig.tracing.sampling", "MeshConfig.defaultConfig.tracing.maxPathTagLength"],
    ...traced({ tracing: [{}], mesh: { defaultConfig: { tracing: { sampling: 100, maxPathTagLength: 4 } } } }),
    check: async (row) => {
      await using collector = await zipkinCollector(row.ports(1));
      const [client] = await oneTrace(row, collector, "/a/long/path");
      assert.match(client.tags["http.url"] ?? "", /\/a\/l$/);
    },
  },
  {
    name: "custom tags: a literal, a variable, a header and a format",
    fields: [
      "Telemetry.tracing.customTags.literal.value",
      "Telemetry.tracing.customTags.environment.name",
      "Telemetry.tracing.customTags.environment.defaultValue",
      "Telemetry.tracing.customTags.header.name",
      "Telemetry.tracing.customTags.header.defaultValue",
      "Telemetry.tracing.customTags.formatter.value",
      "Telemetry.tracing.enableIstioTags",
    ],
    ...traced({
      tracing: [
        {
          randomSamplingPercentage: 100,
          enableIstioTags: false,
          customTags: {
            stage: { literal: { value: "test" } },
            zone: { environment: { name: "LATEEN_HAS_NO_SUCH", defaultValue: "nowhere" } },
            tenant: { header: { name: "x-tenant" } },
            user: { header: { name: "x-user", defaultValue: "nobody" } },
            spoken: { formatter: { value: "%PROTOCOL%" } },
          },
        },
      ],
    }),
    check: async (row) => {
      await using collector = await zipkinCollector(row.ports(1));
      const [{ tags }] = await oneTrace(row, collector, { headers: { "x-tenant": "blue" } });
      const { stage, zone, tenant, user, spoken } = tags;
      assert.deepEqual([stage, zone, tenant, user, spoken], ["test", "nowhere", "blue", "nobody", "HTTP/1.1"]);
      assert.deepEqual(
        Object.keys(tags).filter((name) => name.startsWith("istio.")),
        [],
      );
    },
  },
  {
    name: "disableSpanReporting for calls that go out leaves those that come in",
    fields: ["Telemetry.tracing.disableSpanReporting", "Telemetry.tracing.match.mode"],
    ...traced({ tracing: [...everything, { match: { mode: "CLIENT" }, disableSpanReporting: true }] }),
    check: async (row) => {
      await using collector = await zipkinCollector(row.ports(1));
      await row.eventually(async () => {
        await row.sendMany(6);
        assert.ok(spansOf(collector, "reviews").length >= 6);
      });
      assert.deepEqual(spansOf(collector, "frontend"), []);
    },
  },
  {
    name: "a rule names another provider than the mesh's",
    fields: ["Telemetry.tracing.providers.name"],
    ...traced({
      tracing: [{ randomSamplingPercentage: 100, providers: [{ name: "spans" }] }],
      mesh: { defaultProviders: {} },
    }),
    check: async (row) => {
      await using collector = await zipkinCollector(row.ports(1));
      await oneTrace(row, collector);
    },
  },
  {
    name: "Zipkin's path, headers, short ids, W3C headers and a shorter tag",
    fields: [
      "path",
      "headers.name",
      "headers.value",
      "enable64bitTraceId",
      "traceContextOption",
      "maxTagLength",
      "timeout",
    ].map((field) => provider("zipkin", field)),
    ...traced({
      more: () => ({
        path: "/take",
        headers: [{ name: "x-tenant", value: "blue" }],
        enable64bitTraceId: true,
        traceContextOption: "USE_B3_WITH_W3C_PROPAGATION",
        maxTagLength: 3,
        timeout: "2s",
      }),
    }),
    check: async (row) => {
      await using collector = await zipkinCollector(row.ports(1));
      const [client] = await oneTrace(row, collector, "/long");
      assert.match(client.trace, /^(0{16})?[0-9a-f]{16}$/);
      assert.match(client.tags["http.url"] ?? "", /\/lo$/);
      const [call] = collector.calls;
      assert.deepEqual([call?.path, call?.headers["x-tenant"]], ["/take", "blue"]);
      await row.eventually(async () => {
        const { headers } = await row.answer();
        assert.ok(headers["x-b3-traceid"] && headers["traceparent"], JSON.stringify(headers));
      });
    },
  },
  {
    name: "disableContextPropagation keeps a trace from servers",
    fields: ["Telemetry.tracing.disableContextPropagation"],
    ...traced({ tracing: [{ randomSamplingPercentage: 100, disableContextPropagation: true }] }),
    check: async (row) => {
      await using collector = await zipkinCollector(row.ports(1));
      await row.eventually(async () => {
        await row.sendMany(6);
        assert.ok(spansOf(collector, "frontend").length > 0 && spansOf(collector, "reviews").length > 0);
      });
      const traces = new Set(spansOf(collector, "frontend").map(({ trace }) => trace));
      assert.deepEqual(
        spansOf(collector, "reviews").filter(({ trace }) => traces.has(trace)),
        [],
      );
      // A connection from before, to the other proxy, knows the old configuration for as long as it drains.
      await row.eventually(async () => assert.equal((await row.answer()).headers["x-b3-traceid"], undefined));
    },
  },
  {
    name: "what an id of a request says of its trace may be left unread",
    fields: ["Telemetry.tracing.useRequestIdForTraceSampling"],
    ...traced({ tracing: [{ randomSamplingPercentage: 100, useRequestIdForTraceSampling: false }] }),
    check: async (row) => {
      await using collector = await zipkinCollector(row.ports(1));
      // Of an id that is not in Envoy's form it cannot tell, and does not trace.
      const [client] = await oneTrace(row, collector, { headers: { "x-request-id": "mine" } });
      assert.equal(client.tags["guid:x-request-id"], "mine");
    },
  },
];

const otherRows: readonly Feature[] = [
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

/** Who hears of requests, and what: spans. */
export const tracingRows: readonly Feature[] = [...zipkinRows, ...otherRows, ...bootstrapRows];
