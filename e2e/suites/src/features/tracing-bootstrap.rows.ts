import assert from "node:assert/strict";
import type { Feature } from "./feature.ts";
import { through } from "./own-proxy.ts";
import { zipkinCollector } from "./span-collectors.ts";

/** Tracers that a proxy has from its start. */
export const bootstrapRows: readonly Feature[] = [
  {
    name: "the tracer that a proxy was started with gets spans where no rule speaks of any",
    fields: [
      "MeshConfig.enableTracing",
      "MeshConfig.defaultConfig.tracing.zipkin.address",
      "MeshConfig.defaultConfig.tracing.customTags.literal.value",
      "MeshConfig.defaultConfig.tracing.customTags.header.name",
      "MeshConfig.defaultConfig.tracing.customTags.environment.name",
      "MeshConfig.defaultConfig.tracing.enableIstioTags",
      "MeshConfig.defaultConfig.tracingServiceName",
    ],
    manifests: () => [],
    check: async (row) => {
      await using collector = await zipkinCollector(row.ports(1));
      const tracing = {
        zipkin: { address: `localhost:${row.ports(1)}` },
        sampling: 100,
        enableIstioTags: false,
        customTags: {
          stage: { literal: { value: "test" } },
          tenant: { header: { name: "x-tenant" } },
          zone: { environment: { name: "LATEEN_HAS_NO_SUCH", defaultValue: "nowhere" } },
        },
      };
      const config = { tracing, tracingServiceName: "CANONICAL_NAME_AND_NAMESPACE" };
      await using agent = await row.startAgent({ pod: "traced-1", labels: { app: "traced" }, config });
      await row.eventually(async () => {
        for (let n = 0; n < 6; n++) await through(row, agent, { headers: { "x-tenant": "blue" } });
        assert.ok(collector.spans.length > 0);
      });
      const [span] = collector.spans;
      assert.equal(span?.service, `traced.${row.namespace}`);
      const { stage, tenant, zone, ...others } = span?.tags ?? {};
      assert.deepEqual([stage, tenant, zone, others["istio.namespace"]], ["test", "blue", "nowhere", undefined]);
    },
  },
  {
    name: "enableTracing false leaves the tracer that a proxy was started with alone",
    fields: ["MeshConfig.enableTracing"],
    alone: true,
    meshConfig: () => ({ enableTracing: false }),
    manifests: () => [],
    check: async (row) => {
      await using collector = await zipkinCollector(row.ports(1));
      const tracing = { zipkin: { address: `localhost:${row.ports(1)}` }, sampling: 100 };
      await using agent = await row.startAgent({ pod: "untraced-1", config: { tracing } });
      for (let n = 0; n < 20; n++) await through(row, agent);
      assert.deepEqual(collector.spans, []);
      assert.equal((await agent.admin.stats(/^tracing\.zipkin\.spans_sent$/)).get("tracing.zipkin.spans_sent") ?? 0, 0);
    },
  },
];
