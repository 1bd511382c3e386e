import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { endpointSlice } from "@lateen/e2e-harness";
import { issueClientCertificate, readCa } from "../certificates.ts";
import type { Feature, FeatureContext, FeatureMeshSpec, MeshAgent } from "./feature.ts";
import { through } from "./own-proxy.ts";
import { grpcCollector } from "./span-collectors.ts";

/** Told of itself by its own ProxyConfig, as a pod's annotation would. */
const secureConfig = {
  terminationDrainDuration: "0s",
  proxyHeaders: { setCurrentClientCertDetails: { subject: false, uri: true, dns: false, cert: true } },
};

/** Two sidecars on the way and a gateway, which take the mesh's `defaultConfig`; and a workload with an agent of its own. */
export const proxyConfigMesh: FeatureMeshSpec = {
  workloads: [
    { app: "frontend", mutualTls: false },
    { app: "reviews", mutualTls: false },
    { app: "secure", agentEnv: { PROXY_CONFIG: JSON.stringify(secureConfig) } },
  ],
};

const headers = (field: string): string => `MeshConfig.defaultConfig.proxyHeaders.${field}`;
const topology = (field: string): string => `MeshConfig.defaultConfig.gatewayTopology.${field}`;

type Row = Pick<Feature, "name" | "fields" | "check"> & Partial<Feature>;

/** A row under a `defaultConfig` of its own. */
const under = (defaultConfig: object, row: Row): Feature => ({
  alone: true,
  meshConfig: () => ({ defaultConfig }),
  manifests: publicRoute,
  ...row,
});

/** The gateway sends the row's public host to the row's Service, under another name. */
const publicRoute = (row: FeatureContext): readonly object[] => [
  row.virtualService({
    hosts: [row.publicHost],
    gateways: ["edge"],
    http: [{ rewrite: { authority: "rewritten.example" }, route: [row.to()] }],
  }),
];

const headerRows: readonly Feature[] = [
  under(
    { proxyHeaders: { server: { value: "mine" } } },
    {
      name: "proxies give themselves another name",
      fields: [headers("server.value")],
      check: async (row) =>
        row.eventually(async () => assert.equal((await row.askGateway()).headers["server"], "mine")),
    },
  ),
  under(
    { proxyHeaders: { server: { disabled: true }, envoyDebugHeaders: { disabled: true } } },
    {
      name: "proxies name neither themselves nor how long it took",
      fields: [headers("server.disabled"), headers("envoyDebugHeaders.disabled")],
      check: async (row) => {
        await row.eventually(async () => {
          const answer = await row.askGateway();
          assert.equal(answer.status, 200);
          assert.equal(answer.headers["server"], undefined);
          assert.equal(answer.headers["x-envoy-upstream-service-time"], undefined);
        });
      },
    },
  ),
  under(
    { proxyHeaders: { requestId: { disabled: true }, attemptCount: { disabled: true } } },
    {
      name: "requests get no id and no count of attempts",
      fields: [headers("requestId.disabled"), headers("attemptCount.disabled")],
      check: async (row) => {
        await row.eventually(async () => {
          const got = (await row.answerOfGateway()).headers;
          assert.deepEqual([got["x-request-id"], got["x-envoy-attempt-count"]], [undefined, undefined]);
        });
      },
    },
  ),
  {
    name: "without a word of it, requests get an id and a count, answers a name and a time",
    fields: [headers("requestId"), headers("attemptCount"), headers("server"), headers("envoyDebugHeaders")],
    manifests: publicRoute,
    check: async (row) => {
      const answer = await row.askGateway();
      assert.equal(answer.headers["server"], "istio-envoy");
      assert.ok(answer.headers["x-envoy-upstream-service-time"]);
      const got = (await row.answerOfGateway()).headers;
      assert.ok(got["x-request-id"] && got["x-envoy-attempt-count"]);
      assert.deepEqual([got["x-forwarded-host"], got["x-forwarded-port"]], [undefined, undefined]);
    },
  },
  under(
    { proxyHeaders: { xForwardedHost: { enabled: true }, xForwardedPort: { enabled: true } } },
    {
      name: "servers learn the host and port that a client asked for",
      fields: [headers("xForwardedHost.enabled"), headers("xForwardedPort.enabled")],
      check: async (row) => {
        await row.eventually(async () => {
          const got = (await row.answerOfGateway()).headers;
          assert.equal(got.host, "rewritten.example");
          assert.equal(got["x-forwarded-host"], row.publicHost);
          assert.match(String(got["x-forwarded-port"]), /^\d+/);
        });
      },
    },
  ),
  under(
    { proxyHeaders: { preserveHttp1HeaderCase: true } },
    {
      name: "headers of HTTP/1 keep their case on the way",
      fields: [headers("preserveHttp1HeaderCase")],
      manifests: (row) => [
        ...row.service({ suffix: "cased", port: row.ports(2), to: [] }),
        endpointSlice(row.named("cased"), {
          service: row.named("cased").name,
          portName: "http",
          address: "127.0.0.1",
          port: row.ports(1),
        }),
      ],
      check: async (row) => {
        const seen: string[] = [];
        const server = createServer((request, response) => {
          seen.push(...request.rawHeaders);
          response.writeHead(200, ["X-AnSwEr", "1"]).end();
        });
        server.listen(row.ports(1), "127.0.0.1");
        await once(server, "listening");
        try {
          const host = row.mesh.host(row.named("cased").name);
          const request = `GET / HTTP/1.1\r\nHost: ${host}\r\nX-QuEsTiOn: 1\r\nConnection: close\r\n\r\n`;
          await row.eventually(async () => {
            seen.length = 0;
            const answer = await exchange(row.proxy().address, row.ports(2), request);
            assert.match(answer, /^X-AnSwEr: 1\r$/m);
            assert.ok(seen.includes("X-QuEsTiOn"), seen.join(" "));
          });
        } finally {
          server.closeAllConnections();
          server.close();
        }
      },
    },
  ),
];

