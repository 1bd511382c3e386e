import assert from "node:assert/strict";
import { assertShare, send } from "@lateen/e2e-harness";
import type { Feature, FeatureContext } from "./feature.ts";
import { allEjectionsKnown, at, policy } from "./traffic-policy-parts.ts";

/** Clients are in eu/west/a. */
export const places = { v1: "eu/west/a", v2: "eu/north/a", v3: "us/east/a", v4: "asia/south/a" } as const;

const setting = "DestinationRule.trafficPolicy.loadBalancer.localityLbSetting";
const zones = "DestinationRule.trafficPolicy.loadBalancer.zoneAwareLbSetting";
const outlierDetection = {
  consecutive5xxErrors: 2,
  interval: "100ms",
  baseEjectionTime: "300s",
  maxEjectionPercent: 100,
};

/** Makes versions look broken until they are left. */
async function breakDown(row: FeatureContext, broken: readonly string[]): Promise<void> {
  for (const version of broken)
    for (let turn = 0; turn < 12; turn++) await row.ask({ headers: { "x-sample-status": `500 ${version}` } });
  await allEjectionsKnown();
  await row.eventually(async () => {
    const found = Object.keys(await row.split(60));
    assert.ok(!found.some((version) => broken.includes(version)), `${found.join()} without ${broken.join()}`);
  });
}

/** Versions in the order in which they take over when those before them fail. */
async function succession(row: FeatureContext): Promise<readonly string[]> {
  const order: string[] = [];
  for (let turn = 0; turn < Object.keys(places).length; turn++) {
    const found = Object.keys(await row.split(60));
    order.push(found.sort().join("+"));
    if (order.join("+").split("+").length >= Object.keys(places).length) break;
    await breakDown(row, found);
  }
  return order;
}

const failing: readonly Feature[] = [
  {
    name: "requests stay in their place and fail over by distance",
    fields: [`${setting}.enabled`],
    manifests: (row) => [policy(row, { outlierDetection })],
    check: async (row) => assert.deepEqual(await succession(row), ["v1", "v2", "v3+v4"]),
  },
  {
    name: "a region fails over to the one that is named",
    fields: [`${setting}.failover.from`, `${setting}.failover.to`],
    manifests: (row) => [
      policy(row, {
        outlierDetection,
        loadBalancer: { localityLbSetting: { failover: [{ from: "eu", to: "asia" }] } },
      }),
    ],
    check: async (row) => assert.deepEqual(await succession(row), ["v1", "v2", "v4", "v3"]),
  },
  {
    name: "labels order endpoints, by the caller's value or a given one",
    fields: [`${setting}.failoverPriority`],
    manifests: (row) => {
      const failoverPriority = ["topology.kubernetes.io/region", "version=v2"];
      return [policy(row, { outlierDetection, loadBalancer: { localityLbSetting: { failoverPriority } } })];
    },
    check: async (row) => assert.deepEqual(await succession(row), ["v2", "v1", "v3+v4"]),
  },
  {
    name: "places do not matter where that is switched off",
    fields: [`${setting}.enabled`],
    manifests: (row) => [
      policy(row, { outlierDetection, loadBalancer: { simple: "ROUND_ROBIN", localityLbSetting: { enabled: false } } }),
    ],
    check: async (row) => assert.deepEqual(await row.split(40), { v1: 10, v2: 10, v3: 10, v4: 10 }),
  },
  {
    name: "without outlier detection failover is not prepared for",
    fields: [`${setting}.failover`],
    complains: /no-outlier-detection|outlierDetection/,
    manifests: (row) => [
      policy(row, {
        loadBalancer: { simple: "ROUND_ROBIN", localityLbSetting: { failover: [{ from: "eu", to: "us" }] } },
      }),
    ],
    check: async (row) => assert.deepEqual(await row.split(40), { v1: 10, v2: 10, v3: 10, v4: 10 }),
  },
];

