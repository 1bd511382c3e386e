import assert from "node:assert/strict";
import {
  askOwn,
  directResponse,
  envoyFilter,
  luaOnResponse,
  manager,
  marker,
  onOwnPort,
  ownService,
  types,
} from "./envoy-filter.ts";
import type { Feature, FeatureContext } from "./feature.ts";

const patches = "EnvoyFilter.configPatches";
const router = "envoy.filters.http.router";
const filterMatch = [
  `${patches}.applyTo`,
  `${patches}.match.context`,
  `${patches}.match.listener.portNumber`,
  `${patches}.match.listener.filterChain.filter.name`,
  `${patches}.patch.operation`,
  `${patches}.patch.value`,
];

/** Of TCP: the listener of the row's own port. */
function onOwnListener(row: FeatureContext, applyTo: string, patch: object, more: object = {}): object {
  return { applyTo, match: { context: "SIDECAR_OUTBOUND", listener: { portNumber: row.ports(0), ...more } }, patch };
}

function talkOwn(row: FeatureContext, payload = "hello"): Promise<string> {
  return row.talk({ address: row.address(9), port: row.ports(0), payload });
}

/** A listener of the row's own at the frontend, which answers everything with `text`. */
function answering(row: FeatureContext, text: string): object {
  const socket_address = { address: "127.0.0.1", port_value: row.ports(1) };
  return { name: row.slug, address: { socket_address }, filter_chains: [{ filters: [directResponse(text)] }] };
}

