import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { serviceEntry } from "@lateen/e2e-harness";
import type { Feature, FeatureContext } from "./feature.ts";
import { at, hostOf, listen, overOwn, policy, versions } from "./traffic-policy-parts.ts";

const rule = "DestinationRule";
const upgrade = { connectionPool: { http: { h2UpgradePolicy: "UPGRADE" } } };

/** `2.0` where a rule that upgrades applies. */
async function protocolOf(row: FeatureContext, asked: Parameters<FeatureContext["answer"]>[0] = {}): Promise<string> {
  return (await row.answer(asked)).protocol;
}

const hosts: readonly Feature[] = [
  {
    name: "a short host is of the rule's own namespace",
    fields: [`${rule}.host`],
    manifests: (row) => [row.destinationRule({ host: row.slug, trafficPolicy: upgrade })],
    check: async (row) => assert.equal(await protocolOf(row), "2.0"),
  },
  {
    name: "the most specific host wins, also over a selector",
    fields: [`${rule}.host`, `${rule}.workloadSelector.matchLabels`],
    service: false,
    manifests: (row) => {
      const { address, port } = row.workload("reviews", "v1");
      const domain = `${row.slug}.internal`;
      const entry = serviceEntry(row.named(), {
        hosts: [`one.${domain}`, `two.${domain}`],
        addresses: [row.address(9)],
        ports: [{ number: row.port, name: "http", protocol: "HTTP" }],
        resolution: "STATIC",
        endpoints: [{ address, ports: { http: port } }],
      });
      return [
        entry,
        row.destinationRule(
          { host: `*.${domain}`, workloadSelector: { matchLabels: { app: "frontend" } }, trafficPolicy: upgrade },
          "wide",
        ),
        row.destinationRule({ host: `two.${domain}`, trafficPolicy: { loadBalancer: { simple: "RANDOM" } } }, "two"),
      ];
    },
    check: async (row) => {
      assert.equal(await protocolOf(row, { host: `one.${row.slug}.internal:${row.port}` }), "2.0");
      assert.equal(await protocolOf(row, { host: `two.${row.slug}.internal:${row.port}` }), "1.1");
    },
  },
  {
    name: "a rule is for those it is exported to",
    fields: [`${rule}.exportTo`],
    manifests: (row) => [row.destinationRule({ host: row.host, exportTo: ["."], trafficPolicy: upgrade })],
    check: async (row) => {
      assert.equal(await protocolOf(row), "2.0");
      assert.equal(await protocolOf(row, { from: "visitor" }), "1.1");
    },
  },
  {
    name: "a rule can be for some workloads alone",
    fields: [`${rule}.workloadSelector`, `${rule}.workloadSelector.matchLabels`],
    manifests: (row) => [
      row.destinationRule({
        host: row.host,
        workloadSelector: { matchLabels: { app: "neighbour" } },
        trafficPolicy: upgrade,
      }),
    ],
    check: async (row) => {
      assert.equal(await protocolOf(row), "1.1");
      assert.equal(await protocolOf(row, { from: "neighbour" }), "2.0");
    },
  },
];

const subsets: readonly Feature[] = [
  {
    name: "a subset is the endpoints with its labels",
    fields: [`${rule}.subsets.name`, `${rule}.subsets.labels`],
    manifests: (row) => [
      row.destinationRule({ host: row.host, subsets: [{ name: "newest", labels: { version: "v3", app: "reviews" } }] }),
      row.http({ route: [row.to("newest")] }),
    ],
    check: async (row) => assert.deepEqual(await row.split(10), { v3: 10 }),
  },
  {
    name: "a subset's policy is over the rule's, part by part",
    fields: [`${rule}.subsets.trafficPolicy`],
    manifests: (row) => [
      row.destinationRule({
        host: row.host,
        trafficPolicy: { ...upgrade, loadBalancer: { consistentHash: { httpHeaderName: "x-user" } } },
        subsets: [
          { name: "all", labels: { app: "reviews" }, trafficPolicy: { loadBalancer: { simple: "ROUND_ROBIN" } } },
        ],
      }),
      row.http({ match: [{ uri: { prefix: "/all" } }], route: [row.to("all")] }, { route: [row.to()] }),
    ],
    check: async (row) => {
      const headers = { "x-user": "one" };
      assert.equal(Object.keys(await row.split(9, { headers })).length, 1);
      assert.deepEqual(await row.split(9, { headers, path: "/all" }), { v1: 3, v2: 3, v3: 3 });
      assert.equal(await protocolOf(row, "/all"), "2.0", "what the subset does not say is the rule's");
    },
  },
  {
    name: "rules of one host are merged, and told so",
    fields: [`${rule}.subsets.name`],
    manifests: (row) => [
      row.subsets(),
      row.destinationRule(
        {
          host: row.slug,
          trafficPolicy: upgrade,
          subsets: [
            { name: "v1", labels: { version: "v2" } },
            { name: "more", labels: { version: "v2" } },
          ],
        },
        "second",
      ),
      row.http({ match: [{ uri: { prefix: "/more" } }], route: [row.to("more")] }, { route: [row.to("v1")] }),
    ],
    check: async (row) => {
      assert.equal((await row.answer("/more")).version, "v2");
      assert.deepEqual(await row.split(5), { v1: 5 });
      assert.equal(await protocolOf(row), "2.0");
      assert.match(await row.findings(), /merged and its subset \\?"v1\\?" does not apply/);
    },
  },
];

