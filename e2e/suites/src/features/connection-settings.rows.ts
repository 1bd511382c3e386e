import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { envoyFilter, manager, types } from "./envoy-filter.ts";
import type { Feature, FeatureContext } from "./feature.ts";

const field = (name: string): string => `MeshConfig.defaultConfig.connectionSettings.${name}`;

/** A row under connection settings of its own, for every proxy of the suite at once. */
const under = (
  connectionSettings: object,
  row: Pick<Feature, "name" | "fields" | "check"> & Partial<Feature>,
): Feature => ({
  alone: true,
  meshConfig: () => ({ defaultConfig: { connectionSettings } }),
  manifests: (one) => [
    one.virtualService({ hosts: [one.publicHost], gateways: ["edge"], http: [{ route: [one.to()] }] }),
  ],
  ...row,
});

const odd = { x_odd: "1" };

const readingRows: readonly Feature[] = [
  under(
    { profile: "EDGE" },
    {
      name: "at the edge a gateway refuses odd headers and mends odd paths, a sidecar does not",
      fields: [field("profile")],
      check: async (row) => {
        await row.eventually(async () => assert.equal((await row.askGateway({ headers: odd })).status, 400));
        assert.equal((await row.askGateway({ path: "/a%2Fb" })).status, 307);
        assert.equal((await row.answerOfGateway({ path: "/a//b" })).path, "/a/b");
        assert.equal((await row.answer({ path: "/a//b", headers: odd })).path, "/a//b");
      },
    },
  ),
  under(
    {
      ...{ httpHeadersWithUnderscoresAction: "HEADERS_WITH_UNDERSCORES_DROP_HEADER", httpMergeSlashes: true },
      httpPathWithEscapedSlashesAction: "REJECT_REQUEST",
    },
    {
      name: "proxies do with odd headers and paths what the mesh says",
      fields: ["httpHeadersWithUnderscoresAction", "httpMergeSlashes", "httpPathWithEscapedSlashesAction"].map(field),
      check: async (row) => {
        await row.eventually(async () => assert.equal((await row.ask({ path: "/a%2Fb" })).status, 400));
        const { path, headers } = await row.answer({ path: "/a//b", headers: odd });
        assert.deepEqual([path, headers["x_odd"]], ["/a/b", undefined]);
      },
    },
  ),
  under(
    { listenerPerConnectionBufferLimitBytes: 20_000, clusterPerConnectionBufferLimitBytes: 12_345 },
    {
      name: "a proxy holds no more of a connection than the mesh says",
      fields: [field("listenerPerConnectionBufferLimitBytes"), field("clusterPerConnectionBufferLimitBytes")],
      manifests: (row) => [envoyFilter(row, [holding], {})],
      check: async (row) => {
        const sized = (bytes: number) => row.ask({ method: "POST", body: "x".repeat(bytes) });
        await row.eventually(async () => assert.equal((await sized(200_000)).status, 413));
        assert.equal((await sized(5_000)).status, 200);
        assert.match(await row.proxy().admin.configDump(), /"per_connection_buffer_limit_bytes": 12345/);
      },
    },
  ),
];

/** All of a body is held before any of it goes on. */
const holding = {
  applyTo: "HTTP_FILTER",
  match: {
    context: "SIDECAR_OUTBOUND",
    listener: { filterChain: { filter: { name: manager, subFilter: { name: "envoy.filters.http.router" } } } },
  },
  patch: {
    operation: "INSERT_BEFORE",
    value: {
      name: "row.holding",
      typed_config: {
        "@type": `${types}/envoy.extensions.filters.http.lua.v3.Lua`,
        default_source_code: { inline_string: "function envoy_on_request(handle) handle:body() end" },
      },
    },
  },
};

