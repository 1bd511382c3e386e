import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { envoyBinary } from "@lateen/binaries";
import { createAuthority, issueClientCertificate, readCa } from "../certificates.ts";
import { envoyFilter, manager, types } from "./envoy-filter.ts";
import type { Feature, FeatureContext } from "./feature.ts";
import {
  forwarder,
  meshOf,
  program,
  programService,
  proxyField as field,
  raw,
  row,
  serverInfo,
  tlsServer,
} from "./injected-parts.ts";
import { through } from "./own-proxy.ts";
import { grpcCollector, httpCollector, zipkinCollector } from "./span-collectors.ts";

const startRows: readonly Feature[] = [
  row({
    name: "Envoy is started with the mesh's times, sizes and runtime flags",
    fields: ["drainDuration", "fileFlushInterval", "runtimeValues", "meshId"].map(field),
    service: false,
    check: async (row) => {
      const flag = "envoy.reloadable_features.http_reject_path_with_fragment";
      const mesh = meshOf({
        ...{ drainDuration: "1m7s", fileFlushInterval: "0.25s", meshId: "blue" },
        runtimeValues: { [flag]: "false", "upstream.healthy_panic_threshold": "7" },
      });
      await using proxy = await row.startInjected({ pod: "flagged-1", mesh });
      const { command_line_options: options, node } = await serverInfo(proxy);
      assert.equal(options["drain_time"], "67s");
      assert.equal(options["file_flush_interval"], "0.250s");
      assert.equal(node.metadata["MESH_ID"], "blue");
      const { entries } = JSON.parse(await proxy.admin.get("/runtime")) as {
        entries: Readonly<Record<string, { final_value: string }>>;
      };
      assert.equal(entries[flag]?.final_value, "false");
      assert.equal(entries["upstream.healthy_panic_threshold"]?.final_value, "7");
    },
  }),
  row({
    name: "a proxy that is to stop serves on for as long as the mesh says",
    fields: [field("terminationDrainDuration")],
    check: async (row) => {
      await using patient = await row.startInjected({
        pod: "patient-1",
        mesh: meshOf({ terminationDrainDuration: "10m" }),
      });
      await using hasty = await row.startInjected({ pod: "hasty-1", mesh: meshOf() });
      await through(row, patient);
      for (const { address, statusPort } of [patient, hasty])
        await fetch(`http://${address}:${statusPort}/quitquitquit`, { method: "POST" });
      const gone = async (): Promise<boolean> =>
        await hasty.admin.get("/ready").then(
          () => false,
          () => true,
        );
      await row.eventually(gone);
      const ready = await raw(`http://${patient.address}:${patient.readinessPort}/healthz/ready`);
      assert.equal(ready.status, 503, "it is draining");
      assert.equal((await through(row, patient)).status, 200);
    },
  }),
  row({
    name: "a proxy finds pilot where the mesh says",
    fields: [field("discoveryAddress")],
    check: async (row) => {
      await using way = await forwarder(row.ports(1), row.pilot.secure);
      const mesh = meshOf({ discoveryAddress: `127.0.0.1:${row.ports(1)}` });
      await using proxy = await row.startInjected({ pod: "directed-1", mesh });
      await through(row, proxy);
      assert.ok(way.count > 0);
    },
  }),
  row({
    name: "a proxy talks to pilot without TLS, where the mesh says so",
    fields: [field("controlPlaneAuthPolicy")],
    check: async (row) => {
      await using way = await forwarder(row.ports(1), row.pilot.plaintext);
      const mesh = meshOf({ controlPlaneAuthPolicy: "NONE", discoveryAddress: `127.0.0.1:${row.ports(1)}` });
      await using proxy = await row.startInjected({ pod: "unveiled-1", mesh });
      assert.equal((await through(row, proxy)).status, 200);
      assert.ok(way.count > 0);
    },
  }),
  row({
    name: "Envoy takes another bootstrap than the agent's, where the mesh names its file",
    fields: [field("customConfigFile")],
    service: false,
    check: async (row) => {
      const customConfigFile = row.fileWith("bootstrap.json", JSON.stringify(answering(row.ports(1), "own bootstrap")));
      const env = { ENVOY_STATUS_PORT: String(row.ports(1)) };
      await using proxy = await row.startInjected({ pod: "custom-1", env, mesh: meshOf({ customConfigFile }) });
      const { body } = await raw(`http://${proxy.address}:${row.ports(1)}/healthz/ready`);
      assert.equal(String(body), "own bootstrap");
    },
  }),
  row({
    name: "Envoy and its files are where the mesh says",
    fields: [field("configPath"), field("binaryPath"), field("fileFlushMinSizeKb")],
    service: false,
    check: async (row) => {
      const folder = await mkdtemp(join(tmpdir(), "lateen-files-"));
      try {
        await symlink(await envoyBinary(), join(folder, "own-envoy"));
        const files = { configPath: join(folder, "config"), binaryPath: join(folder, "own-envoy") };
        const mesh = meshOf({ ...files, fileFlushMinSizeKb: 128 });
        const env = { PROXY_DIR: "", ENVOY: "" };
        await using proxy = await row.startInjected({ pod: "elsewhere-1", mesh, env });
        const { command_line_options: options } = await serverInfo(proxy);
        assert.ok(String(options["config_path"]).startsWith(join(folder, "config")));
        assert.ok(existsSync(join(folder, "config", "XDS")));
        const pid = await readFile(join(folder, "config", "envoy.pid"), "utf8");
        const [command, ...args] = (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0");
        assert.equal(command, join(folder, "own-envoy"));
        assert.equal(args[args.indexOf("--file-flush-min-size-kb") + 1], "128"); // Envoy's own pages do not say
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  }),
  row({
    name: "Envoy takes no more connections than the mesh says",
    fields: [field("connectionSettings.globalDownstreamConnectionLimit")],
    check: async (row) => {
      const mesh = meshOf({ connectionSettings: { globalDownstreamConnectionLimit: 3 } });
      await using proxy = await row.startInjected({ pod: "narrow-1", mesh });
      await through(row, proxy);
      const all = Array.from({ length: 20 }, () => connect({ host: proxy.address, port: row.port }));
      let refused = 0;
      for (const socket of all)
        socket
          .on("error", () => undefined)
          .on("close", () => {
            refused += 1;
          });
      try {
        await row.eventually(async () => assert.ok(refused >= 10, `${refused} of 20 were refused`));
      } finally {
        for (const socket of all) socket.destroy();
      }
    },
  }),
];

const collectorRows: readonly Feature[] = [
  row({
    name: "spans go to Zipkin where the mesh says, under the service that it names",
    fields: [field("zipkinAddress"), field("serviceCluster")],
    check: async (row) => {
      await using collector = await zipkinCollector(row.ports(1));
      const mesh = meshOf({
        ...{ zipkinAddress: `localhost:${row.ports(1)}`, serviceCluster: "named", tracing: { sampling: 100 } },
      });
      await using proxy = await row.startInjected({ pod: "zipkin-1", mesh });
      await row.eventually(async () => {
        for (let n = 0; n < 6; n++) await through(row, proxy);
        assert.ok(collector.spans.length > 0);
      });
      assert.equal(collector.spans[0]?.service, "named");
    },
  }),
  row({
    name: "spans go to a Datadog agent that the mesh names",
    fields: [field("tracing.datadog.address")],
    check: async (row) => {
      await using collector = await httpCollector(row.ports(1));
      const mesh = meshOf({ tracing: { datadog: { address: `localhost:${row.ports(1)}` }, sampling: 100 } });
      await using proxy = await row.startInjected({ pod: "datadog-1", mesh });
      await row.eventually(async () => {
        await through(row, proxy);
        assert.ok(collector.calls.some(({ path }) => path.endsWith("/traces")));
      });
    },
  }),
  row({
    name: "spans go to their collector over TLS",
    fields: [field("tracing.tlsSettings")],
    check: async (row) => {
      const authority = await createAuthority();
      const paths: string[] = [];
      const certificate = await authority.issue(["collector.example"]);
      await using _collector = await tlsServer(row.ports(1), certificate, (path) => void paths.push(path));
      const tlsSettings = {
        ...{ mode: "SIMPLE", sni: "collector.example", subjectAltNames: ["collector.example"] },
        caCertificates: row.fileWith("root.pem", authority.rootPem),
      };
      const tracing = { zipkin: { address: `localhost:${row.ports(1)}` }, sampling: 100, tlsSettings };
      await using proxy = await row.startInjected({ pod: "veiled-1", mesh: meshOf({ tracing }) });
      await row.eventually(async () => {
        for (let n = 0; n < 6; n++) await through(row, proxy);
        assert.deepEqual(paths[0], "/api/v2/spans");
      });
    },
  }),
  row({
    name: "Envoy's statistics go to the metrics service of the older field",
    fields: [field("envoyMetricsServiceAddress")],
    service: false,
    check: async (row) => {
      await using service = await grpcCollector(row.ports(1), () => []);
      const mesh = meshOf({ envoyMetricsServiceAddress: `127.0.0.1:${row.ports(1)}` });
      await using _proxy = await row.startInjected({ pod: "measured-1", mesh });
      await row.eventually(async () => {
        assert.equal(service.calls[0]?.path, "/envoy.service.metrics.v3.MetricsService/StreamMetrics");
      });
    },
  }),
  row({
    name: "access logs reach the service that the mesh names",
    fields: [field("envoyAccessLogService.address"), field("envoyAccessLogService.tcpKeepalive")],
    manifests: (row) => [envoyFilter(row, [logging], { workloadSelector: { labels: { row: row.slug } } })],
    check: async (row) => {
      await using service = await grpcCollector(row.ports(1), () => []);
      const envoyAccessLogService = { address: `127.0.0.1:${row.ports(1)}`, tcpKeepalive: { probes: 5 } };
      const labels = { row: row.slug };
      await using proxy = await row.startInjected({ pod: "logged-1", labels, mesh: meshOf({ envoyAccessLogService }) });
      await row.eventually(async () => {
        await through(row, proxy);
        assert.equal(service.calls[0]?.path, "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs");
      });
      assert.match(await proxy.admin.configDump(), /"keepalive_probes": 5/);
    },
  }),
  row({
    name: "tags of the mesh's own are taken out of statistics' names",
    fields: [field("extraStatTags")],
    manifests: (row) => [
      envoyFilter(
        row,
        [
          {
            applyTo: "CLUSTER",
            match: { context: "SIDECAR_OUTBOUND", cluster: { service: row.host } },
            patch: { operation: "MERGE", value: { alt_stat_name: "tier=.=gold;.;requests" } },
          },
        ],
        { workloadSelector: { labels: { row: row.slug } } },
      ),
    ],
    check: async (row) => {
      const labels = { row: row.slug };
      const page = async (proxy: { address: string; statusPort: number }): Promise<string> =>
        String((await raw(`http://${proxy.address}:${proxy.statusPort}/stats/prometheus`)).body);
      await using tagged = await row.startInjected({
        pod: "tagged-1",
        labels,
        mesh: meshOf({ extraStatTags: ["tier"] }),
      });
      await through(row, tagged);
      await row.eventually(async () => assert.match(await page(tagged), /upstream_rq_total\{[^}]*tier="gold"/));
    },
  }),
];

/** A bootstrap whose one listener answers with a text. */
const answering = (port: number, text: string): object => ({
  static_resources: {
    listeners: [
      {
        address: { socket_address: { address: "0.0.0.0", port_value: port } },
        filter_chains: [{ filters: [{ name: manager, typed_config: answeringManager(text) }] }],
      },
    ],
  },
});

const answeringManager = (text: string): object => ({
  "@type": `${types}/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
  stat_prefix: "own",
  route_config: {
    virtual_hosts: [
      {
        ...{ name: "own", domains: ["*"] },
        routes: [{ match: { prefix: "/" }, direct_response: { status: 200, body: { inline_string: text } } }],
      },
    ],
  },
  http_filters: [
    {
      name: "envoy.filters.http.router",
      typed_config: { "@type": `${types}/envoy.extensions.filters.http.router.v3.Router` },
    },
  ],
});

/** Logs to the cluster of Istio's name, as `enableEnvoyAccessLogService` has it. */
const logging = {
  applyTo: "NETWORK_FILTER",
  match: { context: "SIDECAR_OUTBOUND", listener: { filterChain: { filter: { name: manager } } } },
  patch: {
    operation: "MERGE",
    value: {
      name: manager,
      typed_config: {
        "@type": `${types}/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
        access_log: [
          {
            name: "envoy.access_loggers.http_grpc",
            typed_config: {
              "@type": `${types}/envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig`,
              common_config: {
                log_name: "row",
                transport_api_version: "V3",
                buffer_flush_interval: "0.1s",
                grpc_service: { envoy_grpc: { cluster_name: "envoy_accesslog_service" } },
              },
            },
          },
        ],
      },
    },
  },
};

const mutual = (row: FeatureContext, subjectAltName: string): readonly object[] =>
  programService(row, { tls: { mode: "ISTIO_MUTUAL", subjectAltNames: [subjectAltName] } });

const keyRows: readonly Feature[] = [
  row({
    name: "workloads of further authorities are trusted, where the mesh gives their roots",
    fields: [field("caCertificatesPem")],
    service: false,
    manifests: (row) => mutual(row, "spiffe://tests.example.com/ns/tests/sa/server"),
    check: async (row) => {
      const authority = await createAuthority();
      await using _server = await tlsServer(row.ports(1), await authority.issue(["server.example"]));
      const trusting = meshOf({ caCertificatesPem: [authority.rootPem] });
      await using knows = await row.startInjected({ pod: "knows-1", mesh: trusting });
      await row.eventually(async () => assert.equal((await through(row, knows, program(row))).body, "over TLS"));
      await using knowsNot = await row.startInjected({ pod: "knows-not-1", mesh: meshOf() });
      assert.equal((await through(row, knowsNot, program(row))).status, 503);
    },
  }),
  row({
    name: "an Envoy without a key provider uses the key itself, where that is its fallback",
    fields: [field("privateKeyProvider.cryptomb.fallback"), field("privateKeyProvider.qat.fallback")],
    service: false,
    manifests: (row) => mutual(row, `spiffe://cluster.local/ns/${row.namespace}/sa/program`),
    check: async (row) => {
      const ca = await readCa(row.state);
      const identity = { trustDomain: "cluster.local", namespace: row.namespace, serviceAccount: "program" };
      const certificate = await issueClientCertificate(ca, identity);
      await using _server = await tlsServer(row.ports(1), { ...certificate, clientRoot: ca.rootsPem });
      const asked = meshOf({ privateKeyProvider: { cryptomb: { pollDelay: "0.02s", fallback: true } } });
      await using proxy = await row.startInjected({ pod: "soft-1", mesh: asked });
      await row.eventually(async () => assert.equal((await through(row, proxy, program(row))).body, "over TLS"));
      assert.match(proxy.output, /"extension":"cryptomb"/);
      const insists = meshOf({ privateKeyProvider: { qat: { pollDelay: "0.02s", fallback: false } } });
      await using refuses = await row.startInjected({ pod: "hard-1", mesh: insists });
      assert.notEqual((await through(row, refuses, program(row))).body, "over TLS");
      assert.match(refuses.output, /"extension":"qat"/);
    },
  }),
];

/** What the mesh's settings make of an agent's Envoy from its start. */
export const injectedBootstrapRows: readonly Feature[] = [...startRows, ...collectorRows, ...keyRows];