const claimed = { "x-forwarded-client-cert": "By=someone" };

const peerRows: readonly Feature[] = [
  {
    name: "what a caller without a certificate says of one is not passed on",
    fields: [headers("forwardedClientCert"), topology("forwardClientCertDetails")],
    manifests: publicRoute,
    check: async (row) => {
      const { address, port } = row.workload("reviews");
      const asked = { address, port, headers: claimed };
      assert.equal((await row.answer(asked)).headers["x-forwarded-client-cert"], undefined);
      assert.equal((await row.answerOfGateway({ headers: claimed })).headers["x-forwarded-client-cert"], undefined);
    },
  },
  under(
    { proxyHeaders: { forwardedClientCert: "ALWAYS_FORWARD_ONLY" } },
    {
      name: "a sidecar passes on what its caller says of a certificate",
      fields: [headers("forwardedClientCert")],
      check: async (row) => {
        await row.eventually(async () => {
          const { address, port } = row.workload("reviews");
          const got = (await row.answer({ address, port, headers: claimed })).headers;
          assert.equal(got["x-forwarded-client-cert"], "By=someone");
        });
        const got = (await row.answerOfGateway({ headers: claimed })).headers;
        assert.equal(got["x-forwarded-client-cert"], undefined, "a gateway has its own setting");
      },
    },
  ),
  under(
    {
      proxyHeaders: { forwardedClientCert: "ALWAYS_FORWARD_ONLY" },
      gatewayTopology: { forwardClientCertDetails: "ALWAYS_FORWARD_ONLY" },
    },
    {
      name: "a gateway passes on what its client says of a certificate",
      fields: [topology("forwardClientCertDetails")],
      check: async (row) => {
        await row.eventually(async () => {
          const got = (await row.answerOfGateway({ headers: claimed })).headers;
          assert.equal(got["x-forwarded-client-cert"], "By=someone");
        });
      },
    },
  ),
  {
    name: "a workload's own ProxyConfig says what it learns of its caller",
    fields: ["subject", "uri", "dns", "cert", "chain"].map((field) => headers(`setCurrentClientCertDetails.${field}`)),
    service: false,
    manifests: () => [],
    check: async (row) => {
      const { address, port } = row.workload("secure");
      const identity = { trustDomain: "cluster.local", namespace: row.namespace, serviceAccount: "frontend" };
      const client = await issueClientCertificate(await readCa(row.state), identity);
      const offer = { address, port, ...client, alpn: ["istio", "istio-http/1.1"] };
      const { received } = await row.probeTls(offer);
      assert.match(received, /x-forwarded-client-cert/);
      assert.match(received, /Cert=/);
      assert.match(received, /URI=spiffe:/);
      assert.doesNotMatch(received, /Subject=|Chain=/);
    },
  },
];

const line = "PROXY TCP4 203.0.113.7 203.0.113.8 40000 80\r\n";
const plain = (row: FeatureContext): string => `GET / HTTP/1.1\r\nHost: ${row.publicHost}\r\nConnection: close\r\n\r\n`;