/** Bytes to the frontend's proxy, and all that comes back until it closes; and how long that was. */
async function untilClosed(row: FeatureContext, text: string): Promise<{ received: string; ms: number }> {
  const started = performance.now();
  const socket = connect({ host: row.proxy().address, port: row.port });
  let received = "";
  socket.on("data", (bytes) => {
    received += String(bytes);
  });
  socket.on("error", () => undefined);
  socket.write(text);
  await once(socket, "close", { signal: AbortSignal.timeout(60_000) });
  return { received, ms: performance.now() - started };
}

const request = (row: FeatureContext, more = ""): string => `GET / HTTP/1.1\r\nHost: ${row.host}\r\n${more}\r\n`;

const timeRows: readonly Feature[] = [
  under(
    { httpRequestHeadersTimeout: "0.5s", httpRequestTimeout: "1s" },
    {
      name: "a client that is slow to ask is told so in the mesh's time",
      fields: [field("httpRequestHeadersTimeout"), field("httpRequestTimeout")],
      check: async (row) => {
        const halfHeaders = `GET / HTTP/1.1\r\nHost: ${row.host}\r\n`;
        const { received } = await untilClosed(row, halfHeaders);
        assert.match(received, /^HTTP\/1\.1 408/);
        const halfBody = await untilClosed(row, request(row, "Content-Length: 10\r\nx-sample-delay: 20000\r\n"));
        assert.match(halfBody.received, /^HTTP\/1\.1 408/);
      },
    },
  ),
  under(
    { httpStreamIdleTimeout: "1s" },
    {
      name: "a request on which nothing happens ends in the mesh's time",
      fields: [field("httpStreamIdleTimeout")],
      check: async (row) => {
        await row.eventually(async () => {
          const { status, body } = await row.ask({ headers: { "x-sample-delay": "20000" } });
          assert.deepEqual([status, body], [504, "stream timeout"]);
        });
      },
    },
  ),
  under(
    { httpMaxStreamDuration: "1s" },
    {
      name: "a request may take as long as the mesh says",
      fields: [field("httpMaxStreamDuration")],
      check: async (row) => {
        await row.eventually(async () => {
          const { status } = await row.ask({ headers: { "x-sample-delay": "20000" } });
          assert.ok(status === 408 || status === 504, `${status}`);
        });
      },
    },
  ),
  under(
    { httpIdleTimeout: "1s" },
    {
      name: "a connection without requests is closed in the mesh's time",
      fields: [field("httpIdleTimeout")],
      check: async (row) => assert.match((await untilClosed(row, request(row))).received, /^HTTP\/1\.1 200/),
    },
  ),
  under(
    { httpMaxConnectionDuration: "1s", httpDrainTimeout: "10s" },
    {
      name: "a connection ends when the mesh says, and its client has time to leave",
      fields: [field("httpMaxConnectionDuration"), field("httpDrainTimeout")],
      check: async (row) => {
        const { received, ms } = await untilClosed(row, request(row));
        assert.match(received, /^HTTP\/1\.1 200/);
        assert.ok(ms > 9_000, `closed after ${ms} ms`);
      },
    },
  ),
  under(
    { httpMaxConcurrentStreams: 7, http2InitialStreamWindowSize: 70_000, http2InitialConnectionWindowSize: 140_000 },
    {
      name: "a client of HTTP/2 gets as many streams and as much room as the mesh says",
      fields: [
        field("httpMaxConcurrentStreams"),
        field("http2InitialStreamWindowSize"),
        field("http2InitialConnectionWindowSize"),
      ],
      check: async (row) => {
        const session = connectHttp2(`http://${row.proxy().address}:${row.port}`);
        try {
          await once(session, "remoteSettings");
          const { maxConcurrentStreams, initialWindowSize } = session.remoteSettings;
          assert.deepEqual([maxConcurrentStreams, initialWindowSize], [7, 70_000]);
          await row.eventually(async () => assert.equal(session.state.remoteWindowSize, 140_000));
        } finally {
          session.destroy();
        }
      },
    },
  ),
];

/** What `connectionSettings` of a ProxyConfig make of connections. */
export const connectionSettingsRows: readonly Feature[] = [...readingRows, ...timeRows];
