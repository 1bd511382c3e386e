import assert from "node:assert/strict";
import { assertShare, inTurn, serviceEntry, type TlsResult } from "@lateen/e2e-harness";
import { fakeServer, mongoQuery, mongoReply, redisCommand } from "./fake-databases.ts";
import type { Feature, FeatureContext } from "./feature.ts";

const hostOf = (row: FeatureContext): string => `${row.slug}.tcp.local`;

/** A service at loopback addresses of the row, which the sidecar listens on; its endpoints are reviews v1, v2 and v3. */
function entry(
  row: FeatureContext,
  ports: readonly { readonly number: number; readonly name: string; readonly protocol: string }[],
  addresses: readonly string[] = [row.address(0)],
): readonly object[] {
  const endpoints = ["v1", "v2", "v3"].map((version) => {
    const { address, port } = row.workload("reviews", version);
    return { address, ports: Object.fromEntries(ports.map(({ name }) => [name, port])), labels: { version } };
  });
  return [
    serviceEntry(row.named(), {
      hosts: [hostOf(row)],
      addresses,
      ports,
      endpoints,
      location: "MESH_INTERNAL",
      resolution: "STATIC",
    }),
    row.destinationRule({
      host: hostOf(row),
      subsets: ["v1", "v2", "v3"].map((version) => ({ name: version, labels: { version } })),
    }),
  ];
}

const tcpPort = (row: FeatureContext, index = 0) => ({
  number: row.ports(index),
  name: `tcp-${index}`,
  protocol: "TCP",
});
const tlsPort = (row: FeatureContext, index = 0) => ({
  number: row.ports(index),
  name: `tls-${index}`,
  protocol: "TLS",
});

function to(row: FeatureContext, subset: string, weight?: number): object {
  return { destination: { host: hostOf(row), subset }, ...(weight !== undefined && { weight }) };
}

function rules(row: FeatureContext, spec: object): object {
  return row.virtualService({ hosts: [hostOf(row)], ...spec });
}

async function answerer(row: FeatureContext, address = row.address(0), index = 0): Promise<string> {
  return (await row.talk({ address, port: row.ports(index) })).split(":")[0] ?? "";
}

function handshake(
  row: FeatureContext,
  serverName: string,
  more: { address?: string; port?: number } = {},
): Promise<TlsResult> {
  return row.probeTls({ address: row.address(0), port: row.ports(0), serverName, ...more });
}

async function answererOf(
  row: FeatureContext,
  name: string,
  more: { address?: string; port?: number } = {},
): Promise<string> {
  return /"version":"(v\d)"/.exec((await handshake(row, name, more)).received)?.[1] ?? "nobody";
}

