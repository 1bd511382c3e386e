import assert from "node:assert/strict";
import { freePort, type Name, serviceEntry } from "@lateen/e2e-harness";
import type { Feature, FeatureContext, FeatureMeshSpec } from "./feature.ts";
import { at, hostOf, policy, versions } from "./traffic-policy-parts.ts";
import { workloadEntry } from "./workload-manifests.ts";

const gatewayPort = await freePort();
const namedPort = await freePort();
const networkLabel = "topology.istio.io/network";

/**
 * Callers are in east, v1 is in west, v2 in no network; the gateway `crossing` is the way into west, `named` into north,
 * by a name that is looked up.
 */
export const networksMesh: FeatureMeshSpec = {
  workloads: [
    { app: "frontend", labels: { [networkLabel]: "east" } },
    { app: "reviews", version: "v1", labels: { [networkLabel]: "west" } },
    { app: "reviews", version: "v2" },
  ],
  gateways: [
    { name: "crossing", labels: { istio: "crossing" }, metadata: { NETWORK: "west" } },
    { name: "named", labels: { istio: "named" }, metadata: { NETWORK: "north" } },
  ],
  manifests: ({ namespace }) => [
    {
      apiVersion: "mesh.istio.io/v1alpha1",
      kind: "MeshNetworks",
      metadata: { namespace: "istio-system", name: "istio" },
      spec: {
        networks: {
          west: { gateways: [{ address: "127.0.0.1", port: gatewayPort }] },
          north: { gateways: [{ address: "localhost", port: namedPort }] },
        },
      },
    },
    passing({ namespace, name: "crossing" }, gatewayPort),
    passing({ namespace, name: "named" }, namedPort),
  ],
};

/** A Gateway that passes on mutual TLS of the mesh. */
function passing(at: Name, port: number): object {
  const tls = { mode: "AUTO_PASSTHROUGH" };
  const servers = [{ port: { number: port, name: "tls", protocol: "TLS" }, hosts: ["*.local"], tls }];
  return {
    ...{ apiVersion: "networking.istio.io/v1", kind: "Gateway", metadata: at },
    spec: { selector: { istio: at.name }, servers },
  };
}

function entryHost(row: FeatureContext, network: string): string {
  return `${network}.${row.slug}.local`;
}

/** Connections that the gateway made to the row's Service. */
async function crossed(row: FeatureContext, suffix: string): Promise<number> {
  return await passedBy(row, "crossing", hostOf(row, suffix));
}

async function passedBy(row: FeatureContext, gateway: string, host: string): Promise<number> {
  const name = `^cluster\\.outbound_\\.\\d+_\\._\\.${host}.*upstream_cx_total$`;
  const [count = 0] = [...(await row.gatewayProxy(gateway).admin.stats(new RegExp(name))).values()];
  return count;
}

export const networkRows: readonly Feature[] = [
  {
    name: "what is in another network is met through its gateway, with mutual TLS end to end",
    fields: ["Gateway.servers.tls.mode"],
    service: false,
    manifests: (row) => [
      ...row.service({ suffix: "far", to: versions(row, "v1") }),
      ...row.service({ suffix: "near", to: versions(row, "v2") }),
    ],
    check: async (row) => {
      for (const [suffix, version] of [
        ["far", "v1"],
        ["near", "v2"],
      ] as const) {
        const { headers, version: met } = await row.answer(at(row, suffix));
        assert.equal(met, version);
        assert.match(String(headers["x-forwarded-client-cert"]), /sa\/frontend/);
      }
      assert.ok((await crossed(row, "far")) > 0);
      assert.equal(await crossed(row, "near"), 0);
    },
  },
  {
    name: "a WorkloadEntry says its network, and a gateway known by name leads there",
    fields: ["WorkloadEntry.network"],
    service: false,
    manifests: (row) =>
      ["north", "none"].flatMap((network) => {
        const { address, port } = row.workload("reviews", "v2");
        const labels = { row: `${row.slug.slice(0, 40)}-${network}`, "security.istio.io/tlsMode": "istio" };
        return [
          serviceEntry(row.named(network), {
            hosts: [entryHost(row, network)],
            ports: [{ number: row.port, name: "http", protocol: "HTTP" }],
            location: "MESH_INTERNAL",
            resolution: "STATIC",
            workloadSelector: { labels: { row: labels.row } },
          }),
          workloadEntry(row.named(network), {
            ...{ address, ports: { http: port }, labels, serviceAccount: "reviews" },
            ...(network === "none" ? {} : { network }),
          }),
        ];
      }),
    check: async (row) => {
      for (const network of ["north", "none"]) {
        const host = entryHost(row, network);
        await row.eventually(async () => {
          const { version, headers } = await row.answer({ host });
          assert.equal(version, "v2");
          assert.match(String(headers["x-forwarded-client-cert"]), /sa\/frontend/);
        });
        assert.equal((await passedBy(row, "named", host)) > 0, network === "north", network);
        assert.equal(await passedBy(row, "crossing", host), 0);
      }
    },
  },
  {
    name: "without mutual TLS there is no way into another network",
    fields: ["DestinationRule.trafficPolicy.tls.mode"],
    service: false,
    manifests: (row) => [
      ...row.service({ suffix: "both", to: versions(row, "v1", "v2") }),
      policy(row, { tls: { mode: "DISABLE" } }, "both"),
    ],
    check: async (row) => assert.deepEqual(await row.split(10, at(row, "both")), { v2: 10 }),
  },
  {
    name: "endpoints of a wanted network come first, others when those fail",
    fields: ["DestinationRule.trafficPolicy.loadBalancer.localityLbSetting.failoverPriority"],
    service: false,
    manifests: (row) => [
      ...row.service({ suffix: "both", to: versions(row, "v1", "v2") }),
      policy(
        row,
        {
          outlierDetection: { consecutive5xxErrors: 1, interval: "100ms", maxEjectionPercent: 100 },
          loadBalancer: { localityLbSetting: { failoverPriority: [`${networkLabel}=west`] } },
        },
        "both",
      ),
    ],
    check: async (row) => {
      assert.deepEqual(await row.split(6, at(row, "both")), { v1: 6 });
      for (let turn = 0; turn < 3; turn++)
        await row.ask({ ...at(row, "both"), headers: { "x-sample-status": "500 v1" } });
      await row.eventually(async () => assert.deepEqual(await row.split(6, at(row, "both")), { v2: 6 }));
    },
  },
];
