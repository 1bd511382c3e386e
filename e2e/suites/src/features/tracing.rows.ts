import assert from "node:assert/strict";
import type { Feature, FeatureMeshSpec } from "./feature.ts";
import { zipkinCollector } from "./span-collectors.ts";
import { everything, located, oneTrace, provider, spansOf, traced } from "./traced.ts";
import { bootstrapRows } from "./tracing-bootstrap.rows.ts";
import { otherCollectorRows } from "./tracing-collectors.rows.ts";

/** Requests go through two proxies: that of the frontend and that of reviews. */
export const tracingMesh: FeatureMeshSpec = {
  workloads: [
    { app: "frontend", mutualTls: false },
    { app: "reviews", mutualTls: false },
  ],
  env: { LATEEN_ROW_TOKEN: "from pilot" },
};

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
    fields: ["Telemetry.tracing.providers.name", "MeshConfig.extensionProviders.name"],
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

/** Who hears of requests, and what: spans. */
export const tracingRows: readonly Feature[] = [...zipkinRows, ...otherCollectorRows, ...bootstrapRows];