const ports = `${rule}.trafficPolicy.portLevelSettings`;

const byPort: readonly Feature[] = [
  {
    name: "settings of a port replace the rule's",
    fields: ["port", "loadBalancer", "connectionPool", "outlierDetection"].map((field) => `${ports}.${field}`),
    service: false,
    manifests: (row) => {
      const to = versions(row, "v1", "v2");
      const own = { outlierDetection: { consecutive5xxErrors: 1, interval: "100ms", maxEjectionPercent: 100 } };
      const portLevelSettings = [
        { port: { number: row.ports(0) }, loadBalancer: { consistentHash: { httpHeaderName: "x-user" } } },
        { port: { number: row.ports(1) }, connectionPool: { http: { maxRequestsPerConnection: 1 } }, ...own },
      ];
      return [
        ...[0, 1].flatMap((index) => row.service({ suffix: `at-${index}`, port: row.ports(index), to })),
        ...row.service({ suffix: "else", to }),
        ...["at-0", "at-1", "else"].map((suffix) => policy(row, { ...upgrade, portLevelSettings }, suffix)),
      ];
    },
    check: async (row) => {
      const asked = (index: number) => ({
        port: row.ports(index),
        host: `${hostOf(row, `at-${index}`)}:${row.ports(index)}`,
      });
      assert.equal(await protocolOf(row, at(row, "else")), "2.0");
      assert.equal(await protocolOf(row, asked(0)), "1.1", "the pool is not inherited");
      const sticky = await row.split(10, { ...asked(0), headers: { "x-user": "one" } });
      assert.equal(Object.keys(sticky).length, 1);
      const { sample } = row.workload("reviews", "v2");
      const before = sample.connections;
      await row.split(10, asked(1));
      assert.ok(sample.connections - before >= 2);
      for (let turn = 0; turn < 6; turn++) await row.ask({ ...asked(1), headers: { "x-sample-status": "500 v1" } });
      await row.eventually(async () => assert.deepEqual(await row.split(10, asked(1)), { v2: 10 }));
    },
  },
];

const tunnel = `${rule}.trafficPolicy.tunnel`;

/** A proxy that is asked to connect, and connects to v1, whatever was asked. */
function forward(row: FeatureContext, asked: string[]) {
  const { address: host, port } = row.workload("reviews", "v1");
  const server = createHttpServer((request, response) => {
    asked.push(`${request.method} ${request.headers.host}`);
    const onward = connect({ host, port });
    response.writeHead(200);
    response.flushHeaders();
    request.pipe(onward).pipe(response);
  });
  server.on("connect", (request, socket: Socket) => {
    asked.push(`CONNECT ${request.url}`);
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    socket.pipe(connect({ host, port })).pipe(socket);
  });
  return server;
}

const transports: readonly Feature[] = [
  {
    name: "TCP goes through a tunnel of HTTP CONNECT or POST",
    fields: ["protocol", "targetHost", "targetPort"].map((field) => `${tunnel}.${field}`),
    service: false,
    manifests: (row) => [
      ...overOwn(row, { suffix: "a", portName: "tcp", clusterIp: row.address(8) }, 0),
      ...overOwn(row, { suffix: "b", portName: "tcp", clusterIp: row.address(7) }, 0),
      policy(row, { tunnel: { targetHost: "far.example.com", targetPort: 4711 } }, "a"),
      policy(row, { tunnel: { protocol: "POST", targetHost: "192.0.2.7", targetPort: 4712 } }, "b"),
    ],
    check: async (row) => {
      const asked: string[] = [];
      await using _proxy = await listen(forward(row, asked), row, 0);
      assert.equal(await row.talk({ address: row.address(8), port: row.port }), "reviews-v1:hello");
      assert.equal(await row.talk({ address: row.address(7), port: row.port }), "reviews-v1:hello");
      assert.deepEqual(asked, ["CONNECT far.example.com:4711", "POST 192.0.2.7:4712"]);
    },
  },
  {
    name: "connections begin with a PROXY header",
    fields: [`${rule}.trafficPolicy.proxyProtocol.version`],
    service: false,
    manifests: (row) => [
      ...overOwn(row, { suffix: "a", portName: "tcp", clusterIp: row.address(8) }, 0),
      ...overOwn(row, { suffix: "b", portName: "tcp", clusterIp: row.address(7) }, 0),
      policy(row, { proxyProtocol: {} }, "a"),
      policy(row, { proxyProtocol: { version: "V2" } }, "b"),
    ],
    check: async (row) => {
      const server = createServer((socket) => {
        socket.once("data", (bytes: Buffer) => socket.end(bytes.toString("base64")));
      });
      await using _server = await listen(server, row, 0);
      const said = async (index: number): Promise<Buffer> =>
        Buffer.from(await row.talk({ address: row.address(index), port: row.port }), "base64");
      assert.match((await said(8)).toString("latin1"), /^PROXY TCP4 127\.\S+ 127\.\S+ \d+ \d+\r\n/);
      assert.equal((await said(7)).subarray(0, 12).toString("hex"), "0d0a0d0a000d0a515549540a");
    },
  },
];

