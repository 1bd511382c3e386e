import assert from "node:assert/strict";
import type { Feature } from "./feature.ts";
import { client, clientRoot, server, serverRoot } from "./gateway-tls-material.ts";
import { logService } from "./log-collectors.ts";
import { through } from "./own-proxy.ts";

const service = (field: string): string => `MeshConfig.defaultConfig.envoyAccessLogService.${field}`;

/** The service that proxies know from their start, by `defaultConfig`, as the injector gives it to agents. */
export const accessLogServiceRows: readonly Feature[] = [
  {
    name: "the service that a proxy was started with is told of requests and connections",
    fields: ["MeshConfig.enableEnvoyAccessLogService", service("address"), service("tcpKeepalive")],
    alone: true,
    meshConfig: () => ({ enableEnvoyAccessLogService: true }),
    manifests: (row) =>
      row.service({ suffix: "bytes", port: row.ports(3), portName: "tcp", to: [row.workload("reviews")] }),
    check: async (row) => {
      await using logs = await logService(row.ports(1));
      const config = {
        envoyAccessLogService: {
          address: `localhost:${row.ports(1)}`,
          tcpKeepalive: { probes: 4, time: "90s", interval: "15s" },
        },
      };
      await using agent = await row.startAgent({ pod: "logging-1", config });
      await row.eventually(async () => {
        await through(row, agent, { path: "/logged" });
        const entry = logs.http.find(({ request }) => request?.path === "/logged");
        assert.deepEqual([entry?.logName, entry?.response?.responseCode], ["http_envoy_accesslog", 200]);
      });
      // Not to be seen without waiting for a dead peer: what Envoy took is as near as it gets.
      const dump = JSON.stringify(JSON.parse(await agent.admin.get("/config_dump?name_regex=envoy_accesslog_service")));
      assert.match(dump, /"tcp_keepalive":\{"keepalive_probes":4,"keepalive_time":90,"keepalive_interval":15\}/);
    },
  },
  {
    name: "the service of access logs that a proxy was started with is spoken to under TLS",
    fields: [service("tlsSettings")],
    alone: true,
    meshConfig: () => ({ enableEnvoyAccessLogService: true }),
    manifests: () => [],
    check: async (row) => {
      await using logs = await logService(row.ports(1), { ...server, clientRoot });
      const tlsSettings = {
        ...{ mode: "MUTUAL", caCertificates: row.fileWith("root.pem", serverRoot) },
        clientCertificate: row.fileWith("cert.pem", client.certificate),
        privateKey: row.fileWith("key.pem", client.privateKey),
      };
      const config = { envoyAccessLogService: { address: `localhost:${row.ports(1)}`, tlsSettings } };
      await using agent = await row.startAgent({ pod: "secretive-1", config });
      await row.eventually(async () => {
        await through(row, agent, { path: "/logged" });
        assert.ok(logs.http.some(({ request }) => request?.path === "/logged"));
      });
    },
  },
];
