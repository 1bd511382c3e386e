import assert from "node:assert/strict";
import { assertShare, inTurn, serviceEntry } from "@lateen/e2e-harness";
import type { Feature, FeatureContext } from "./feature.ts";
import { handshake } from "./gateway-tls.rows.ts";
import { credential, pairOf, secret, server } from "./gateway-tls-material.ts";

export const edge = { istio: "edge" };

export function serverAt(number: number, protocol: string, more: object = {}): object {
  return { port: { number, name: `${protocol.toLowerCase()}-${number}`, protocol }, hosts: ["*"], ...more };
}

/** A rule of the row for its gateway. */
export function rule(row: FeatureContext, spec: object, suffix?: string): object {
  return row.virtualService({ hosts: [row.publicHost], gateways: [row.named().name], ...spec }, suffix);
}

/** Who answered bytes, or a request under TLS that was passed on. */
const versionOf = (answer: string): string =>
  /reviews-(v\d)|"version":"(v\d)"/.exec(answer)?.slice(1).join("") ?? answer;

async function versions(row: FeatureContext, count: number, port: number): Promise<Record<string, number>> {
  const answers: Record<string, number> = {};
  for (let index = 0; index < count; index++) {
    const version = versionOf(await row.talk({ address: "127.0.0.1", port }));
    answers[version] = (answers[version] ?? 0) + 1;
  }
  return answers;
}

const passthrough = { tls: { mode: "PASSTHROUGH" } };

const byServerName: readonly Feature[] = [
  {
    name: "PASSTHROUGH sends connections on by the server name asked for",
    fields: ["Gateway.servers.tls.mode", "VirtualService.tls.match.sniHosts", "VirtualService.tls.route.destination"],
    manifests: (row) => [
      row.subsets(),
      row.gateway({ selector: edge, servers: [serverAt(row.ports(0), "TLS", passthrough)] }),
      rule(row, {
        hosts: [`a.${row.publicHost}`, `b.${row.publicHost}`],
        tls: ["a", "b"].map((name, index) => ({
          match: [{ sniHosts: [`${name}.${row.publicHost}`] }],
          route: [row.to(`v${index + 1}`)],
        })),
      }),
    ],
    check: async (row) => {
      const to = (name: string) => handshake(row, { serverName: `${name}.${row.publicHost}` });
      const { peerNames, received } = await to("a");
      assert.match(peerNames, /backend\.example\.com/, "TLS ends at the program");
      assert.equal(versionOf(received), "v1");
      assert.equal(versionOf((await to("b")).received), "v2");
      await assert.rejects(to("c"));
    },
  },
  {
    name: "a wildcard in sniHosts is for names no other match has",
    fields: ["VirtualService.tls.match.sniHosts"],
    manifests: (row) => [
      row.subsets(),
      row.gateway({ selector: edge, servers: [serverAt(row.ports(0), "TLS", passthrough)] }),
      rule(row, {
        hosts: [`*.${row.publicHost}`],
        tls: [
          { match: [{ sniHosts: [`*.${row.publicHost}`] }], route: [row.to("v1")] },
          { match: [{ sniHosts: [`x.${row.publicHost}`] }], route: [row.to("v2")] },
        ],
      }),
    ],
    check: async (row) => {
      const to = async (name: string) => versionOf((await handshake(row, { serverName: name })).received);
      assert.equal(await to(`anything.${row.publicHost}`), "v1");
      assert.equal(await to(`x.${row.publicHost}`), "v2");
      await assert.rejects(to("elsewhere.example.com"));
    },
  },
  {
    name: "a wildcard rule reaches only the names its server has",
    fields: ["Gateway.servers.hosts", "VirtualService.tls.match.sniHosts"],
    manifests: (row) => [
      row.gateway({
        selector: edge,
        servers: [serverAt(row.ports(0), "TLS", { ...passthrough, hosts: [`in.${row.publicHost}`] })],
      }),
      rule(row, {
        hosts: [`*.${row.publicHost}`],
        tls: [{ match: [{ sniHosts: [`*.${row.publicHost}`] }], route: [row.to()] }],
      }),
    ],
    check: async (row) => {
      await handshake(row, { serverName: `in.${row.publicHost}` });
      await assert.rejects(handshake(row, { serverName: `out.${row.publicHost}` }));
    },
  },
  {
    name: "a TLS match's port and gateways must be the connection's",
    fields: ["VirtualService.tls.match.port", "VirtualService.tls.match.gateways"],
    manifests: (row) => [
      row.subsets(),
      row.gateway({ selector: edge, servers: [0, 1].map((index) => serverAt(row.ports(index), "TLS", passthrough)) }),
      rule(row, {
        tls: [
          { match: [{ sniHosts: [row.publicHost], gateways: ["elsewhere"] }], route: [row.to("v3")] },
          { match: [{ sniHosts: [row.publicHost], port: row.ports(0) }], route: [row.to("v1")] },
          { match: [{ sniHosts: [row.publicHost], gateways: [row.named().name] }], route: [row.to("v2")] },
        ],
      }),
    ],
    check: async (row) => {
      const at = async (index: number) => versionOf((await handshake(row, { port: row.ports(index) })).received);
      assert.equal(await at(0), "v1");
      assert.equal(await at(1), "v2");
    },
  },
  {
    name: "weights of a TLS route divide connections",
    fields: ["VirtualService.tls.route.weight"],
    manifests: (row) => [
      row.subsets(),
      row.gateway({ selector: edge, servers: [serverAt(row.ports(0), "TLS", passthrough)] }),
      rule(row, {
        tls: [
          {
            match: [{ sniHosts: [row.publicHost] }],
            route: [row.to("v1", { weight: 75 }), row.to("v2", { weight: 25 }), row.to("v3")],
          },
        ],
      }),
    ],
    check: async (row) => {
      const answers = await inTurn(150, () => handshake(row));
      const chosen = answers.map(({ received }) => versionOf(received));
      assert.ok(!chosen.includes("v3"));
      assertShare(chosen.filter((version) => version === "v2").length, 150, 0.25);
    },
  },
  {
    name: "AUTO_PASSTHROUGH finds a service's mutual TLS endpoints by cluster name",
    fields: ["Gateway.servers.tls.mode"],
    service: false,
    manifests: (row) => [
      serviceEntry(row.named(), {
        hosts: [`${row.slug}.mesh.local`],
        location: "MESH_INTERNAL",
        resolution: "STATIC",
        ports: [{ number: 80, name: "http", protocol: "HTTP" }],
        endpoints: ["v1", "v2", "v3"].map((version) => {
          const { address, port } = row.workload("reviews", version);
          const labels = { version, ...(version === "v3" ? {} : { "security.istio.io/tlsMode": "istio" }) };
          return { address, ports: { http: port }, labels };
        }),
      }),
      row.destinationRule({
        host: `${row.slug}.mesh.local`,
        subsets: [{ name: "two", labels: { version: "v2" } }],
      }),
      row.gateway({
        selector: edge,
        servers: [
          serverAt(row.ports(0), "TLS", { tls: { mode: "AUTO_PASSTHROUGH" }, hosts: [`${row.slug}.mesh.local`] }),
        ],
      }),
    ],
    check: async (row) => {
      const name = (subset: string): string => `outbound_.80_.${subset}_.${row.slug}.mesh.local`;
      const alpn = ["istio", "http/1.1"];
      const seen = new Set<string>();
      for (let index = 0; index < 60; index++)
        seen.add(versionOf((await handshake(row, { serverName: name(""), alpn })).received));
      assert.deepEqual([...seen].sort(), ["v1", "v2"], "plaintext endpoints are left out");
      assert.equal(versionOf((await handshake(row, { serverName: name("two"), alpn })).received), "v2");
      await assert.rejects(handshake(row, { serverName: name(""), alpn: ["http/1.1"] }), "without the mesh's ALPN");
      await assert.rejects(handshake(row, { serverName: `outbound_.81_._.${row.slug}.mesh.local`, alpn }));
    },
  },
];

