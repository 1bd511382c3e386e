import assert from "node:assert/strict";
import { collector, collectorOf, logging, logProvider, sliceOf } from "./access-log-providers.ts";
import { envoyFilter, types } from "./envoy-filter.ts";
import type { Feature, FeatureContext } from "./feature.ts";
import { grpcServer } from "./grpc-server.ts";
import { logService, openTelemetryLogs } from "./log-collectors.ts";

const requests = (name: string): string => logProvider("envoyHttpAls", name);
const connections = (name: string): string => logProvider("envoyTcpAls", name);
const records = (name: string): string => logProvider("envoyOtelAls", name);

/** A program of the row's, on its port 4, with a Service on its port 3: gRPC, which has trailers, or bytes. */
const program = (row: FeatureContext, portName: string): readonly object[] => [
  ...row.service({
    ...{ suffix: "program", port: row.ports(3), portName },
    to: portName === "tcp" ? [row.workload("reviews")] : [],
  }),
  ...(portName === "tcp" ? [] : [sliceOf(row, "program", row.ports(4))]),
];

/** A filter in front of `before` that notes `blue` as `noted` about all that goes to the row's program. */
function noting(row: FeatureContext, level: "http" | "network", on: string): object {
  const patch = {
    operation: "INSERT_BEFORE",
    value: {
      name: `envoy.filters.${level}.set_filter_state`,
      typed_config: {
        "@type": `${types}/envoy.extensions.filters.${level}.set_filter_state.v3.Config`,
        [on]: [
          {
            ...{ object_key: "noted", factory_key: "envoy.string" },
            format_string: { text_format_source: { inline_string: "blue" } },
          },
        ],
      },
    },
  };
  const filter =
    level === "network"
      ? { name: "envoy.filters.network.tcp_proxy" }
      : {
          name: "envoy.filters.network.http_connection_manager",
          subFilter: { name: "envoy.filters.http.router" },
        };
  const match = { context: "SIDECAR_OUTBOUND", listener: { portNumber: row.ports(3), filterChain: { filter } } };
  return envoyFilter(row, [{ applyTo: level === "http" ? "HTTP_FILTER" : "NETWORK_FILTER", match, patch }]);
}

const noted = (objects: Readonly<Record<string, { readonly value: Uint8Array }>> | undefined): string =>
  Buffer.from(objects?.["noted"]?.value ?? []).toString();

