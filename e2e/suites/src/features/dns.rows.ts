import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import { serviceEntry } from "@lateen/e2e-harness";
import type { Feature, FeatureContext } from "./feature.ts";

/** What the suite's resolver outside the mesh knows. */
export const outside = { name: "outside.example.net", address: "192.0.2.1" };
/** The application's search domains, as its resolv.conf has them. */
export const searchDomains = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example.org"];

/** A resolver of the application beside the frontend's agent. */
function resolverOf(row: FeatureContext): Resolver {
  const resolver = new Resolver({ timeout: 20_000, tries: 1 });
  resolver.setServers([row.workload("frontend").agentEnv["DNS_PROXY_ADDR"] ?? ""]);
  return resolver;
}

async function addressesOf(row: FeatureContext, name: string): Promise<readonly string[]> {
  return [...(await resolverOf(row).resolve4(name))].sort();
}

function tcpEntry(row: FeatureContext, suffix: string, more: object): object {
  return serviceEntry(row.named(suffix), {
    hosts: [`${suffix}.${row.publicHost}`],
    ports: [{ number: row.ports(0), name: "tcp", protocol: "TCP" }],
    resolution: "STATIC",
    ...more,
  });
}

function endpointsOf(row: FeatureContext, version: string): object {
  const { address, port } = row.workload("reviews", version);
  return { endpoints: [{ address, ports: { tcp: port } }] };
}

export const dnsRows: readonly Feature[] = [
  {
    name: "the agent answers for a Service, in full, in short and under search domains",
    service: false,
    fields: ["Service.spec.clusterIP"],
    manifests: (row) => row.service({ clusterIp: row.address(1), to: [row.workload("reviews", "v1")] }),
    check: async (row) => {
      const names = [row.host, row.slug, `${row.slug}.shop`, `${row.slug}.shop.svc`, `${row.host}.corp.example.org`];
      // The agent hears of names on its own: of all at once.
      await row.eventually(async () => await addressesOf(row, row.host));
      for (const name of names) assert.deepEqual(await addressesOf(row, name), [row.address(1)], name);
      await assert.rejects(resolverOf(row).resolve6(row.host), { code: "ENODATA" });
    },
  },
  {
    name: "a headless Service answers with its workloads, and each by its own name",
    service: false,
    fields: ["Service.spec.clusterIP"],
    manifests: (row) => {
      const at = row.named();
      const versions = ["v1", "v2", "v3"];
      return [
        {
          ...{ apiVersion: "v1", kind: "Service", metadata: at },
          spec: { clusterIP: "None", ports: [{ name: "http", port: row.port }] },
        },
        {
          ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType: "IPv4" },
          metadata: { ...at, labels: { "kubernetes.io/service-name": at.name } },
          ports: [{ name: "http", port: row.port }],
          endpoints: versions.map((version, index) => ({
            addresses: [row.workload("reviews", version).address],
            hostname: `${row.slug}-${index}`,
            conditions: { ready: version !== "v3" },
          })),
        },
      ];
    },
    check: async (row) => {
      const [one, two] = ["v1", "v2"].map((version) => row.workload("reviews", version).address);
      assert.deepEqual(await addressesOf(row, row.host), [one, two].sort());
      assert.deepEqual(await addressesOf(row, `${row.slug}-0.${row.host}`), [one]);
      assert.deepEqual(await addressesOf(row, `${row.slug}-1.${row.slug}`), [two]);
      await assert.rejects(addressesOf(row, `${row.slug}-2.${row.host}`), { code: "ENOTFOUND" });
    },
  },
  {
    name: "entries without addresses are given some, by which TCP services on one port are told apart",
    service: false,
    fields: ["ServiceEntry.addresses"],
    // Addresses of loopback stand in their status, as sockets can be bound only there.
    manifests: (row) =>
      ["v1", "v2"].map((version, index) => ({
        ...tcpEntry(row, version, endpointsOf(row, version)),
        status: { addresses: [{ host: `${version}.${row.publicHost}`, value: row.address(index + 1) }] },
      })),
    check: async (row) => {
      for (const version of ["v1", "v2"]) {
        const [address = ""] = await addressesOf(row, `${version}.${row.publicHost}`);
        assert.equal(await row.talk({ address, port: row.ports(0) }), `reviews-${version}:hello`);
      }
    },
  },
  {
    name: "what nobody has given an address gets one of Istio's range, each another",
    service: false,
    fields: ["ServiceEntry.addresses"],
    manifests: (row) => ["v1", "v2"].map((version) => tcpEntry(row, version, endpointsOf(row, version))),
    check: async (row) => {
      const found = await Promise.all(["v1", "v2"].map((one) => addressesOf(row, `${one}.${row.publicHost}`)));
      const [[first = ""] = [], [second = ""] = []] = found;
      for (const address of [first, second]) assert.match(address, /^240\.240\.\d+\.\d+$/);
      assert.notEqual(first, second);
    },
  },
  {
    name: "a label declines an address, and the name is asked of others",
    service: false,
    fields: ["ServiceEntry.addresses"],
    manifests: (row) => {
      const { metadata, ...rest } = tcpEntry(row, "v1", endpointsOf(row, "v1")) as { metadata: object };
      return [
        { ...rest, metadata: { ...metadata, labels: { "networking.istio.io/enable-autoallocate-ip": "false" } } },
      ];
    },
    check: async (row) => await assert.rejects(addressesOf(row, `v1.${row.publicHost}`), { code: "ENOTFOUND" }),
  },
  {
    name: "every name below a wildcard entry has its addresses",
    service: false,
    fields: ["ServiceEntry.hosts"],
    manifests: (row) => [
      tcpEntry(row, "wild", {
        hosts: [`*.${row.publicHost}`],
        addresses: ["198.51.100.7"],
        ...endpointsOf(row, "v1"),
      }),
    ],
    check: async (row) => {
      assert.deepEqual(await addressesOf(row, `a.${row.publicHost}`), ["198.51.100.7"]);
      assert.deepEqual(await addressesOf(row, `a.b.${row.publicHost}`), ["198.51.100.7"]);
      await assert.rejects(addressesOf(row, row.publicHost), { code: "ENOTFOUND" });
    },
  },
  {
    name: "an answer that is too large for UDP comes over TCP",
    service: false,
    fields: ["ServiceEntry.addresses"],
    manifests: (row) => [
      tcpEntry(row, "many", {
        addresses: Array.from({ length: 200 }, (_, index) => `203.0.113.${index + 1}`),
        ...endpointsOf(row, "v1"),
      }),
    ],
    check: async (row) => assert.equal((await addressesOf(row, `many.${row.publicHost}`)).length, 200),
  },
  {
    name: "names that are not the mesh's are asked of the machine's resolvers",
    service: false,
    fields: ["ServiceEntry.hosts"],
    manifests: () => [],
    check: async (row) => {
      assert.deepEqual(await addressesOf(row, outside.name), [outside.address]);
      await assert.rejects(addressesOf(row, "nobody.example.net"), { code: "ENOTFOUND" });
    },
  },
];
