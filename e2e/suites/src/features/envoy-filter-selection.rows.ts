import assert from "node:assert/strict";
import { authorizationPolicy } from "@lateen/e2e-harness";
import { askOwn, envoyFilter, marker, onOwnPort, ownHost, ownService } from "./envoy-filter.ts";
import type { Feature, FeatureContext } from "./feature.ts";
import { ownProxy, through } from "./own-proxy.ts";
import { attachedRow, checkAttached, target } from "./target-refs.ts";

const patches = "EnvoyFilter.configPatches";
const router = "envoy.filters.http.router";

/** The row's own port, for proxies that `match` is for. */
function marked(row: FeatureContext, value: string, proxy?: object): object {
  const patch = onOwnPort(row, { operation: "INSERT_BEFORE", value: marker(value) }, router) as { match: object };
  return proxy === undefined ? patch : { ...patch, match: { ...patch.match, proxy } };
}

async function marksOf(row: FeatureContext, proxy: { readonly address: string }): Promise<string | undefined> {
  const { headers } = await through(row, proxy, { port: row.ports(0), host: ownHost(row) });
  return headers["x-row"] as string | undefined;
}

function denial(row: FeatureContext, suffix: string, rule: object): object {
  const targetRefs = [suffix === "own" ? target(row) : target(row, suffix)];
  return authorizationPolicy(row.named(suffix), { action: "DENY", targetRefs, rules: [rule] });
}

/** Policies are attached as EnvoyFilters are. */
const attached = attachedRow("EnvoyFilter", "targetRefs", (row, attachment, value) =>
  envoyFilter(
    row,
    [{ applyTo: "HTTP_FILTER", patch: { operation: "INSERT_FIRST", value: marker(value) } }],
    attachment,
    value,
  ),
);
const attachedFilterRow: Feature = {
  ...attached,
  manifests: (row) => [
    ...attached.manifests(row),
    denial(row, "own", { to: [{ operation: { paths: ["/denied"], ports: [String(row.ports(1))] } }] }),
    denial(row, "other", {}),
  ],
  check: (row) =>
    checkAttached(row, "attached", async (ask) => {
      assert.equal((await ask("/denied")).status, 403);
    }),
};

export const envoyFilterSelectionRows: readonly Feature[] = [
  attachedFilterRow,
  {
    name: "a priority decides which patch is applied first",
    fields: ["EnvoyFilter.priority"],
    service: false,
    manifests: (row) => [
      ...ownService(row),
      envoyFilter(row, [marked(row, "third")], { priority: 20 }, "a"),
      envoyFilter(row, [marked(row, "second")], {}, "b"),
      envoyFilter(row, [marked(row, "first")], { priority: -20 }, "c"),
    ],
    // Each goes before the router, behind the ones before it; a response passes them backwards.
    check: async (row) => assert.equal((await askOwn(row)).headers["x-row"], "third, second, first"),
  },
  {
    name: "the root namespace's patches come before the namespace's",
    fields: ["EnvoyFilter.priority"],
    service: false,
    manifests: (row) => [
      ...ownService(row),
      envoyFilter(row, [marked(row, "own")], {}, "a"),
      {
        ...envoyFilter(row, [marked(row, "root")], {}, "b"),
        metadata: row.named("b", "istio-system"),
      },
    ],
    check: async (row) => assert.equal((await askOwn(row)).headers["x-row"], "own, root"),
  },
  {
    name: "a workload selector picks the proxies",
    fields: ["EnvoyFilter.workloadSelector.labels"],
    service: false,
    manifests: (row) => [
      ...ownService(row),
      envoyFilter(row, [marked(row, "picked")], { workloadSelector: { labels: { row: row.slug } } }),
    ],
    check: async (row) => {
      await using proxy = await ownProxy(row);
      assert.equal(await marksOf(row, proxy), "picked");
      assert.equal((await askOwn(row)).headers["x-row"], undefined);
    },
  },
  {
    name: "a patch is for proxies with some metadata",
    fields: [`${patches}.match.proxy.metadata`],
    service: false,
    manifests: (row) => [
      ...ownService(row),
      envoyFilter(row, [marked(row, "beta", { metadata: { RELEASE: "beta" } })]),
    ],
    check: async (row) => {
      await using proxy = await ownProxy(row, { metadata: { RELEASE: "beta" } });
      assert.equal(await marksOf(row, proxy), "beta");
      assert.equal((await askOwn(row)).headers["x-row"], undefined);
    },
  },
  {
    name: "a patch is for some versions of the proxy",
    fields: [`${patches}.match.proxy.proxyVersion`],
    service: false,
    manifests: (row) => [
      ...ownService(row),
      envoyFilter(row, [
        marked(row, "old", { proxyVersion: "^1\\.2.*" }),
        marked(row, "new", { proxyVersion: "^1\\.3[0-9].*" }),
      ]),
    ],
    check: async (row) => assert.equal((await askOwn(row)).headers["x-row"], "new"),
  },
  {
    name: "a patch for gateways leaves sidecars alone",
    fields: [`${patches}.match.context`, `${patches}.match.routeConfiguration.vhost.name`],
    manifests: (row) => {
      const value = { response_headers_to_add: [{ header: { key: "x-row", value: "gateway" } }] };
      const forHost = (host: string): object => ({
        applyTo: "VIRTUAL_HOST",
        match: { context: "GATEWAY", routeConfiguration: { vhost: { domainName: host } } },
        patch: { operation: "MERGE", value },
      });
      return [
        row.virtualService({ hosts: [row.publicHost], gateways: ["edge"], http: [{ route: [row.to()] }] }),
        envoyFilter(row, [forHost(row.publicHost), forHost(row.host)]),
      ];
    },
    check: async (row) => {
      assert.equal((await row.askGateway()).headers["x-row"], "gateway");
      assert.equal((await row.ask()).headers["x-row"], undefined);
    },
  },
  {
    name: "a patch of calls that come in is for the inbound side",
    fields: [`${patches}.match.context`],
    service: false,
    manifests: (row) => {
      const to = { address: row.address(3), port: row.workload("frontend").port };
      const workload = { ...row.workload("frontend"), ...to, pod: `${row.slug}-1` };
      const insert = { operation: "INSERT_FIRST", value: marker("inbound") };
      const labels = { row: row.slug };
      return [
        ...row.service({ suffix: "own", port: row.ports(0), to: [workload], more: { selector: labels } }),
        envoyFilter(row, [{ applyTo: "HTTP_FILTER", match: { context: "SIDECAR_INBOUND" }, patch: insert }], {
          workloadSelector: { labels },
        }),
      ];
    },
    check: async (row) => {
      await using proxy = await ownProxy(row, { address: row.address(3) });
      const port = row.workload("frontend").port;
      const asked = { port, host: ownHost(row) };
      await row.eventually(async () => (await through(row, proxy, asked)).headers["x-row"] === "inbound");
    },
  },
];
