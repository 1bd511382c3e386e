import assert from "node:assert/strict";
import { serviceEntry } from "@lateen/e2e-harness";
import type { Feature, FeatureContext, MeshWorkload } from "./feature.ts";
import { workloadEntry } from "./workload-manifests.ts";

const entry = "ServiceEntry";

/** The row's ServiceEntry for its public host, HTTP on the port of all services, with the rest as given. */
function entryOf(row: FeatureContext, spec: object, suffix?: string): object {
  const ports = [{ number: row.port, name: "http", protocol: "HTTP" }];
  return serviceEntry(row.named(suffix), { hosts: [row.publicHost], ports, ...spec });
}

function endpoint({ address, port }: MeshWorkload, more: object = {}): object {
  return { address, ports: { http: port }, ...more };
}

async function versionOf(row: FeatureContext, host = row.publicHost): Promise<string> {
  return (await row.answer({ host })).version;
}

export const serviceEntryRows: readonly Feature[] = [
  {
    name: "a static entry sends to its endpoints, on ports of their own",
    service: false,
    fields: [
      `${entry}.hosts`,
      `${entry}.ports.number`,
      `${entry}.ports.name`,
      `${entry}.ports.protocol`,
      `${entry}.resolution`,
      `${entry}.endpoints.address`,
      `${entry}.endpoints.ports`,
    ],
    manifests: (row) => [
      entryOf(row, {
        resolution: "STATIC",
        endpoints: [endpoint(row.workload("reviews", "v1")), endpoint(row.workload("reviews", "v2"))],
      }),
    ],
    check: async (row) => {
      const versions = await row.split(60, { host: row.publicHost });
      assert.deepEqual(Object.keys(versions).sort(), ["v1", "v2"]);
      assert.equal((await row.ask({ host: `not-${row.publicHost}` })).status, 502);
    },
  },
  {
    name: "an endpoint's weight is its share",
    service: false,
    fields: [`${entry}.endpoints.weight`],
    manifests: (row) => [
      entryOf(row, {
        resolution: "STATIC",
        endpoints: [
          endpoint(row.workload("reviews", "v1"), { weight: 1 }),
          endpoint(row.workload("reviews", "v2"), { weight: 9 }),
        ],
      }),
      row.destinationRule({ host: row.publicHost, trafficPolicy: { loadBalancer: { simple: "ROUND_ROBIN" } } }),
    ],
    check: async (row) => {
      const { v1 = 0, v2 = 0 } = await row.split(60, { host: row.publicHost });
      assert.ok(v1 > 0 && v2 > 4 * v1, `${v1} : ${v2}`);
    },
  },
  {
    name: "subsets choose endpoints of an entry by their labels",
    service: false,
    fields: [`${entry}.endpoints.labels`],
    manifests: (row) => [
      entryOf(row, {
        resolution: "STATIC",
        endpoints: ["v1", "v2"].map((version) =>
          endpoint(row.workload("reviews", version), { labels: { generation: version } }),
        ),
      }),
      row.destinationRule({ host: row.publicHost, subsets: [{ name: "second", labels: { generation: "v2" } }] }),
      row.virtualService({
        hosts: [row.publicHost],
        http: [{ route: [{ destination: { host: row.publicHost, subset: "second" } }] }],
      }),
    ],
    check: async (row) => assert.deepEqual(await row.split(10, { host: row.publicHost }), { v2: 10 }),
  },
  {
    name: "the target port of an entry is where its endpoints listen",
    service: false,
    fields: [`${entry}.ports.targetPort`],
    manifests: (row) => {
      const { address, port: targetPort } = row.workload("reviews", "v3");
      const ports = [{ number: row.port, name: "http", protocol: "HTTP", targetPort }];
      return [entryOf(row, { ports, resolution: "STATIC", endpoints: [{ address }] })];
    },
    check: async (row) => assert.equal(await versionOf(row), "v3"),
  },
  {
    name: "an entry stands for each of its hosts, and for all names below a wildcard",
    service: false,
    fields: [`${entry}.hosts`],
    manifests: (row) => [
      entryOf(row, {
        hosts: [row.publicHost, `second.${row.publicHost}`, `*.many.${row.publicHost}`],
        resolution: "STATIC",
        endpoints: [endpoint(row.workload("reviews", "v2"))],
      }),
    ],
    check: async (row) => {
      for (const host of ["", "second.", "a.many.", "b.c.many."])
        assert.equal(await versionOf(row, `${host}${row.publicHost}`), "v2", host);
      assert.equal((await row.ask({ host: `third.${row.publicHost}` })).status, 502);
    },
  },
  {
    name: "the name of an endpoint is resolved",
    service: false,
    fields: [`${entry}.resolution`],
    manifests: (row) => [
      entryOf(row, {
        resolution: "DNS",
        endpoints: [{ address: "localhost", ports: { http: row.workload("frontend").port } }],
      }),
    ],
    check: async (row) =>
      await row.eventually(async () => assert.equal((await row.answer({ host: row.publicHost })).app, "frontend")),
  },
  {
    name: "an entry without endpoints resolves its own host",
    service: false,
    fields: [`${entry}.resolution`],
    manifests: (row) => [
      serviceEntry(row.named(), {
        hosts: ["localhost"],
        ports: [{ number: row.port, name: "http", protocol: "HTTP", targetPort: row.workload("frontend").port }],
        resolution: "DNS",
      }),
    ],
    check: async (row) =>
      await row.eventually(async () => assert.equal((await row.answer({ host: "localhost" })).app, "frontend")),
  },
  {
    name: "round robin DNS connects to one resolved address at a time",
    service: false,
    fields: [`${entry}.resolution`],
    manifests: (row) => [
      entryOf(row, {
        resolution: "DNS_ROUND_ROBIN",
        endpoints: [{ address: "localhost", ports: { http: row.workload("frontend").port } }],
      }),
    ],
    check: async (row) =>
      await row.eventually(async () => assert.equal((await row.answer({ host: row.publicHost })).app, "frontend")),
  },
  {
    name: "bytes to any address of an entry reach its endpoints",
    service: false,
    fields: [`${entry}.addresses`],
    manifests: (row) => {
      const { address, port } = row.workload("reviews", "v1");
      return [
        serviceEntry(row.named(), {
          hosts: [row.publicHost],
          addresses: [row.address(1), row.address(2)],
          ports: [{ number: row.ports(0), name: "tcp", protocol: "TCP" }],
          resolution: "STATIC",
          endpoints: [{ address, ports: { tcp: port } }],
        }),
      ];
    },
    check: async (row) => {
      for (const address of [row.address(1), row.address(2)])
        assert.equal(await row.talk({ address, port: row.ports(0) }), "reviews-v1:hello");
      await assert.rejects(row.talk({ address: row.address(3), port: row.ports(0) }));
    },
  },
  {
    name: "requests that name an address of an entry reach it",
    service: false,
    fields: [`${entry}.addresses`],
    manifests: (row) => [
      entryOf(row, {
        addresses: [row.address(1)],
        resolution: "STATIC",
        endpoints: [endpoint(row.workload("reviews", "v2"))],
      }),
    ],
    check: async (row) => assert.equal(await versionOf(row, row.address(1)), "v2"),
  },
  {
    name: "an entry exported to its own namespace is nobody else's",
    service: false,
    fields: [`${entry}.exportTo`],
    manifests: (row) =>
      ["here", "there", "all"].map((suffix) => {
        const namespace = suffix === "here" ? row.namespace : "elsewhere";
        const ports = [{ number: row.port, name: "http", protocol: "HTTP" }];
        return serviceEntry(row.named(suffix, namespace), {
          hosts: [`${suffix}.${row.publicHost}`],
          exportTo: [suffix === "all" ? "*" : "."],
          ports,
          resolution: "STATIC",
          endpoints: [endpoint(row.workload("reviews", "v1"))],
        });
      }),
    check: async (row) => {
      assert.equal(await versionOf(row, `here.${row.publicHost}`), "v1");
      assert.equal(await versionOf(row, `all.${row.publicHost}`), "v1");
      assert.equal((await row.ask({ host: `there.${row.publicHost}` })).status, 502);
    },
  },
  {
    name: "an entry selects WorkloadEntries and pods by their labels",
    service: false,
    fields: [
      `${entry}.workloadSelector.labels`,
      "WorkloadEntry.address",
      "WorkloadEntry.ports",
      "WorkloadEntry.labels",
    ],
    manifests: (row) => {
      const { address, port } = row.workload("reviews", "v1");
      return [
        entryOf(row, {
          ports: [{ number: row.port, name: "http", protocol: "HTTP", targetPort: row.ports(0) }],
          resolution: "STATIC",
          location: "MESH_INTERNAL",
          workloadSelector: { labels: { app: "reviews", version: "v3" } },
        }),
        workloadEntry(row.named(), { address, ports: { http: port }, labels: { app: "reviews", version: "v3" } }),
      ];
    },
    check: async (row) => {
      const versions = await row.split(60, { host: row.publicHost });
      assert.deepEqual(Object.keys(versions).sort(), ["v1", "v3"]);
    },
  },
  {
    name: "an unhealthy WorkloadEntry gets nothing",
    service: false,
    fields: ["WorkloadEntry.address"],
    manifests: (row) => [
      entryOf(row, {
        resolution: "STATIC",
        location: "MESH_INTERNAL",
        workloadSelector: { labels: { app: row.slug } },
      }),
      ...["v1", "v2", "v3"].map((version) => {
        const { address, port } = row.workload("reviews", version);
        const health = version === "v1" ? undefined : version === "v2";
        return workloadEntry(row.named(version), { address, ports: { http: port }, labels: { app: row.slug } }, health);
      }),
    ],
    check: async (row) => {
      const versions = await row.split(60, { host: row.publicHost });
      assert.deepEqual(Object.keys(versions).sort(), ["v1", "v2"]);
    },
  },
  {
    name: "a WorkloadEntry's weight is its share",
    service: false,
    fields: ["WorkloadEntry.weight", "WorkloadEntry.locality"],
    manifests: (row) => [
      entryOf(row, { resolution: "STATIC", workloadSelector: { labels: { app: row.slug } } }),
      row.destinationRule({ host: row.publicHost, trafficPolicy: { loadBalancer: { simple: "ROUND_ROBIN" } } }),
      ...[1, 9].map((weight, index) => {
        const { address, port } = row.workload("reviews", `v${index + 1}`);
        const spec = { address, ports: { http: port }, labels: { app: row.slug }, weight, locality: `eu/${index}` };
        return workloadEntry(row.named(`w${weight}`), spec);
      }),
    ],
    check: async (row) => {
      const { v1 = 0, v2 = 0 } = await row.split(60, { host: row.publicHost });
      assert.ok(v1 > 0 && v2 > 4 * v1, `${v1} : ${v2}`);
    },
  },
  {
    name: "an entry that resolves takes WorkloadEntries with names",
    service: false,
    fields: ["WorkloadEntry.address"],
    manifests: (row) => [
      entryOf(row, { resolution: "DNS", workloadSelector: { labels: { app: row.slug } } }),
      workloadEntry(row.named(), {
        address: "localhost",
        ports: { http: row.workload("frontend").port },
        labels: { app: row.slug },
      }),
    ],
    check: async (row) =>
      await row.eventually(async () => assert.equal((await row.answer({ host: row.publicHost })).app, "frontend")),
  },
];
