import assert from "node:assert/strict";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { meshConfig, serviceEntry } from "@lateen/e2e-harness";
import type { Feature, FeatureContext } from "./feature.ts";
import { workloadEntry } from "./workload-manifests.ts";

/** A Service as Kubernetes has it, without endpoints. */
function service(row: FeatureContext, spec: object, suffix?: string, metadata: object = {}): object {
  return { apiVersion: "v1", kind: "Service", metadata: { ...row.named(suffix), ...metadata }, spec };
}

const lookedAt = {
  discoverySelectors: [
    { matchLabels: { looked: "at" } },
    { matchExpressions: [{ key: "ignored", operator: "DoesNotExist" }] },
    { matchExpressions: [{ key: "rank", operator: "In", values: ["high", "higher"] }] },
  ],
};

/** An entry in each of two namespaces of the row, which are labelled like this. */
function inNamespaces(row: FeatureContext, ...labels: readonly object[]): readonly object[] {
  return ["one", "other"].flatMap((suffix, index) => {
    const namespace = `${row.slug.slice(0, 40)}-${suffix}`;
    const { address, port } = row.workload("reviews", "v1");
    return [
      { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels: labels[index] } },
      serviceEntry(row.named(suffix, namespace), {
        hosts: [`${suffix}.${row.publicHost}`],
        ports: [{ number: row.port, name: "http", protocol: "HTTP" }],
        resolution: "STATIC",
        endpoints: [{ address, ports: { http: port } }],
      }),
    ];
  });
}

function socketOf(row: FeatureContext): string {
  return join(tmpdir(), `lateen-${process.pid}-${row.slug}.sock`);
}