const tcpRows: readonly Feature[] = [
  {
    name: "a sidecar divides TCP connections by weight",
    fields: ["VirtualService.tcp.route.weight", "VirtualService.tcp.route.destination"],
    service: false,
    manifests: (row) => [
      ...entry(row, [tcpPort(row)]),
      rules(row, { tcp: [{ route: [to(row, "v1", 80), to(row, "v2", 20), to(row, "v3")] }] }),
    ],
    check: async (row) => {
      const answers = await inTurn(200, () => answerer(row));
      assert.ok(!answers.includes("reviews-v3"));
      assertShare(answers.filter((answer) => answer === "reviews-v2").length, 200, 0.2);
    },
  },
  {
    name: "destinationSubnets tell the addresses of a service apart",
    fields: ["VirtualService.tcp.match.destinationSubnets"],
    service: false,
    manifests: (row) => [
      ...entry(row, [tcpPort(row)], [row.address(0), row.address(1)]),
      rules(row, {
        tcp: [
          { match: [{ destinationSubnets: [`${row.address(1)}/32`] }], route: [to(row, "v2")] },
          { match: [{ destinationSubnets: ["10.0.0.0/8"] }], route: [to(row, "v3")] },
          { route: [to(row, "v1")] },
        ],
      }),
    ],
    check: async (row) => {
      for (let index = 0; index < 5; index++) {
        assert.equal(await answerer(row, row.address(0)), "reviews-v1");
        assert.equal(await answerer(row, row.address(1)), "reviews-v2");
      }
    },
  },
  {
    name: "a TCP match's port is the service's",
    fields: ["VirtualService.tcp.match.port"],
    service: false,
    manifests: (row) => [
      ...entry(row, [tcpPort(row, 0), tcpPort(row, 1)]),
      rules(row, {
        tcp: [
          { match: [{ port: row.ports(1) }], route: [to(row, "v2")] },
          { match: [{ port: row.ports(0) }], route: [to(row, "v3")] },
        ],
      }),
    ],
    check: async (row) => {
      assert.equal(await answerer(row, row.address(0), 1), "reviews-v2");
      assert.equal(await answerer(row, row.address(0), 0), "reviews-v3");
    },
  },
  {
    name: "a TCP match's source labels and namespace are the caller's",
    fields: ["VirtualService.tcp.match.sourceLabels", "VirtualService.tcp.match.sourceNamespace"],
    service: false,
    manifests: (row) => [
      ...entry(row, [tcpPort(row)]),
      rules(row, {
        tcp: [
          { match: [{ sourceLabels: { app: "somebody" } }, { sourceNamespace: "elsewhere" }], route: [to(row, "v3")] },
          { match: [{ sourceLabels: { app: "frontend" }, sourceNamespace: "shop" }], route: [to(row, "v2")] },
          { route: [to(row, "v1")] },
        ],
      }),
    ],
    check: async (row) => {
      for (let index = 0; index < 5; index++) assert.equal(await answerer(row), "reviews-v2");
    },
  },
  {
    name: "a TCP rule for gateways leaves sidecars alone",
    fields: ["VirtualService.tcp.match.gateways"],
    service: false,
    manifests: (row) => [
      ...entry(row, [tcpPort(row)]),
      row.virtualService({
        hosts: [hostOf(row)],
        gateways: ["mesh", "edge"],
        tcp: [
          { match: [{ gateways: ["edge"] }], route: [to(row, "v3")] },
          { match: [{ gateways: ["mesh"] }], route: [to(row, "v2")] },
        ],
      }),
    ],
    check: async (row) => {
      for (let index = 0; index < 5; index++) assert.equal(await answerer(row), "reviews-v2");
    },
  },
  {
    name: "sourceSubnet is said to be without effect",
    fields: ["VirtualService.tcp.match.sourceSubnet"],
    service: false,
    complains: /sourceSubnet.*not applied/,
    manifests: (row) => [
      ...entry(row, [tcpPort(row)]),
      rules(row, { tcp: [{ match: [{ sourceSubnet: "10.0.0.0/8" }], route: [to(row, "v2")] }] }),
    ],
    check: async (row) => {
      for (let index = 0; index < 5; index++) assert.equal(await answerer(row), "reviews-v2");
    },
  },
];

const tlsRows: readonly Feature[] = [
  {
    name: "a sidecar routes TLS by server name, wildcards after names",
    fields: ["VirtualService.tls.match.sniHosts", "VirtualService.tls.route.destination"],
    service: false,
    manifests: (row) => [
      ...entry(row, [tlsPort(row)]),
      row.virtualService({
        hosts: [hostOf(row), `*.${hostOf(row)}`],
        tls: [
          { match: [{ sniHosts: [`*.${hostOf(row)}`] }], route: [to(row, "v1")] },
          { match: [{ sniHosts: [`b.${hostOf(row)}`, hostOf(row)] }], route: [to(row, "v2")] },
        ],
      }),
    ],
    check: async (row) => {
      assert.equal(await answererOf(row, `a.${hostOf(row)}`), "v1");
      assert.equal(await answererOf(row, `b.${hostOf(row)}`), "v2");
      assert.equal(await answererOf(row, hostOf(row)), "v2");
      await assert.rejects(handshake(row, "elsewhere.example.com"), "no rule, and nowhere to pass it on to");
    },
  },
  {
    name: "a TLS service without rules gets every server name",
    fields: ["VirtualService.tls"],
    service: false,
    manifests: (row) => entry(row, [{ ...tlsPort(row), protocol: "HTTPS" }]),
    check: async (row) => {
      assert.match(await answererOf(row, hostOf(row)), /^v\d$/);
      assert.match(await answererOf(row, "anything.example.com"), /^v\d$/);
    },
  },
  {
    name: "weights of a TLS rule divide a sidecar's connections",
    fields: ["VirtualService.tls.route.weight"],
    service: false,
    manifests: (row) => [
      ...entry(row, [tlsPort(row)]),
      rules(row, {
        tls: [
          { match: [{ sniHosts: [hostOf(row)] }], route: [to(row, "v1", 50), to(row, "v2", 50), to(row, "v3", 0)] },
        ],
      }),
    ],
    check: async (row) => {
      const answers = await inTurn(120, () => answererOf(row, hostOf(row)));
      assert.ok(!answers.includes("v3"));
      assertShare(answers.filter((answer) => answer === "v2").length, 120, 0.5);
    },
  },
  {
    name: "a TLS match is about where to, on which port and from whom",
    fields: [
      "VirtualService.tls.match.destinationSubnets",
      "VirtualService.tls.match.port",
      "VirtualService.tls.match.sourceLabels",
      "VirtualService.tls.match.sourceNamespace",
      "VirtualService.tls.match.gateways",
    ],
    service: false,
    manifests: (row) => {
      const sniHosts = [hostOf(row)];
      return [
        ...entry(row, [tlsPort(row, 0), tlsPort(row, 1)], [row.address(0), row.address(1)]),
        rules(row, {
          tls: [
            { match: [{ sniHosts, sourceLabels: { app: "somebody" } }], route: [to(row, "v3")] },
            { match: [{ sniHosts, sourceNamespace: "elsewhere" }], route: [to(row, "v3")] },
            { match: [{ sniHosts, gateways: ["edge"] }], route: [to(row, "v3")] },
            { match: [{ sniHosts, port: row.ports(1) }], route: [to(row, "v1")] },
            { match: [{ sniHosts, destinationSubnets: [row.address(1)] }], route: [to(row, "v2")] },
            { match: [{ sniHosts, sourceLabels: { app: "frontend" } }], route: [to(row, "v1")] },
          ],
        }),
      ];
    },
    check: async (row) => {
      const name = hostOf(row);
      assert.equal(await answererOf(row, name), "v1");
      assert.equal(await answererOf(row, name, { address: row.address(1) }), "v2");
      assert.equal(await answererOf(row, name, { port: row.ports(1) }), "v1");
    },
  },
];