/** Access logs that are sent, to Envoy's own service of them or as records of OpenTelemetry. */
export const accessLogCollectorRows: readonly Feature[] = [
  {
    name: "a service of access logs is told of requests, by Istio's name of the log",
    fields: [requests("service"), requests("port")],
    ...logging("envoyHttpAls", collectorOf),
    manifests: collector,
    check: async (row) => {
      await using logs = await logService(row.ports(1));
      await row.eventually(async () => {
        await row.ask("/logged");
        const entry = logs.http.find(({ request }) => request?.path === "/logged");
        assert.equal(entry?.response?.responseCode, 200);
        assert.deepEqual([entry.logName, entry.request?.requestHeaders], ["http_envoy_accesslog", {}]);
      });
      assert.deepEqual(logs.tcp, []);
    },
  },
  {
    name: "a service of access logs is told of headers, trailers and what filters noted, where it asks",
    fields: [
      ...["logName", "filterStateObjectsToLog", "additionalRequestHeadersToLog"],
      ...["additionalResponseHeadersToLog", "additionalResponseTrailersToLog"],
    ].map(requests),
    ...logging("envoyHttpAls", (row) => ({
      ...collectorOf(row),
      logName: "mine",
      filterStateObjectsToLog: ["noted"],
      additionalRequestHeadersToLog: ["X-Tenant"],
      additionalResponseHeadersToLog: ["content-type"],
      additionalResponseTrailersToLog: ["grpc-status"],
    })),
    manifests: (row) => [...collector(row), ...program(row, "grpc"), noting(row, "http", "on_request_headers")],
    check: async (row) => {
      await using logs = await logService(row.ports(1));
      await using _program = await grpcServer(row.ports(4));
      const host = `${row.mesh.host(row.named("program").name)}:${row.ports(3)}`;
      const headers = { "x-tenant": "blue", "content-type": "application/grpc" };
      await row.eventually(async () => {
        await row.ask({ port: row.ports(3), host, method: "POST", path: "/called", headers });
        const entry = logs.http.find(({ request }) => request?.path === "/called");
        assert.deepEqual(entry?.request?.requestHeaders, { "x-tenant": "blue" });
        assert.deepEqual(entry.response?.responseHeaders, { "content-type": "application/grpc" });
        assert.deepEqual(entry.response.responseTrailers, { "grpc-status": "0" });
        assert.match(noted(entry.commonProperties?.filterStateObjects), /blue/);
        assert.equal(entry.logName, "mine");
      });
    },
  },
  {
    name: "a service of access logs is told of connections, by Istio's name of the log",
    fields: [connections("service"), connections("port")],
    ...logging("envoyTcpAls", collectorOf),
    manifests: (row) => [...collector(row), ...program(row, "tcp")],
    check: async (row) => {
      await using logs = await logService(row.ports(1));
      await row.eventually(async () => {
        await row.talk({ address: row.address(9), port: row.ports(3) });
        const entry = logs.tcp.find(({ connectionProperties }) => connectionProperties?.receivedBytes === 5n);
        assert.equal(entry?.logName, "tcp_envoy_accesslog");
      });
      assert.deepEqual(logs.http, []);
    },
  },
  {
    name: "a service of access logs is told what filters noted of connections, in a log of its own name",
    fields: [connections("logName"), connections("filterStateObjectsToLog")],
    ...logging("envoyTcpAls", (row) => ({ ...collectorOf(row), logName: "mine", filterStateObjectsToLog: ["noted"] })),
    manifests: (row) => [...collector(row), ...program(row, "tcp"), noting(row, "network", "on_new_connection")],
    check: async (row) => {
      await using logs = await logService(row.ports(1));
      await row.eventually(async () => {
        await row.talk({ address: row.address(9), port: row.ports(3) });
        const entry = logs.tcp.find(({ commonProperties }) => commonProperties?.filterStateObjects["noted"]);
        assert.match(noted(entry?.commonProperties?.filterStateObjects), /blue/);
        assert.equal(entry?.logName, "mine");
      });
    },
  },
  {
    name: "access logs are records of OpenTelemetry, as Istio writes lines",
    fields: [records("service"), records("port")],
    ...logging("envoyOtelAls", collectorOf),
    manifests: collector,
    check: async (row) => {
      await using logs = await openTelemetryLogs(row.ports(1));
      await row.eventually(async () => {
        await row.ask("/logged");
        assert.ok(logs.records.some(({ body }) => /"GET \/logged HTTP\/1\.1" 200 - via_upstream/.test(body)));
      });
      assert.deepEqual([...logs.paths], ["/opentelemetry.proto.collector.logs.v1.LogsService/Export"]);
      assert.deepEqual(logs.records[0]?.resource, {}, "Envoy's own labels are left out");
    },
  },
  {
    name: "records of OpenTelemetry have a text and attributes of their own, and the log's name",
    fields: [records("logName"), records("logFormat.text"), records("logFormat.labels")],
    ...logging("envoyOtelAls", (row) => ({
      ...collectorOf(row),
      logName: "mine",
      logFormat: { text: "own %REQ_WITHOUT_QUERY(:PATH)%", labels: { code: "%RESPONSE_CODE%" } },
    })),
    manifests: collector,
    check: async (row) => {
      await using logs = await openTelemetryLogs(row.ports(1));
      await row.eventually(async () => {
        await row.ask("/logged?secret");
        const record = logs.records.find(({ body }) => body.includes("/logged"));
        assert.deepEqual(record, {
          ...{ body: "own /logged", attributes: { code: "200" }, resource: { log_name: "mine" } },
        });
      });
    },
  },
];