const topologyRows: readonly Feature[] = [
  under(
    { gatewayTopology: { numTrustedProxies: 1 } },
    {
      name: "the proxy before a gateway says who the client is",
      fields: [topology("numTrustedProxies")],
      check: async (row) => {
        const asked = { headers: { "x-forwarded-for": "192.0.2.1, 198.51.100.2" } };
        await row.eventually(async () => {
          const got = (await row.answerOfGateway(asked)).headers;
          assert.equal(got["x-envoy-external-address"], "198.51.100.2");
        });
      },
    },
  ),
  under(
    { gatewayTopology: { proxyProtocol: {} } },
    {
      name: "connections to a gateway begin with the PROXY protocol",
      fields: [topology("proxyProtocol")],
      manifests: (row) => [
        row.gateway({
          selector: { istio: "edge" },
          servers: [{ port: { number: row.ports(3), name: "http", protocol: "HTTP" }, hosts: [row.publicHost] }],
        }),
        row.virtualService({ hosts: [row.publicHost], gateways: [row.slug], http: [{ route: [row.to()] }] }),
      ],
      check: async (row) => {
        await row.eventually(async () => {
          const answer = await exchange("127.0.0.1", row.ports(3), line + plain(row));
          assert.match(answer, /"x-forwarded-for":"203\.0\.113\.7/);
        });
        assert.doesNotMatch(await exchange("127.0.0.1", row.ports(3), plain(row)), /200 OK/);
      },
    },
  ),
];

const requests = 'envoy_cluster_upstream_rq_total{cluster_name="outbound|';

/** The page that Prometheus reads. */
async function page({ address, statusPort }: MeshAgent): Promise<string> {
  return await (await fetch(`http://${address}:${statusPort}/stats/prometheus`)).text();
}

const bootstrapRows: readonly Feature[] = [
  {
    name: "an Envoy has Istio's choice of statistics, and those that are asked for",
    fields: ["inclusionPrefixes", "inclusionSuffixes", "inclusionRegexps"].map(
      (field) => `MeshConfig.defaultConfig.proxyStatsMatcher.${field}`,
    ),
    manifests: () => [],
    check: async (row) => {
      const proxyStatsMatcher = {
        inclusionPrefixes: ["listener.{pod_ip}_"],
        inclusionSuffixes: ["upstream_rq_total"],
        inclusionRegexps: ["http\\..*downstream_rq_2xx"],
      };
      await using usual = await row.startAgent({ pod: "usual-1" });
      await using asked = await row.startAgent({ pod: "asked-1", config: { proxyStatsMatcher } });
      for (const agent of [usual, asked]) await through(row, agent);
      await row.eventually(async () => {
        const text = await page(asked);
        assert.ok(text.includes(requests), "of clusters, the requests");
        assert.ok(/^envoy_listener_/m.test(text), "of listeners, all");
        assert.ok(/^envoy_http_\S*downstream_rq\{/m.test(text), "of HTTP, the answers");
      });
      const text = await page(usual);
      assert.ok(/^envoy_server_live/m.test(text), "of the server");
      assert.deepEqual([...text.matchAll(/^envoy_(listener_[a-z]+|http_\S*_rq)\{|outbound\|/gm)], [], "nothing else");
    },
  },
  {
    name: "an Envoy's statistics go to statsd and to a metrics service",
    fields: ["MeshConfig.defaultConfig.statsdUdpAddress", "MeshConfig.defaultConfig.envoyMetricsService.address"],
    manifests: () => [],
    check: async (row) => {
      const lines: string[] = [];
      const statsd = createSocket("udp4", (message) => void lines.push(String(message)));
      statsd.bind(row.ports(1), "127.0.0.1");
      await once(statsd, "listening");
      try {
        await using service = await grpcCollector(row.ports(2), () => []);
        const config = {
          statsdUdpAddress: `127.0.0.1:${row.ports(1)}`,
          envoyMetricsService: { address: `127.0.0.1:${row.ports(2)}` },
        };
        await using _agent = await row.startAgent({ pod: "telling-1", config });
        await row.eventually(async () => {
          assert.ok(
            lines.some((text) => text.includes("envoy.server.live")),
            lines[0],
          );
          assert.deepEqual(
            service.calls.map(({ path }) => path),
            ["/envoy.service.metrics.v3.MetricsService/StreamMetrics"],
          );
        }, 30_000);
      } finally {
        statsd.close();
      }
    },
  },
  {
    name: "Envoy's admin port and the agent's status port are those that are asked for",
    fields: ["MeshConfig.defaultConfig.proxyAdminPort", "MeshConfig.defaultConfig.statusPort"],
    manifests: () => [],
    check: async (row) => {
      const config = { proxyAdminPort: row.ports(1), statusPort: row.ports(2) };
      const env = { ENVOY_ADMIN_PORT: "", STATUS_PORT: "" };
      await using agent = await row.startAgent({ pod: "ported-1", config, env });
      const admin = await fetch(`http://${agent.address}:${row.ports(1)}/ready`);
      assert.match(await admin.text(), /LIVE/);
      assert.equal((await fetch(`http://${agent.address}:${row.ports(2)}/healthz/ready`)).status, 200);
    },
  },
];

/** Bytes on a connection of their own, and all that comes back until it ends. */
async function exchange(host: string, port: number, text: string): Promise<string> {
  const socket = connect({ host, port, timeout: 5_000 });
  let received = "";
  socket.on("data", (bytes) => {
    received += String(bytes);
  });
  socket.on("timeout", () => socket.destroy());
  socket.on("error", () => undefined);
  socket.write(text);
  // Not `once`, which would take a reset for a failure.
  await new Promise((resolve) => socket.on("close", resolve));
  return received;
}

/** What a ProxyConfig (MeshConfig.defaultConfig, a pod's annotation) makes of the proxies it is for. */
export const proxyConfigRows: readonly Feature[] = [...headerRows, ...peerRows, ...topologyRows, ...bootstrapRows];
