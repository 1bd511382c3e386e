import assert from "node:assert/strict";
import { createServer } from "node:http";
import { endpointSlice, send, serviceEntry } from "@lateen/e2e-harness";
import type { Feature, FeatureContext, FeatureMeshSpec } from "./feature.ts";
import { fullSocket } from "./full-socket.ts";
import { ownProxy, sidecarOf, through } from "./own-proxy.ts";
import { hostOf, overOwn } from "./traffic-policy-parts.ts";

export const meshConfigMesh: FeatureMeshSpec = {
  workloads: [
    { app: "frontend", mutualTls: false },
    { app: "reviews", version: "v1", bare: true },
  ],
  gateways: [],
};

const upgrade = { connectionPool: { http: { h2UpgradePolicy: "UPGRADE" } } };

/** An entry of a namespace that is not the caller's, for `<suffix>.<publicHost>`, over v1. */
function elsewhere(row: FeatureContext, suffix: string, more: object = {}): object {
  const { address, port } = row.workload("reviews");
  return serviceEntry(row.named(suffix, "elsewhere"), {
    hosts: [`${suffix}.${row.publicHost}`],
    ports: [{ number: row.port, name: "http", protocol: "HTTP" }],
    resolution: "STATIC",
    endpoints: [{ address, ports: { http: port } }],
    ...more,
  });
}

/** A rule of the networking group in a namespace of the row's choice. */
function rule(row: FeatureContext, kind: string, namespace: string, spec: object): object {
  return { apiVersion: "networking.istio.io/v1", kind, metadata: row.named(undefined, namespace), spec };
}