const utilization = `${rule}.trafficPolicy.loadBalancer.backendUtilization`;

const weighing = {
  asked: {},
  "by-queue": { metricNamesForComputingUtilization: ["named_metrics.queue"] },
  "by-errors": { metricNamesForComputingUtilization: ["named_metrics.flat"], errorUtilizationPenaltyPercent: 400 },
  later: { weightStabilizationPeriod: "600s" },
  forgetful: { weightExpirationPeriod: "400ms" },
} as const;

/** The first says that it has little to do, the second that its queue is short and that it makes errors. */
const reports = [
  "TEXT application_utilization=0.1, rps_fractional=100, eps=0, named_metrics.queue=0.9, named_metrics.flat=0.3",
  "TEXT application_utilization=0.9, rps_fractional=100, eps=60, named_metrics.queue=0.1, named_metrics.flat=0.3",
];

const byUtilization: Feature = {
  name: "requests follow what endpoints report of their load",
  fields: [
    `${utilization}.weightStabilizationPeriod`,
    `${utilization}.weightExpirationPeriod`,
    `${utilization}.weightUpdatePeriod`,
    `${utilization}.errorUtilizationPenaltyPercent`,
    `${utilization}.metricNamesForComputingUtilization`,
  ],
  service: false,
  manifests: (row) =>
    Object.entries(weighing).flatMap(([suffix, more]) => {
      const backendUtilization = { weightStabilizationPeriod: "0s", weightUpdatePeriod: "100ms", ...more };
      return [...overOwn(row, { suffix }, 0, 1), policy(row, { loadBalancer: { backendUtilization } }, suffix)];
    }),
  check: async (row) => {
    let telling = true;
    const start = (index: number) =>
      listen(
        createHttpServer((_request, response) => {
          const report = telling ? { "endpoint-load-metrics": reports[index] } : {};
          response.writeHead(200, { "x-index": String(index), ...report });
          response.end();
        }),
        row,
        index,
      );
    await using _first = await start(0);
    await using _second = await start(1);
    const shareOfFirst = async (suffix: string): Promise<number> => {
      const answers = await row.sendMany(100, at(row, suffix));
      return answers.filter(({ headers }) => headers["x-index"] === "0").length / 100;
    };
    await row.eventually(async () => (await shareOfFirst("asked")) > 0.75);
    await row.eventually(async () => (await shareOfFirst("by-queue")) < 0.25);
    await row.eventually(async () => (await shareOfFirst("by-errors")) > 0.75);
    await row.eventually(async () => (await shareOfFirst("forgetful")) > 0.75);
    for (let turn = 0; turn < 5; turn++) {
      const share = await shareOfFirst("later");
      assert.ok(share > 0.4 && share < 0.6, `${share}`);
    }
    telling = false;
    await row.eventually(async () => Math.abs((await shareOfFirst("forgetful")) - 0.5) < 0.1);
    assert.ok((await shareOfFirst("asked")) > 0.75, "the others remember for minutes");
  },
};

export const destinationRuleRows: readonly Feature[] = [
  ...hosts,
  ...subsets,
  ...byPort,
  ...transports,
  byUtilization,
  {
    name: "the mesh's default policy is under every rule",
    fields: ["connectionPool", "outlierDetection"].map((part) => `MeshConfig.defaultTrafficPolicy.${part}`),
    alone: true,
    meshConfig: () => ({
      defaultTrafficPolicy: { ...upgrade, outlierDetection: { consecutive5xxErrors: 1, maxEjectionPercent: 100 } },
    }),
    manifests: (row) => [
      ...row.service({ suffix: "own", to: versions(row, "v1", "v2") }),
      policy(row, { connectionPool: { http: { h2UpgradePolicy: "DO_NOT_UPGRADE" } } }, "own"),
    ],
    check: async (row) => {
      assert.equal(await protocolOf(row), "2.0");
      assert.equal(await protocolOf(row, at(row, "own")), "1.1");
      for (let turn = 0; turn < 6; turn++)
        await row.ask({ ...at(row, "own"), headers: { "x-sample-status": "500 v1" } });
      await row.eventually(async () => assert.deepEqual(await row.split(10, at(row, "own")), { v2: 10 }));
    },
  },
];
