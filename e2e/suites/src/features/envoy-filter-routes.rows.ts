import assert from "node:assert/strict";
import { askOwn, envoyFilter, ownHost, ownService } from "./envoy-filter.ts";
import type { Feature, FeatureContext } from "./feature.ts";

const patches = "EnvoyFilter.configPatches";
const routes = `${patches}.match.routeConfiguration`;

function header(value: string): object {
  return { response_headers_to_add: [{ header: { key: "x-row", value } }] };
}

function onRoutes(applyTo: string, match: object, patch: object): object {
  return { applyTo, match: { context: "SIDECAR_OUTBOUND", routeConfiguration: match }, patch };
}

function ownCluster(row: FeatureContext): object {
  return { service: ownHost(row), portNumber: row.ports(0) };
}

function onCluster(match: object, patch: object): object {
  return { applyTo: "CLUSTER", match: { context: "SIDECAR_OUTBOUND", cluster: match }, patch };
}

/** The virtual host of `row.host` in the table that all rows share. */
function vhost(row: FeatureContext, route?: object): object {
  return { vhost: { name: `${row.host}:${row.port}`, ...(route === undefined ? {} : { route }) } };
}

export const envoyFilterRouteRows: readonly Feature[] = [
  {
    name: "a route configuration is merged, picked by its port",
    fields: [`${routes}.portNumber`, `${patches}.applyTo`],
    service: false,
    manifests: (row) => [
      ...ownService(row),
      envoyFilter(row, [
        onRoutes("ROUTE_CONFIGURATION", { portNumber: row.ports(0) }, { operation: "MERGE", value: header("table") }),
      ]),
    ],
    check: async (row) => assert.equal((await askOwn(row)).headers["x-row"], "table"),
  },
  {
    name: "a virtual host is added to a route configuration by name",
    fields: [`${routes}.name`],
    service: false,
    manifests: (row) => {
      const reply = { match: { prefix: "/" }, direct_response: { status: 418, body: { inline_string: "added" } } };
      const value = { name: row.slug, domains: [`${row.slug}.added`], routes: [reply] };
      return [
        ...ownService(row),
        envoyFilter(row, [onRoutes("VIRTUAL_HOST", { name: String(row.ports(0)) }, { operation: "ADD", value })]),
      ];
    },
    check: async (row) => {
      const answer = await row.ask({ port: row.ports(0), host: `${row.slug}.added` });
      assert.deepEqual([answer.status, answer.body], [418, "added"]);
      assert.equal((await askOwn(row)).status, 200);
    },
  },
  {
    name: "a virtual host is merged, picked by one of its domains",
    fields: [`${routes}.vhost.domainName`],
    manifests: (row) => [
      envoyFilter(row, [
        onRoutes("VIRTUAL_HOST", { vhost: { domainName: row.host } }, { operation: "MERGE", value: header("host") }),
      ]),
    ],
    check: async (row) => assert.equal((await row.ask()).headers["x-row"], "host"),
  },
  {
    name: "a route's timeout is merged, picked by the route's name",
    fields: [`${routes}.vhost.name`, `${routes}.vhost.route.name`],
    manifests: (row) => [
      row.http(
        { name: "quick", match: [{ uri: { prefix: "/quick" } }], route: [row.to()] },
        { name: "slow", route: [row.to()] },
      ),
      envoyFilter(row, [
        onRoutes("HTTP_ROUTE", vhost(row, { name: "quick" }), {
          operation: "MERGE",
          value: { route: { timeout: "0.1s" } },
        }),
      ]),
    ],
    check: async (row) => {
      const delayed = (delayMs: number) => ({ headers: { "x-sample-delay": String(delayMs) } });
      assert.equal((await row.ask({ path: "/quick", ...delayed(30_000) })).status, 504);
      assert.equal((await row.ask({ path: "/", ...delayed(400) })).status, 200);
    },
  },
  {
    name: "a route goes before another",
    fields: [`${patches}.patch.operation`],
    manifests: (row) => [
      row.http({ name: "all", route: [row.to()] }),
      envoyFilter(row, [
        onRoutes("HTTP_ROUTE", vhost(row, { name: "all" }), {
          operation: "INSERT_BEFORE",
          value: { match: { path: "/teapot" }, direct_response: { status: 418 } },
        }),
      ]),
    ],
    check: async (row) =>
      assert.deepEqual([(await row.ask("/teapot")).status, (await row.ask("/")).status], [418, 200]),
  },
  {
    name: "a route is removed by what it does",
    fields: [`${routes}.vhost.route.action`],
    manifests: (row) => [
      row.http({ match: [{ uri: { prefix: "/old" } }], redirect: { uri: "/new" } }, { route: [row.to()] }),
      envoyFilter(row, [onRoutes("HTTP_ROUTE", vhost(row, { action: "REDIRECT" }), { operation: "REMOVE" })]),
    ],
    check: async (row) => assert.equal((await row.ask("/old")).status, 200),
  },
  {
    name: "limits of a cluster are replaced, not appended to",
    fields: [`${patches}.match.cluster.service`, `${patches}.match.cluster.portNumber`, `${patches}.patch.operation`],
    service: false,
    manifests: (row) => {
      const thresholds = [{ max_connections: 1, max_pending_requests: 1, max_requests: 1 }];
      const value = { circuit_breakers: { thresholds } };
      return [
        ...ownService(row),
        envoyFilter(row, [onCluster(ownCluster(row), { operation: "MERGE_AND_REPLACE_LIST", value })]),
      ];
    },
    check: async (row) => {
      const delayed = { headers: { "x-sample-delay": "2000" }, port: row.ports(0), host: ownHost(row) };
      const answers = await row.sendMany(12, delayed);
      assert.ok(
        answers.some(({ headers }) => headers["x-envoy-overloaded"] === "true"),
        "nothing was turned away",
      );
    },
  },
  {
    name: "a cluster is added, and a route leads to it",
    fields: [`${patches}.applyTo`],
    manifests: (row) => {
      const { address, port } = row.workload("reviews", "v3");
      const endpoint = { address: { socket_address: { address, port_value: port } } };
      const endpoints = [{ lb_endpoints: [{ endpoint }] }];
      const added = {
        name: row.slug,
        type: "STATIC",
        connect_timeout: "1s",
        load_assignment: { cluster_name: row.slug, endpoints },
      };
      return [
        row.http({ name: "all", route: [row.to()] }),
        envoyFilter(row, [
          { applyTo: "CLUSTER", match: { context: "SIDECAR_OUTBOUND" }, patch: { operation: "ADD", value: added } },
          onRoutes("HTTP_ROUTE", vhost(row, { name: "all" }), {
            operation: "MERGE",
            value: { route: { cluster: row.slug } },
          }),
        ]),
      ];
    },
    check: async (row) => assert.deepEqual(await row.split(9), { v3: 9 }),
  },
  {
    name: "a cluster is removed by its subset",
    fields: [`${patches}.match.cluster.subset`],
    manifests: (row) => [
      row.subsets(),
      row.http({ match: [{ uri: { prefix: "/gone" } }], route: [row.to("v2")] }, { route: [row.to("v1")] }),
      envoyFilter(row, [onCluster({ service: row.host, subset: "v2" }, { operation: "REMOVE" })]),
    ],
    check: async (row) => assert.deepEqual([(await row.ask("/gone")).status, (await row.ask("/")).status], [503, 200]),
  },
  {
    name: "a cluster is merged by its name",
    fields: [`${patches}.match.cluster.name`],
    manifests: (row) => [
      envoyFilter(row, [
        onCluster(
          { name: `outbound|${row.port}||${row.host}` },
          { operation: "MERGE", value: { alt_stat_name: row.slug } },
        ),
      ]),
    ],
    check: async (row) => {
      await row.answer();
      assert.ok(
        (await row.proxy().admin.get(`/stats?filter=cluster.${row.slug}.upstream_rq_total`)).includes(row.slug),
      );
    },
  },
];