const connections: readonly Feature[] = [
  {
    name: "statistics call clusters as the mesh wishes",
    fields: ["MeshConfig.outboundClusterStatName", "MeshConfig.inboundClusterStatName"],
    alone: true,
    meshConfig: () => ({
      outboundClusterStatName: "to-%SERVICE%_%SERVICE_PORT_NAME%_%SERVICE_PORT%_%SUBSET_NAME%",
      inboundClusterStatName: "at-%SERVICE_NAME%_%TARGET_PORT%",
    }),
    manifests: () => [],
    check: async (row) => {
      const { name, namespace } = row.named();
      const count = async (cluster: string): Promise<number | undefined> => {
        const stat = `cluster.${cluster};.upstream_rq_total`;
        return (await row.proxy().admin.stats(new RegExp(`^${stat.replaceAll(".", "\\.")}$`))).get(stat);
      };
      await row.answer();
      await row.eventually(async () => assert.equal(await count(`to-${name}.${namespace}_http_${row.port}_`), 1));
      const { address, port } = row.workload("frontend");
      assert.equal((await send({ address, port, host: row.mesh.host("frontend"), path: "/" })).status, 200);
      assert.equal(await count(`at-frontend_${port}`), 1);
    },
  },
  {
    name: "the mesh says how connections are made where no rule does",
    fields: ["connectTimeout", "tcpKeepalive", "h2UpgradePolicy"].map((field) => `MeshConfig.${field}`),
    alone: true,
    meshConfig: () => ({
      connectTimeout: "0.4s",
      tcpKeepalive: { probes: 4, time: "90s", interval: "15s" },
      h2UpgradePolicy: "UPGRADE",
      defaultHttpRetryPolicy: { attempts: 0 },
    }),
    manifests: (row) => overOwn(row, { suffix: "full" }, 0),
    check: async (row) => {
      assert.equal((await row.answer()).protocol, "2.0");
      // Not to be seen without waiting for a dead peer: what Envoy took is as near as it gets.
      const dump = JSON.stringify(JSON.parse(await row.proxy().admin.get(`/config_dump?name_regex=.*${row.host}`)));
      assert.match(dump, /"tcp_keepalive":\{"keepalive_probes":4,"keepalive_time":90,"keepalive_interval":15\}/);
      await using _full = await fullSocket(row.address(0), row.ports(0));
      const { status, tookMs } = await row.ask({ host: `${hostOf(row, "full")}:${row.port}` });
      assert.equal(status, 503);
      assert.ok(tookMs > 350 && tookMs < 9_500, `${tookMs} ms, 10 s by default`);
    },
  },
  {
    name: "names are looked up as often as dnsRefreshRate says",
    fields: ["MeshConfig.dnsRefreshRate"],
    service: false,
    alone: true,
    meshConfig: () => ({ dnsRefreshRate: "0.1s" }),
    manifests: (row) => [
      serviceEntry(row.named(), {
        hosts: [row.publicHost],
        ports: [{ number: row.port, name: "http", protocol: "HTTP" }],
        resolution: "DNS",
        endpoints: [{ address: "localhost", ports: { http: row.workload("frontend").port } }],
      }),
    ],
    check: async (row) => {
      const attempts = new RegExp(`^cluster\\.outbound\\|.*${row.publicHost}.*\\.update_attempt$`);
      await row.eventually(async () => {
        const [count = 0] = (await row.proxy().admin.stats(attempts)).values();
        assert.ok(count > 10, `${count} attempts`);
      }, 30_000); // one a minute by default
    },
  },
  {
    name: "defaultInboundHttpRetryPolicy is what the server's sidecar tries again",
    fields: ["MeshConfig.defaultInboundHttpRetryPolicy"],
    service: false,
    alone: true,
    meshConfig: () => ({
      defaultInboundHttpRetryPolicy: { attempts: 2, retryOn: "5xx", backoff: "25ms" },
      defaultHttpRetryPolicy: { attempts: 0 },
    }),
    manifests: (row) => {
      const at = row.named("behind");
      const port = { number: row.ports(0), protocol: "HTTP", name: "in" };
      return [
        ...row.service({ suffix: "behind", to: [] }),
        endpointSlice(at, { service: at.name, portName: "http", address: row.address(1), port: row.ports(0) }),
        sidecarOf(row, { ingress: [{ port, defaultEndpoint: `127.0.0.1:${row.ports(1)}` }] }),
      ];
    },
    check: async (row) => {
      let tries = 0;
      const server = createServer((_request, response) => {
        tries += 1;
        response.writeHead(tries % 3 === 0 ? 200 : 500).end();
      });
      server.listen(row.ports(1), "127.0.0.1");
      try {
        await using proxy = await ownProxy(row, { address: row.address(1) });
        await through(row, proxy, { port: row.ports(0), host: "any" });
        tries = 0;
        const answer = await row.ask({ host: `${hostOf(row, "behind")}:${row.port}` });
        assert.deepEqual([answer.status, tries], [200, 3]);
      } finally {
        server.closeAllConnections();
        server.close();
      }
    },
  },
];

const namespaces: readonly Feature[] = [
  {
    name: "what says nothing is exported as the mesh says",
    fields: ["Service", "VirtualService", "DestinationRule"].map((kind) => `MeshConfig.default${kind}ExportTo`),
    service: false,
    alone: true,
    meshConfig: () => ({
      defaultServiceExportTo: ["."],
      defaultVirtualServiceExportTo: ["."],
      defaultDestinationRuleExportTo: ["."],
    }),
    manifests: (row) => [
      elsewhere(row, "own"),
      elsewhere(row, "all", { exportTo: ["*"] }),
      rule(row, "VirtualService", "elsewhere", {
        hosts: [`all.${row.publicHost}`],
        http: [{ directResponse: { status: 418 } }],
      }),
      rule(row, "DestinationRule", "elsewhere", { host: `all.${row.publicHost}`, trafficPolicy: upgrade }),
    ],
    check: async (row) => {
      assert.equal((await row.ask({ host: `own.${row.publicHost}` })).status, 502, "nobody the mesh knows");
      assert.equal((await row.answer({ host: `all.${row.publicHost}` })).protocol, "1.1");
    },
  },
  {
    name: "rules of the namespace that rootNamespace names are for all",
    fields: ["MeshConfig.rootNamespace"],
    alone: true,
    meshConfig: () => ({ rootNamespace: "another-root" }),
    manifests: (row) => [rule(row, "DestinationRule", "another-root", { host: row.host, trafficPolicy: upgrade })],
    check: async (row) => assert.equal((await row.answer()).protocol, "2.0"),
  },
];