export const envoyFilterListenerRows: readonly Feature[] = [
  {
    name: "an HTTP filter goes before the router",
    fields: [...filterMatch, `${patches}.match.listener.filterChain.filter.subFilter.name`],
    service: false,
    manifests: (row) => [
      ...ownService(row),
      envoyFilter(row, [onOwnPort(row, { operation: "INSERT_BEFORE", value: marker("before") }, router)]),
    ],
    check: async (row) => assert.equal((await askOwn(row)).headers["x-row"], "before"),
  },
  {
    name: "an HTTP filter that is only added works too, in front of the router",
    fields: [`${patches}.patch.operation`],
    service: false,
    manifests: (row) => [
      ...ownService(row),
      envoyFilter(row, [onOwnPort(row, { operation: "ADD", value: marker("added") })]),
    ],
    check: async (row) => assert.equal((await askOwn(row)).headers["x-row"], "added"),
  },
  {
    name: "a filter class puts an HTTP filter among those of the mesh",
    fields: [`${patches}.patch.filterClass`],
    service: false,
    manifests: (row) => [
      ...ownService(row),
      envoyFilter(row, [
        onOwnPort(row, { operation: "ADD", value: marker("near-the-router") }),
        onOwnPort(row, { operation: "ADD", filterClass: "AUTHN", value: marker("near-the-caller") }),
      ]),
    ],
    // A response passes the filters backwards.
    check: async (row) => assert.equal((await askOwn(row)).headers["x-row"], "near-the-router, near-the-caller"),
  },
  {
    name: "a removed HTTP filter does nothing more",
    fields: [`${patches}.patch.operation`],
    service: false,
    manifests: (row) => [
      ...ownService(row),
      row.virtualService({
        hosts: [`${row.slug}-own.${row.namespace}.svc.cluster.local`],
        http: [
          {
            fault: { abort: { httpStatus: 418, percentage: { value: 100 } } },
            route: [{ destination: { host: `${row.slug}-own.${row.namespace}.svc.cluster.local` } }],
          },
        ],
      }),
      envoyFilter(row, [onOwnPort(row, { operation: "REMOVE" }, "envoy.filters.http.fault")]),
    ],
    check: async (row) => assert.equal((await askOwn(row)).status, 200),
  },
  {
    name: "a replaced HTTP filter gives its place away",
    fields: [`${patches}.patch.operation`],
    service: false,
    manifests: (row) => [
      ...ownService(row),
      envoyFilter(row, [onOwnPort(row, { operation: "REPLACE", value: marker("instead") }, "envoy.filters.http.cors")]),
    ],
    check: async (row) => assert.equal((await askOwn(row)).headers["x-row"], "instead"),
  },
  {
    name: "a merged HTTP filter keeps the rest of its settings",
    fields: [`${patches}.patch.value`],
    service: false,
    manifests: (row) => {
      const config = {
        "@type": `${types}/envoy.extensions.filters.http.router.v3.Router`,
        suppress_envoy_headers: true,
      };
      return [
        ...ownService(row),
        envoyFilter(row, [onOwnPort(row, { operation: "MERGE", value: { typed_config: config } }, router)]),
      ];
    },
    check: async (row) => {
      const { status, headers } = await askOwn(row);
      assert.deepEqual([status, headers["x-envoy-upstream-service-time"]], [200, undefined]);
    },
  },
  {
    name: "the connection manager is merged by type",
    fields: [`${patches}.applyTo`],
    service: false,
    manifests: (row) => {
      const config = {
        "@type": `${types}/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
        server_name: row.slug,
      };
      const patch = { operation: "MERGE", value: { name: manager, typed_config: config } };
      const chain = { filterChain: { filter: { name: manager } } };
      return [...ownService(row), envoyFilter(row, [onOwnListener(row, "NETWORK_FILTER", patch, chain)])];
    },
    check: async (row) => assert.equal((await askOwn(row)).headers["server"], row.slug),
  },
  {
    name: "a network filter takes the place of the TCP proxy",
    fields: [`${patches}.match.listener.filterChain.filter.name`],
    service: false,
    manifests: (row) => [
      ...ownService(row, "tcp"),
      envoyFilter(row, [
        onOwnListener(
          row,
          "NETWORK_FILTER",
          { operation: "REPLACE", value: directResponse("replaced") },
          { filterChain: { filter: { name: "envoy.filters.network.tcp_proxy" } } },
        ),
      ]),
    ],
    check: async (row) => assert.equal(await talkOwn(row), "replaced"),
  },
  {
    name: "a filter chain of its own takes connections that match better",
    fields: [`${patches}.applyTo`],
    service: false,
    manifests: (row) => {
      const match = { source_prefix_ranges: [{ address_prefix: "127.0.0.0", prefix_len: 8 }] };
      const value = { name: "nearby", filter_chain_match: match, filters: [directResponse("from the chain")] };
      return [
        ...ownService(row, "tcp"),
        envoyFilter(row, [onOwnListener(row, "FILTER_CHAIN", { operation: "ADD", value })]),
      ];
    },
    check: async (row) => assert.equal(await talkOwn(row), "from the chain"),
  },
  {
    name: "a listener filter reads what comes before the bytes",
    fields: [`${patches}.match.listener`],
    service: false,
    manifests: (row) => {
      const typed_config = { "@type": `${types}/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol` };
      const value = { name: "envoy.filters.listener.proxy_protocol", typed_config };
      return [
        ...ownService(row, "tcp"),
        envoyFilter(row, [onOwnListener(row, "LISTENER_FILTER", { operation: "INSERT_FIRST", value })]),
      ];
    },
    check: async (row) =>
      assert.equal(await talkOwn(row, "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nhello"), "reviews-v1:hello"),
  },
  {
    name: "a listener filter is removed by its name, and another is not",
    fields: [`${patches}.match.listener.listenerFilter`],
    service: false,
    manifests: (row) => {
      const typed_config = { "@type": `${types}/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol` };
      const value = { name: "envoy.filters.listener.proxy_protocol", typed_config };
      const patched = (index: number, patch: object, more: object = {}): object => ({
        applyTo: "LISTENER_FILTER",
        match: { context: "SIDECAR_OUTBOUND", listener: { portNumber: row.ports(index), ...more } },
        patch,
      });
      const insert = { operation: "INSERT_FIRST", value };
      const remove = { operation: "REMOVE" };
      return [
        ...ownService(row, "tcp"),
        ...row.service({
          ...{ suffix: "kept", port: row.ports(1), portName: "tcp", clusterIp: row.address(8) },
          to: [row.workload("reviews", "v1")],
        }),
        envoyFilter(row, [
          patched(0, insert),
          patched(1, insert),
          patched(0, remove, { listenerFilter: value.name }),
          patched(1, remove, { listenerFilter: "envoy.filters.listener.other" }),
        ]),
      ];
    },
    check: async (row) => {
      const kept = {
        address: row.address(8),
        port: row.ports(1),
        payload: "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nhello",
      };
      assert.equal(await talkOwn(row), "reviews-v1:hello");
      assert.equal(await row.talk(kept), "reviews-v1:hello");
    },
  },
  {
    name: "a listener's port name is warned of and picks nothing",
    fields: [`${patches}.match.listener.portName`],
    service: false,
    complains: /portName.*portNumber/,
    manifests: (row) => {
      const match = { context: "SIDECAR_OUTBOUND", listener: { portNumber: row.ports(0), portName: "of-nobody" } };
      const patch = { operation: "INSERT_FIRST", value: marker("whatever-its-name") };
      return [...ownService(row), envoyFilter(row, [{ applyTo: "HTTP_FILTER", match, patch }])];
    },
    check: async (row) => assert.equal((await askOwn(row)).headers["x-row"], "whatever-its-name"),
  },
  {
    name: "a listener is added on a free port",
    fields: [`${patches}.applyTo`],
    service: false,
    manifests: (row) => [
      envoyFilter(
        row,
        [
          {
            applyTo: "LISTENER",
            match: { context: "SIDECAR_OUTBOUND" },
            patch: { operation: "ADD", value: answering(row, "new here") },
          },
        ],
        { workloadSelector: { labels: { app: "frontend" } } },
      ),
    ],
    check: async (row) => assert.equal(await row.talk({ address: "127.0.0.1", port: row.ports(1) }), "new here"),
  },
  {
    name: "a listener is removed by its name",
    fields: [`${patches}.match.listener.name`],
    service: false,
    manifests: (row) => {
      const name = `${row.address(9)}_${row.ports(0)}`;
      const match = { context: "SIDECAR_OUTBOUND", listener: { name } };
      return [
        ...ownService(row, "tcp"),
        envoyFilter(row, [{ applyTo: "LISTENER", match, patch: { operation: "REMOVE" } }]),
      ];
    },
    check: async (row) => assert.rejects(talkOwn(row)),
  },
  {
    name: "lists of a listener are appended to",
    fields: [`${patches}.patch.operation`],
    service: false,
    manifests: (row) => {
      const address = { socket_address: { address: row.address(1), port_value: row.ports(2) } };
      const patch = { operation: "MERGE", value: { additional_addresses: [{ address }] } };
      return [...ownService(row, "tcp"), envoyFilter(row, [onOwnListener(row, "LISTENER", patch)])];
    },
    check: async (row) =>
      assert.equal(await row.talk({ address: row.address(1), port: row.ports(2) }), "reviews-v1:hello"),
  },
  {
    name: "what a patch breaks is left out, and the others hold",
    fields: [`${patches}.patch`],
    service: false,
    manifests: (row) => [
      ...ownService(row),
      envoyFilter(row, [
        onOwnPort(row, { operation: "INSERT_BEFORE", value: marker("one") }, router),
        onOwnPort(row, { operation: "INSERT_AFTER", value: marker("behind-the-end") }, router),
        onOwnPort(
          row,
          { operation: "INSERT_BEFORE", value: luaOnResponse("two", 'handle:headers():add("x-two", "2")') },
          router,
        ),
      ]),
    ],
    check: async (row) => {
      const { headers } = await askOwn(row);
      assert.deepEqual([headers["x-row"], headers["x-two"]], ["one", "2"]);
      assert.match(await row.findings(), /configPatches\[1\] is left out: mark\.behind-the-end would come after/);
    },
  },
];