/** A service whose one endpoint the check itself is. */
function database(row: FeatureContext, protocol: string): object {
  return serviceEntry(row.named(), {
    hosts: [hostOf(row)],
    addresses: [row.address(0)],
    ports: [{ number: row.ports(0), name: protocol.toLowerCase(), protocol }],
    endpoints: [{ address: row.address(1), ports: { [protocol.toLowerCase()]: row.ports(1) } }],
    location: "MESH_INTERNAL",
    resolution: "STATIC",
  });
}

const protocolRows: readonly Feature[] = [
  {
    name: "MongoDB's messages are counted and passed on as they are",
    fields: ["VirtualService.tcp"],
    service: false,
    manifests: (row) => [database(row, "MONGO")],
    check: async (row) => {
      await using server = await fakeServer({ address: row.address(1), port: row.ports(1) }, mongoReply);
      const query = mongoQuery();
      const payload = query.toString("latin1");
      const answer = await row.talk({ address: row.address(0), port: row.ports(0), payload });
      assert.equal(answer, mongoReply().toString("latin1"));
      assert.deepEqual(server.received, [query]);
      const counted = async (): Promise<boolean> => {
        const stats = await row.proxy().admin.stats(/^mongo\..*\.op_(query|reply)$/);
        return [...stats].filter(([name, count]) => name.includes(row.slug) && count === 1).length === 2;
      };
      await row.eventually(counted);
    },
  },
  {
    name: "Redis is answered command by command where its filter is on",
    fields: ["VirtualService.tcp"],
    service: false,
    manifests: (row) => [database(row, "REDIS")],
    check: async (row) => {
      await using server = await fakeServer({ address: row.address(1), port: row.ports(1) }, () =>
        Buffer.from("$6\r\nlateen\r\n"),
      );
      const ask = (...words: readonly string[]) =>
        row.talk({ address: row.address(0), port: row.ports(0), payload: redisCommand(...words) });
      assert.equal(await ask("PING"), "+PONG\r\n", "the proxy itself answers");
      assert.deepEqual(server.received, []);
      assert.equal(await ask("GET", "sail"), "$6\r\nlateen\r\n");
      assert.match(String(server.received[0]), /GET/i);
    },
  },
  {
    name: "MySQL is plain bytes for a proxy without its filter",
    fields: ["VirtualService.tcp"],
    service: false,
    manifests: (row) => [database(row, "MYSQL")],
    check: async (row) => {
      await using server = await fakeServer({ address: row.address(1), port: row.ports(1) }, () =>
        Buffer.from("greeting"),
      );
      assert.equal(await row.talk({ address: row.address(0), port: row.ports(0) }), "greeting");
      assert.equal(String(server.received[0]), "hello");
    },
  },
];

export const connectionRouteRows: readonly Feature[] = [...tcpRows, ...tlsRows, ...protocolRows];