/** Entries over v1, for `<suffix>.<publicHost>`, each in a namespace of the row's own with these labels. */
function inNamespaces(row: FeatureContext, labels: Readonly<Record<string, object>>): readonly object[] {
  return Object.entries(labels).flatMap(([suffix, own]) => {
    const namespace = namespaceOf(row, suffix);
    const { address, port } = row.workload("reviews");
    return [
      { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels: own } },
      serviceEntry(row.named(suffix, namespace), {
        hosts: [`${suffix}.${row.publicHost}`],
        ports: [{ number: row.port, name: "http", protocol: "HTTP" }],
        resolution: "STATIC",
        endpoints: [{ address, ports: { http: port } }],
      }),
    ];
  });
}

function namespaceOf(row: FeatureContext, suffix: string): string {
  return `${row.slug.slice(0, 40)}-${suffix}`;
}

const [visibility, policy] = ["MeshConfig.serviceEntryVisibility", "MeshConfig.serviceEntryVisibility.policies"];

const reach: readonly Feature[] = [
  {
    name: "serviceEntryVisibility is the most that entries may be seen",
    fields: [
      ...["defaultVisibility", "applyToSidecars"].map((field) => `${visibility}.${field}`),
      ...["visibility", "matchingRules.namespaceSelector"].map((field) => `${policy}.${field}`),
    ],
    service: false,
    alone: true,
    meshConfig: () => ({
      serviceEntryVisibility: {
        defaultVisibility: "NONE",
        applyToSidecars: true,
        policies: [
          { visibility: "PUBLIC", matchingRules: [{ namespaceSelector: { matchLabels: { trusted: "yes" } } }] },
          { visibility: "NAMESPACE", matchingRules: [{ namespaceSelector: { matchLabels: { team: "a" } } }] },
        ],
      },
    }),
    manifests: (row) => inNamespaces(row, { open: { trusted: "yes" }, inside: { team: "a" }, nowhere: {} }),
    check: async (row) => {
      await using insider = await row.startProxy({ pod: `${row.slug}-1`, namespace: namespaceOf(row, "inside") });
      const seen = async (suffix: string, address = row.proxy().address): Promise<boolean> => {
        const { status } = await send({ address, port: row.port, host: `${suffix}.${row.publicHost}` });
        assert.ok(status === 200 || status === 502, String(status));
        return status === 200;
      };
      await row.eventually(async () => assert.ok(await seen("inside", insider.address)));
      assert.deepEqual([await seen("open"), await seen("inside"), await seen("nowhere")], [true, false, false]);
    },
  },
  {
    name: "clusterLocal services are called in the caller's cluster",
    fields: ["MeshConfig.serviceSettings.settings.clusterLocal", "MeshConfig.serviceSettings.hosts"],
    alone: true,
    meshConfig: (row) => ({
      serviceSettings: [
        { settings: { clusterLocal: true }, hosts: ["*.shop.svc.cluster.local"] },
        { settings: { clusterLocal: false }, hosts: [hostOf(row, "wide")] },
      ],
    }),
    manifests: (row) => row.service({ suffix: "wide", to: [row.workload("reviews")] }),
    check: async (row) => {
      await using abroad = await row.startProxy({ pod: `${row.slug}-1`, metadata: { CLUSTER_ID: "another" } });
      const ask = (host: string) => through(row, abroad, { host: `${host}:${row.port}` });
      await row.eventually(async () => assert.equal((await ask(hostOf(row, "wide"))).status, 200));
      assert.equal((await ask(row.host)).status, 503, "nobody in its cluster");
      assert.equal((await row.ask()).status, 200);
    },
  },
];

/** Settings of the mesh that no other area shows. */
export const meshConfigRows: readonly Feature[] = [...connections, ...namespaces, ...reach];