const sharing: readonly Feature[] = [
  {
    name: "places get their shares, and none what is not named",
    fields: [`${setting}.distribute.from`, `${setting}.distribute.to`],
    manifests: (row) => {
      const to = { "eu/west/*": 70, "us/*": 30 };
      return [policy(row, { loadBalancer: { localityLbSetting: { distribute: [{ from: "eu/*", to }] } } })];
    },
    check: async (row) => {
      const found = await row.split(400);
      assert.deepEqual(Object.keys(found).sort(), ["v1", "v3"]);
      assertShare(found["v1"] ?? 0, 400, 0.7);
    },
  },
  {
    name: "a caller elsewhere sees other places first",
    fields: [`${setting}.distribute.from`],
    manifests: (row) => [policy(row, { outlierDetection })],
    check: async (row) => {
      assert.deepEqual(Object.keys(await row.split(12)), ["v1"]);
      await using abroad = await row.startProxy({ pod: `${row.slug}-1`, locality: places.v3 });
      const ask = () => send({ address: abroad.address, port: row.port, host: `${row.host}:${row.port}` });
      await row.eventually(async () => (await ask()).status === 200);
      for (let turn = 0; turn < 12; turn++) assert.equal((await ask()).headers["x-sample"], "reviews-v3");
    },
  },
  {
    name: "the mesh has shares for services without a rule",
    fields: ["MeshConfig.localityLbSetting.distribute.to"],
    alone: true,
    meshConfig: () => ({ localityLbSetting: { distribute: [{ from: "eu/*", to: { "asia/*": 100 } }] } }),
    manifests: (row) => [
      ...row.service({ suffix: "own", to: row.mesh.workloads.filter(({ app }) => app === "reviews") }),
      policy(row, { loadBalancer: { simple: "ROUND_ROBIN", localityLbSetting: { enabled: false } } }, "own"),
    ],
    check: async (row) => {
      assert.deepEqual(await row.split(10), { v4: 10 });
      assert.equal(Object.keys(await row.split(40, at(row, "own"))).length, 4, "a rule's setting counts alone");
    },
  },
  {
    name: "a service says that it wants callers of its zone first",
    // The annotation is of no message; what it stands for is a list of labels.
    fields: [`${setting}.failoverPriority`],
    service: false,
    manifests: (row) => {
      const to = row.mesh.workloads.filter(({ app }) => app === "reviews");
      const annotations = { "networking.istio.io/traffic-distribution": "PreferClose" };
      return [
        ...row.service({ suffix: "a", to, annotations }),
        ...row.service({ suffix: "b", to, more: { trafficDistribution: "PreferSameZone" } }),
      ];
    },
    check: async (row) => {
      assert.deepEqual(await row.split(12, at(row, "a")), { v1: 12 });
      assert.deepEqual(await row.split(12, at(row, "b")), { v1: 12 });
    },
  },
];

const zoneAware: readonly Feature[] = [
  {
    name: "zone-aware balancing keeps to the region",
    complains: /zones inside it are not told apart yet/,
    fields: ["enabled", "minClusterSize", "failover.from", "failover.to"].map((field) => `${zones}.${field}`),
    manifests: (row) => {
      const zoneAwareLbSetting = { enabled: true, minClusterSize: 2, failover: [{ from: "eu", to: "us" }] };
      return [policy(row, { outlierDetection, loadBalancer: { simple: "ROUND_ROBIN", zoneAwareLbSetting } })];
    },
    check: async (row) => assert.deepEqual(await succession(row), ["v1+v2", "v3", "v4"]),
  },
  {
    name: "zone-aware balancing, by labels first",
    complains: /zones inside it are not told apart yet/,
    fields: [`${zones}.failoverPriority`],
    manifests: (row) => {
      const zoneAwareLbSetting = { enabled: true, failoverPriority: ["version=v3"] };
      return [policy(row, { outlierDetection, loadBalancer: { simple: "ROUND_ROBIN", zoneAwareLbSetting } })];
    },
    check: async (row) => assert.deepEqual(await succession(row), ["v3", "v1+v2", "v4"]),
  },
  {
    name: "the mesh balances by zones for services without a rule",
    fields: ["MeshConfig.zoneAwareLbSetting"],
    alone: true,
    complains: /zones inside it are not told apart yet/,
    meshConfig: () => ({ zoneAwareLbSetting: { enabled: true, failoverPriority: ["version=v3"] } }),
    manifests: (row) => [policy(row, { outlierDetection, loadBalancer: { simple: "ROUND_ROBIN" } })],
    check: async (row) => assert.deepEqual(await succession(row), ["v3", "v1+v2", "v4"]),
  },
];

export const localityRows: readonly Feature[] = [...failing, ...sharing, ...zoneAware];
