import assert from "node:assert/strict";
import { endpointSlice, namespacesMissing, service } from "@lateen/e2e-harness";
import { directResponse, envoyFilter, luaOnResponse } from "./envoy-filter.ts";
import type { Feature, FeatureContext } from "./feature.ts";
import { at, policy, versions } from "./traffic-policy-parts.ts";

const chainMatch = "EnvoyFilter.configPatches.match.listener.filterChain";
const missing = await namespacesMissing();

/** A header of the row's own on what the application answers: all rows are live on the same listener. */
function headerOf(row: FeatureContext): string {
  return `x-${row.slug}`;
}

/** Marks answers that go through the chains of reviews' sidecar that `filterChain` picks. */
function marking(row: FeatureContext, filterChain: object, value = "picked"): object {
  const mark = luaOnResponse(`${row.slug}.${value}`, `handle:headers():add("${headerOf(row)}", "${value}")`);
  return {
    applyTo: "HTTP_FILTER",
    match: { context: "SIDECAR_INBOUND", listener: { filterChain } },
    patch: { operation: "INSERT_FIRST", value: mark },
  };
}

/** One Service that is called with mutual TLS, and one without. */
function bothWays(row: FeatureContext, ...patches: readonly object[]): readonly object[] {
  return [
    ...["secure", "open"].flatMap((suffix) => row.service({ suffix, to: versions(row, "v1") })),
    policy(row, { tls: { mode: "DISABLE" } }, "open"),
    envoyFilter(row, patches, { workloadSelector: { labels: { app: "reviews" } } }),
  ];
}

async function marksOf(row: FeatureContext): Promise<readonly unknown[]> {
  const marks: unknown[] = [];
  for (const suffix of ["secure", "open"]) {
    const { status, headers } = await row.ask(at(row, suffix));
    assert.equal(status, 200);
    marks.push(headers[headerOf(row)]);
  }
  return marks;
}

/** A Service with one port of the row's own pod. */
function ofPod(row: FeatureContext, name: string, port: number): readonly object[] {
  const metadata = row.named(name);
  const clusterIp = `10.251.1.${name === "one" ? 1 : 2}`;
  return [
    service(metadata, { clusterIp, app: "none", port }),
    endpointSlice(metadata, { service: metadata.name, portName: "http", address: row.podLink(0).address, port }),
  ];
}

const bootstrapRow: Feature = {
  name: "a patch of the bootstrap is in what a proxy starts with, before any configuration",
  fields: ["EnvoyFilter.configPatches.applyTo"],
  service: false,
  manifests: (row) => {
    const listener = (index: number, text: string): object => ({
      name: `${row.slug}-${index}`,
      address: { socket_address: { address: row.address(1), port_value: row.ports(index) } },
      filter_chains: [{ filters: [directResponse(text)] }],
    });
    const patched = (value: object): object => ({ applyTo: "BOOTSTRAP", patch: { operation: "MERGE", value } });
    const ofReviews = { workloadSelector: { labels: { app: "reviews" } } };
    return [
      envoyFilter(
        row,
        [
          patched({ static_resources: { listeners: [listener(0, "from the start")] } }),
          patched({ static_resources: { clusters: [{ name: "bad", type: "EDS", connect_timeout: "1s" }] } }),
        ],
        ofReviews,
      ),
      envoyFilter(
        row,
        [patched({ static_resources: { listeners: [listener(1, "this one, too")] } })],
        ofReviews,
        "two",
      ),
    ];
  },
  check: async (row) => {
    const at = (index: number): Promise<string> => row.talk({ address: row.address(1), port: row.ports(index) });
    assert.deepEqual([await at(0), await at(1)], ["from the start", "this one, too"]);
    assert.match(row.proxy("reviews").output, /filter#1"\].*cannot create an EDS cluster/, "what is wrong is named");
    assert.doesNotMatch(await row.proxy("frontend").admin.get("/listeners"), new RegExp(row.slug));
  },
};

/** Chains of the listener that takes calls to an application, one for each way in; and what an agent starts with. */
export const envoyFilterInboundRows: readonly Feature[] = [
  bootstrapRow,
  {
    name: "a transport protocol picks the chains for calls without TLS",
    fields: [`${chainMatch}.transportProtocol`],
    service: false,
    manifests: (row) => bothWays(row, marking(row, { transportProtocol: "raw_buffer" })),
    check: async (row) => assert.deepEqual(await marksOf(row), [undefined, "picked"]),
  },
  {
    name: "application protocols pick the chains that have all of them",
    fields: [`${chainMatch}.applicationProtocols`],
    service: false,
    manifests: (row) =>
      bothWays(
        row,
        marking(row, { applicationProtocols: "istio-h2,istio-http/1.1" }),
        marking(row, { applicationProtocols: "istio-h2,of-nobody" }, "wrong"),
      ),
    check: async (row) => assert.deepEqual(await marksOf(row), ["picked", undefined]),
  },
  {
    name: "a transport socket picks the chains that end TLS",
    fields: [`${chainMatch}.transportSocket`],
    service: false,
    manifests: (row) => bothWays(row, marking(row, { transportSocket: "envoy.transport_sockets.tls" })),
    check: async (row) => assert.deepEqual(await marksOf(row), ["picked", undefined]),
  },
  {
    name: "a filter chain is picked by its name",
    fields: [`${chainMatch}.name`],
    service: false,
    manifests: (row) => {
      const { address, port } = row.workload("reviews");
      return bothWays(
        row,
        marking(row, { name: `${address}_${port}` }),
        marking(row, { name: `${address}_${port + 1}` }, "wrong"),
      );
    },
    check: async (row) => assert.deepEqual(await marksOf(row), ["picked", "picked"]),
  },
  {
    name: "a destination port picks chains of the listener that takes all ports",
    fields: [`${chainMatch}.destinationPort`],
    service: false,
    ...(missing !== undefined && { skip: missing }),
    manifests: (row) => [
      ...ofPod(row, "one", row.ports(1)),
      ...ofPod(row, "two", row.ports(2)),
      envoyFilter(row, [marking(row, { destinationPort: row.ports(1) })], {
        workloadSelector: { labels: { row: row.slug } },
      }),
    ],
    check: async (row) => {
      const { address } = row.podLink(0);
      await using pod = await row.startPod({ labels: { row: row.slug } });
      for (const index of [1, 2]) await pod.serve({ name: `app-${index}`, port: row.ports(index) });
      const markAt = async (port: number): Promise<unknown> => {
        const { status, headers } = await row.ask({ address, port, host: "app", timeoutMs: 5_000 });
        assert.equal(status, 200);
        return headers[headerOf(row)];
      };
      await row.eventually(async () => {
        assert.deepEqual([await markAt(row.ports(1)), await markAt(row.ports(2))], ["picked", undefined]);
      });
    },
  },
];
