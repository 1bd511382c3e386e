import assert from "node:assert/strict";
import { authorizationPolicy } from "@lateen/e2e-harness";
import type { Feature } from "./feature.ts";
import { accepted, handshake, httpsGateway, refused } from "./gateway-tls.rows.ts";
import { credential, pairOf, secret, server } from "./gateway-tls-material.ts";

export const gatewayTlsParameterRows: readonly Feature[] = [
  {
    name: "minProtocolVersion keeps older clients out",
    fields: ["Gateway.servers.tls.minProtocolVersion"],
    manifests: (row) => [
      secret(row, pairOf(server)),
      ...httpsGateway(row, { mode: "SIMPLE", credentialName: credential(row), minProtocolVersion: "TLSV1_3" }),
    ],
    check: async (row) => {
      assert.equal((await accepted(row)).protocol, "TLSv1.3");
      await refused(row, { offers: { maxVersion: "TLSv1.2" } });
    },
  },
  {
    name: "maxProtocolVersion keeps newer clients down",
    fields: ["Gateway.servers.tls.maxProtocolVersion"],
    manifests: (row) => [
      secret(row, pairOf(server)),
      ...httpsGateway(row, { mode: "SIMPLE", credentialName: credential(row), maxProtocolVersion: "TLSV1_2" }),
    ],
    check: async (row) => {
      assert.equal((await accepted(row)).protocol, "TLSv1.2");
      await refused(row, { offers: { minVersion: "TLSv1.3" } });
    },
  },
  {
    name: "cipherSuites are all that is spoken below TLS 1.3",
    fields: ["Gateway.servers.tls.cipherSuites"],
    manifests: (row) => [
      secret(row, pairOf(server)),
      ...httpsGateway(row, {
        mode: "SIMPLE",
        credentialName: credential(row),
        maxProtocolVersion: "TLSV1_2",
        cipherSuites: ["ECDHE-ECDSA-AES256-GCM-SHA384"],
      }),
    ],
    check: async (row) => {
      assert.equal((await accepted(row)).cipher, "ECDHE-ECDSA-AES256-GCM-SHA384");
      await refused(row, { offers: { ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" } });
    },
  },
  {
    name: "ecdhCurves are all the key exchange may use",
    fields: ["Gateway.servers.tls.ecdhCurves"],
    manifests: (row) => [
      secret(row, pairOf(server)),
      ...httpsGateway(row, { mode: "SIMPLE", credentialName: credential(row), ecdhCurves: ["P-384"] }),
    ],
    check: async (row) => {
      await accepted(row, { offers: { ecdhCurve: "P-384" } });
      await refused(row, { offers: { ecdhCurve: "P-256" } });
    },
  },
  {
    name: "tlsDefaults hold for servers that say nothing",
    fields: ["MeshConfig.tlsDefaults.ecdhCurves", "MeshConfig.tlsDefaults.cipherSuites"],
    alone: true,
    meshConfig: () => ({
      tlsDefaults: { ecdhCurves: ["P-384"], cipherSuites: ["ECDHE-ECDSA-AES256-GCM-SHA384"] },
    }),
    manifests: (row) => [
      secret(row, pairOf(server)),
      ...httpsGateway(row, { mode: "SIMPLE", credentialName: credential(row) }),
    ],
    check: async (row) => {
      const offers = { ecdhCurve: "P-384:P-256", maxVersion: "TLSv1.2" } as const; // the certificate's is P-256
      await row.eventually(async () => {
        assert.equal((await accepted(row, { offers })).cipher, "ECDHE-ECDSA-AES256-GCM-SHA384");
      });
      await refused(row, { offers: { ecdhCurve: "P-256" } });
      await refused(row, { offers: { ...offers, ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" } });
    },
  },
  {
    name: "httpsRedirect sends plain requests to HTTPS",
    fields: ["Gateway.servers.tls.httpsRedirect"],
    manifests: (row) => {
      const port = { number: row.ports(0), name: "http", protocol: "HTTP" };
      const hosts = [row.publicHost];
      const servers = [
        { port, hosts, tls: { httpsRedirect: true } },
        { port: { ...port, number: row.ports(1), name: "plain" }, hosts },
      ];
      return [
        row.gateway({ selector: { istio: "edge" }, servers }),
        row.virtualService({ hosts, gateways: [row.named().name], http: [{ route: [row.to()] }] }),
      ];
    },
    check: async (row) => {
      const { status, headers } = await row.askGateway({ port: row.ports(0), path: "/here" });
      assert.equal(status, 301);
      assert.equal(headers.location, `https://${row.publicHost}/here`);
      assert.equal((await row.askGateway({ port: row.ports(1) })).status, 200);
    },
  },
  {
    name: "policies know the server name where one server has all hosts",
    fields: ["Gateway.servers.hosts"],
    manifests: (row) => {
      const port = { number: row.ports(0), name: "https", protocol: "HTTPS" };
      const tls = { mode: "SIMPLE", credentialName: credential(row) };
      const denied = {
        when: [{ key: "connection.sni", values: [row.publicHost] }],
        to: [{ operation: { paths: ["/closed"], ports: [String(row.ports(0))] } }],
      };
      return [
        secret(row, pairOf(server)),
        row.gateway({ selector: { istio: "edge" }, servers: [{ port, hosts: ["*"], tls }] }),
        row.virtualService({ hosts: [row.publicHost], gateways: [row.named().name], http: [{ route: [row.to()] }] }),
        authorizationPolicy(row.named(), {
          action: "DENY",
          selector: { matchLabels: { istio: "edge" } },
          rules: [denied],
        }),
      ];
    },
    check: async (row) => {
      await accepted(row);
      const payload = `GET /closed HTTP/1.1\r\nhost: ${row.publicHost}\r\n\r\n`;
      await row.eventually(async () => assert.match((await handshake(row, { payload })).received, /^HTTP\/1\.1 403/));
    },
  },
  {
    name: "plain HTTP is served beside older TLS servers of its port",
    fields: ["Gateway.servers.port.protocol"],
    manifests: (row) => {
      const port = { number: row.ports(0), name: "https", protocol: "HTTPS" };
      const hosts = [row.publicHost];
      const servers = [
        { port, hosts, tls: { mode: "SIMPLE", credentialName: credential(row) } },
        { port: { ...port, name: "plain", protocol: "HTTP" }, hosts },
      ];
      return [
        secret(row, pairOf(server)),
        row.gateway({ selector: { istio: "edge" }, servers }),
        row.virtualService({ hosts, gateways: [row.named().name], http: [{ route: [row.to()] }] }),
      ];
    },
    check: async (row) => {
      await accepted(row);
      assert.equal((await row.askGateway({ port: row.ports(0) })).status, 200);
    },
  },
  {
    name: "a server's name is what its statistics are called",
    fields: ["Gateway.servers.name"],
    manifests: (row) => [
      secret(row, pairOf(server)),
      ...httpsGateway(row, { mode: "SIMPLE", credentialName: credential(row) }, { name: "named-server" }),
    ],
    check: async (row) => {
      await accepted(row);
      const counted = async (): Promise<boolean> =>
        (await row.gatewayProxy().admin.stats(/^http\.named-server\.downstream_rq_2xx$/)).get(
          "http.named-server.downstream_rq_2xx",
        ) === 1;
      await row.eventually(counted);
    },
  },
];