const bytes: readonly Feature[] = [
  {
    name: "a TCP server forwards bytes as the first matching tcp route says",
    fields: [
      "VirtualService.tcp.route.destination",
      "VirtualService.tcp.match.port",
      "VirtualService.tcp.match.gateways",
    ],
    manifests: (row) => [
      row.subsets(),
      row.gateway({ selector: edge, servers: [0, 1].map((index) => serverAt(row.ports(index), "TCP")) }),
      rule(row, {
        tcp: [
          { match: [{ gateways: ["elsewhere"] }], route: [row.to("v3")] },
          { match: [{ port: row.ports(0) }], route: [row.to("v1")] },
          { match: [{ gateways: [row.named().name] }], route: [row.to("v2")] },
        ],
      }),
    ],
    check: async (row) => {
      assert.deepEqual(await versions(row, 5, row.ports(0)), { v1: 5 });
      assert.deepEqual(await versions(row, 5, row.ports(1)), { v2: 5 });
    },
  },
  {
    name: "weights of a TCP route divide connections",
    fields: ["VirtualService.tcp.route.weight"],
    manifests: (row) => [
      row.subsets(),
      row.gateway({ selector: edge, servers: [serverAt(row.ports(0), "TCP")] }),
      rule(row, {
        tcp: [{ route: [row.to("v1", { weight: 70 }), row.to("v2", { weight: 30 }), row.to("v3", { weight: 0 })] }],
      }),
    ],
    check: async (row) => {
      const { v2 = 0, v3 = 0 } = await versions(row, 200, row.ports(0));
      assertShare(v2, 200, 0.3);
      assert.equal(v3, 0);
    },
  },
  {
    name: "TLS that ends at the gateway goes on as bytes",
    fields: ["Gateway.servers.tls.mode", "Gateway.servers.port.protocol"],
    manifests: (row) => [
      secret(row, pairOf(server)),
      row.gateway({
        selector: edge,
        servers: [
          serverAt(row.ports(0), "TLS", {
            hosts: [row.publicHost],
            tls: { mode: "SIMPLE", credentialName: credential(row) },
          }),
        ],
      }),
      rule(row, { tcp: [{ route: [row.to()] }] }),
    ],
    check: async (row) => {
      const { received, peerNames } = await handshake(row, { payload: "some bytes" });
      assert.match(received, /^reviews-v\d:some bytes$/);
      assert.match(peerNames, /\*\.example\.com/);
    },
  },
];

export const gatewayConnectionRows: readonly Feature[] = [...byServerName, ...bytes];