/** An HTTP server that says `name` to everything; ends on dispose. */
async function answering(name: string, listen: { path: string } | { host: string; port: number }) {
  const server = createServer((_request, response) => response.end(name));
  server.listen(listen);
  await once(server, "listening");
  return {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function reaches(row: FeatureContext, host: string, version: string): Promise<void> {
  assert.equal((await row.answer({ host })).version, version, host);
}

/** Rules of the row's own Service send to v2: whoever comes by another name shows that it is the same service. */
function rulesToV2(row: FeatureContext): readonly object[] {
  return [row.subsets(), row.http({ route: [row.to("v2")] })];
}

export const serviceRows: readonly Feature[] = [
  {
    name: "an endpoint may be a Unix socket",
    service: false,
    fields: ["ServiceEntry.endpoints.address"],
    manifests: (row) => [
      serviceEntry(row.named(), {
        hosts: [row.publicHost],
        ports: [{ number: row.port, name: "http", protocol: "HTTP" }],
        resolution: "STATIC",
        endpoints: [{ address: `unix://${socketOf(row)}` }],
      }),
    ],
    check: async (row) => {
      const path = socketOf(row);
      await rm(path, { force: true });
      assert.equal((await row.ask({ host: row.publicHost })).status, 503);
      await using _server = await answering("from the socket", { path });
      const answer = await row.ask({ host: row.publicHost });
      assert.deepEqual([answer.status, answer.body], [200, "from the socket"]);
    },
  },
  {
    name: "an endpoint may be an IPv6 address",
    service: false,
    fields: ["ServiceEntry.endpoints.address"],
    manifests: (row) => [
      serviceEntry(row.named(), {
        hosts: [row.publicHost],
        ports: [{ number: row.port, name: "http", protocol: "HTTP" }],
        resolution: "STATIC",
        endpoints: [{ address: "::1", ports: { http: row.ports(0) } }],
      }),
    ],
    check: async (row) => {
      await using _server = await answering("from ::1", { host: "::1", port: row.ports(0) });
      assert.equal((await row.ask({ host: row.publicHost })).body, "from ::1");
    },
  },
  {
    name: "a Service selects WorkloadEntries, by named target port",
    service: false,
    fields: ["WorkloadEntry.labels", "WorkloadEntry.ports"],
    manifests: (row) => {
      const { address, port } = row.workload("reviews", "v3");
      return [
        service(row, {
          clusterIP: row.address(1),
          selector: { app: row.slug },
          ports: [{ name: "http", port: row.port, targetPort: "web" }],
        }),
        workloadEntry(row.named(), { address, ports: { web: port }, labels: { app: row.slug } }),
      ];
    },
    check: (row) => reaches(row, row.host, "v3"),
  },
  {
    name: "an ExternalName of a known service is another name of it",
    fields: ["Service.spec.externalName"],
    manifests: (row) => [
      ...rulesToV2(row),
      service(row, { type: "ExternalName", externalName: row.host }, "alias"),
      service(row, { type: "ExternalName", externalName: row.mesh.host(row.named("alias").name) }, "chain"),
    ],
    check: async (row) => {
      for (const suffix of ["alias", "chain"]) {
        const { name, namespace } = row.named(suffix);
        for (const host of [row.mesh.host(name), name, `${name}.${namespace}`]) await reaches(row, host, "v2");
      }
    },
  },
  {
    name: "a route to an ExternalName goes to the service behind it",
    fields: ["VirtualService.http.route.destination.host"],
    manifests: (row) => [
      service(row, { type: "ExternalName", externalName: row.host }, "alias"),
      ...row.service({ suffix: "outer", to: [] }),
      row.virtualService(
        {
          hosts: [row.mesh.host(row.named("outer").name)],
          http: [{ route: [{ destination: { host: row.named("alias").name } }] }],
        },
        "outer",
      ),
    ],
    check: async (row) => {
      const { app } = await row.answer({ host: row.mesh.host(row.named("outer").name) });
      assert.equal(app, "reviews");
    },
  },
  {
    name: "an ExternalName outside the mesh is resolved",
    service: false,
    fields: ["Service.spec.externalName"],
    manifests: (row) => [
      service(row, {
        type: "ExternalName",
        externalName: "localhost",
        ports: [{ name: "http", port: row.port, targetPort: row.workload("frontend").port }],
      }),
    ],
    check: (row) => row.eventually(async () => assert.equal((await row.answer({ host: row.host })).app, "frontend")),
  },
  {
    name: "a workload's own name below its headless service reaches it",
    service: false,
    fields: ["Service.spec.clusterIP"],
    manifests: (row) => row.service({ clusterIp: "None", to: [row.workload("reviews", "v2")] }),
    check: async (row) => {
      await reaches(row, row.host, "v2");
      await reaches(row, `reviews-0.${row.host}`, "v2");
      await reaches(row, `reviews-0.${row.slug}`, "v2");
    },
  },
  {
    name: "the application protocol of a port says what it speaks",
    service: false,
    fields: ["Service.spec.ports.appProtocol"],
    manifests: (row) => [
      ...row.service({ portName: "tcp-said", appProtocol: "http", to: [row.workload("reviews", "v1")] }),
      row.virtualService({
        hosts: [row.host],
        http: [{ match: [{ uri: { prefix: "/no" } }], directResponse: { status: 418 } }, { route: [row.to()] }],
      }),
    ],
    check: async (row) => {
      assert.equal((await row.ask("/no")).status, 418);
      assert.equal((await row.answer("/yes")).version, "v1");
    },
  },
  {
    name: "the name of a port says what it speaks",
    service: false,
    fields: ["Service.spec.ports.name"],
    manifests: (row) => row.service({ portName: "tcp-bytes", port: row.ports(0), to: [row.workload("reviews", "v1")] }),
    check: async (row) =>
      assert.equal(await row.talk({ address: row.address(9), port: row.ports(0) }), "reviews-v1:hello"),
  },
  {
    name: "a Service may want traffic before its endpoints are ready",
    service: false,
    fields: ["Service.spec.publishNotReadyAddresses"],
    manifests: (row) =>
      [true, false].flatMap((early) => {
        const suffix = early ? "early" : "late";
        const { address, port } = row.workload("reviews", "v1");
        const at = row.named(suffix);
        const ports = [{ name: "http", port: row.port, targetPort: "http" }];
        return [
          service(row, { clusterIP: row.address(early ? 1 : 2), ports, publishNotReadyAddresses: early }, suffix),
          {
            ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice" },
            metadata: { ...at, labels: { "kubernetes.io/service-name": at.name } },
            addressType: "IPv4",
            ports: [{ name: "http", port }],
            endpoints: [{ addresses: [address], conditions: { ready: false } }],
          },
        ];
      }),
    check: async (row) => {
      await reaches(row, row.mesh.host(row.named("early").name), "v1");
      assert.equal((await row.ask({ host: row.mesh.host(row.named("late").name) })).status, 503);
    },
  },
  {
    name: "objects of a namespace that discoverySelectors do not select do not count",
    service: false,
    alone: true,
    fields: ["matchLabels", "matchExpressions.key", "matchExpressions.operator", "matchExpressions.values"].map(
      (field) => `MeshConfig.discoverySelectors.${field}`,
    ),
    meshConfig: () => lookedAt,
    manifests: (row) => inNamespaces(row, { ignored: "yes" }, { ignored: "yes", looked: "at" }),
    check: async (row) => {
      const [one, other] = ["one", "other"].map((suffix) => `${suffix}.${row.publicHost}`);
      await reaches(row, other ?? "", "v1");
      assert.equal((await row.ask({ host: one ?? "" })).status, 502);
      await row.rewrite([meshConfig(JSON.stringify(lookedAt)), ...inNamespaces(row, {}, { ignored: "yes" })]);
      await row.eventually(async () => await reaches(row, one ?? "", "v1"));
      await row.eventually(async () => assert.equal((await row.ask({ host: other ?? "" })).status, 502));
    },
  },
  {
    name: "a Service exported to its own namespace is nobody else's",
    service: false,
    fields: ["Service.metadata.annotations"],
    manifests: (row) =>
      [".", "*"].flatMap((target) =>
        row.service({
          suffix: target === "." ? "own" : "all",
          namespace: "elsewhere",
          clusterIp: row.address(target === "." ? 1 : 2),
          annotations: { "networking.istio.io/exportTo": target },
          to: [row.workload("reviews", "v1")],
        }),
      ),
    check: async (row) => {
      const host = (suffix: string): string => `${row.named(suffix).name}.elsewhere.svc.cluster.local`;
      await reaches(row, host("all"), "v1");
      assert.equal((await row.ask({ host: host("own") })).status, 502);
    },
  },
  {
    name: "a Service's client affinity is told of, and what keeps a client at one endpoint",
    service: false,
    fields: ["Service.spec.sessionAffinity"],
    complains: /sessionAffinity: ClientIP is not kept by proxies.*useSourceIp/,
    manifests: (row) => [
      ...row.service({
        to: ["v1", "v2", "v3"].map((version) => row.workload("reviews", version)),
        more: { sessionAffinity: "ClientIP" },
      }),
      row.destinationRule({
        host: row.host,
        trafficPolicy: { loadBalancer: { consistentHash: { useSourceIp: true } } },
      }),
    ],
    check: async (row) => assert.equal(Object.keys(await row.split(12)).length, 1),
  },
  {
    name: "an entry for a Service's host adds endpoints to it",
    fields: ["ServiceEntry.hosts"],
    manifests: (row) => [
      row.destinationRule({ host: row.host, subsets: [{ name: "added", labels: { from: "entry" } }] }),
      row.http({ route: [row.to("added")] }),
      serviceEntry(row.named("more"), {
        hosts: [row.host],
        ports: [{ number: row.port, name: "http", protocol: "HTTP" }],
        resolution: "STATIC",
        location: "MESH_INTERNAL",
        endpoints: [
          {
            address: row.workload("reviews", "v3").address,
            ports: { http: row.workload("reviews", "v3").port },
            labels: { from: "entry" },
          },
        ],
      }),
    ],
    check: (row) => reaches(row, row.host, "v3"),
  },
];
