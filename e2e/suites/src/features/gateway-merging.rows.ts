import assert from "node:assert/strict";
import type { Feature } from "./feature.ts";
import { edge, rule, serverAt } from "./gateway-connections.rows.ts";
import { handshake } from "./gateway-tls.rows.ts";
import { credential, one, pairOf, secret, server, two } from "./gateway-tls-material.ts";
import { askSocket } from "./own-proxy.ts";

export const gatewayMergingRows: readonly Feature[] = [
  {
    name: "Gateways on one port have their hosts together",
    fields: ["Gateway.servers.hosts", "Gateway.selector"],
    manifests: (row) => {
      const names = ["one", "two"];
      return [
        row.subsets(),
        ...names.flatMap((name, index) => [
          row.gateway(
            { selector: edge, servers: [serverAt(row.ports(0), "HTTP", { hosts: [`${name}.${row.publicHost}`] })] },
            name,
          ),
          row.virtualService(
            {
              hosts: [`*.${row.publicHost}`],
              gateways: [row.named(name).name],
              http: [{ route: [row.to(`v${index + 1}`)] }],
            },
            name,
          ),
        ]),
        row.gateway(
          { selector: { istio: "nobody" }, servers: [serverAt(row.ports(1), "HTTP", { hosts: [row.publicHost] })] },
          "elsewhere",
        ),
      ];
    },
    check: async (row) => {
      const at = (name: string) => row.answerOfGateway({ port: row.ports(0), host: `${name}.${row.publicHost}` });
      assert.equal((await at("one")).version, "v1");
      assert.equal((await at("two")).version, "v2");
      const port = row.ports(0);
      assert.equal((await row.askGateway({ port, host: `three.${row.publicHost}` })).status, 404);
      await assert.rejects(row.askGateway({ port: row.ports(1) }), /ECONNREFUSED/, "another workload's Gateway");
    },
  },
  {
    name: "HTTPS servers of one port are told apart by server name, each with its certificate",
    fields: ["Gateway.servers.tls.credentialName"],
    manifests: (row) => [
      secret(row, pairOf(one), "one"),
      secret(row, pairOf(two), "two"),
      ...["one", "two"].flatMap((name) => {
        const tls = { mode: "SIMPLE", credentialName: credential(row, name) };
        const hosts = [`${name}.example.com`];
        const at = row.named(name).name;
        return [
          row.gateway({ selector: edge, servers: [serverAt(row.ports(0), "HTTPS", { hosts, tls })] }, name),
          row.virtualService({ hosts, gateways: [at], http: [{ route: [row.to()] }] }, name),
        ];
      }),
    ],
    check: async (row) => {
      for (const name of ["one", "two"]) {
        const { peerNames, received } = await handshake(row, { serverName: `${name}.example.com` });
        assert.match(peerNames, new RegExp(name));
        assert.match(received, /^HTTP\/1\.1 200/);
      }
    },
  },
  {
    name: "of two Gateways that want one host and port the older one keeps it",
    fields: ["Gateway.servers.hosts"],
    manifests: (row) => {
      const of = (name: string, day: number, servers: readonly object[]): object => ({
        ...row.gateway({ selector: edge, servers }, name),
        metadata: { ...row.named(name), creationTimestamp: `2024-01-0${day}T00:00:00Z` },
      });
      const tls = (name: string) => ({ mode: "SIMPLE", credentialName: credential(row, name) });
      const hosts = [row.publicHost];
      return [
        secret(row, pairOf(server), "old"),
        secret(row, pairOf(two), "young"),
        of("a-young", 2, [
          serverAt(row.ports(0), "HTTPS", { hosts, tls: tls("young") }),
          serverAt(row.ports(1), "TCP"),
        ]),
        of("z-old", 1, [serverAt(row.ports(0), "HTTPS", { hosts, tls: tls("old") }), serverAt(row.ports(1), "HTTP")]),
        row.virtualService({
          hosts,
          gateways: ["a-young", "z-old"].map((name) => row.named(name).name),
          http: [{ route: [row.to()] }],
          tcp: [{ route: [row.to()] }],
        }),
      ];
    },
    check: async (row) => {
      assert.match((await handshake(row)).peerNames, /\*\.example\.com/);
      assert.equal((await row.askGateway({ port: row.ports(1) })).status, 200, "HTTP, not bytes");
      const findings = await row.findings();
      assert.match(findings, /a-young.*wants the host.*z-old/);
      assert.match(findings, /a-young.*for TCP, which the older.*z-old.*for HTTP/);
    },
  },
  {
    name: "a server with an address of its own is reached at that address only",
    fields: ["Gateway.servers.bind"],
    manifests: (row) => [
      row.subsets(),
      row.gateway({
        selector: edge,
        servers: [
          serverAt(row.ports(0), "TCP", { bind: row.address(0) }),
          {
            ...serverAt(row.ports(0), "TCP", { bind: row.address(1) }),
            port: { number: row.ports(0), name: "tcp-second", protocol: "TCP" },
          },
        ],
      }),
      rule(row, { tcp: [{ route: [row.to()] }] }),
    ],
    check: async (row) => {
      const port = row.ports(0);
      for (const index of [0, 1])
        assert.match(await row.talk({ address: row.address(index), port }), /^reviews-v\d:hello/);
      await assert.rejects(row.talk({ address: "127.0.0.1", port }), /ECONNREFUSED/);
    },
  },
  {
    name: "a namespace before a host says whose VirtualServices may use it",
    fields: ["Gateway.servers.hosts"],
    manifests: (row) => {
      const other = row.named(undefined, "elsewhere");
      return [
        row.gateway({
          selector: edge,
          servers: [
            serverAt(row.ports(0), "HTTP", { hosts: [`./mine.${row.publicHost}`, `elsewhere/its.${row.publicHost}`] }),
          ],
        }),
        ...[row.named(), other].map((metadata) => ({
          apiVersion: "networking.istio.io/v1",
          kind: "VirtualService",
          metadata,
          spec: {
            hosts: [`*.${row.publicHost}`],
            gateways: [`${row.namespace}/${row.named().name}`],
            http: [{ directResponse: { status: metadata === other ? 418 : 201 } }],
          },
        })),
      ];
    },
    check: async (row) => {
      const at = async (name: string) =>
        (await row.askGateway({ port: row.ports(0), host: `${name}.${row.publicHost}` })).status;
      assert.equal(await at("mine"), 201);
      assert.equal(await at("its"), 418);
    },
  },
  {
    name: "a Gateway can serve at a Unix domain socket",
    fields: ["Gateway.servers.bind", "Gateway.servers.port.number"],
    manifests: (row) => [
      row.gateway({
        selector: edge,
        servers: [
          {
            port: { number: 0, name: "http", protocol: "HTTP" },
            bind: `unix://@${row.slug}-${row.ports(0)}`,
            hosts: [row.publicHost],
          },
        ],
      }),
      rule(row, { http: [{ route: [row.to()] }] }),
    ],
    check: async (row) => {
      const { status, body } = await askSocket(`\0${row.slug}-${row.ports(0)}`, row.publicHost);
      assert.equal(status, 200, body);
    },
  },
];
