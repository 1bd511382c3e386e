import assert from "node:assert/strict";
import { assertShare } from "@lateen/e2e-harness";
import type { Asked, Feature, FeatureContext } from "./feature.ts";
import { at, hostOf, policy, versions } from "./traffic-policy-parts.ts";

const balancer = "DestinationRule.trafficPolicy.loadBalancer";
const hashing = `${balancer}.consistentHash`;

/** One key always meets one version; many keys meet them all. */
async function assertSticky(row: FeatureContext, keyed: (key: string) => Asked): Promise<void> {
  const met = new Set<string>();
  for (let key = 0; key < 24; key++) {
    const found = await row.split(4, keyed(`key-${key}`));
    assert.equal(Object.keys(found).length, 1, `key-${key} met ${JSON.stringify(found)}`);
    for (const version of Object.keys(found)) met.add(version);
  }
  assert.equal(met.size, 3, "keys are spread over all versions");
}

const byKey: readonly Feature[] = [
  {
    name: "a hash of a header keeps a caller on one endpoint",
    fields: [`${hashing}.httpHeaderName`],
    manifests: (row) => [policy(row, { loadBalancer: { consistentHash: { httpHeaderName: "x-user" } } })],
    check: (row) => assertSticky(row, (key) => ({ headers: { "x-user": key } })),
  },
  {
    name: "a hash of a query parameter, by Maglev's table",
    fields: [`${hashing}.httpQueryParameterName`, `${hashing}.maglev`, `${hashing}.maglev.tableSize`],
    manifests: (row) => [
      policy(row, {
        loadBalancer: { consistentHash: { httpQueryParameterName: "user", maglev: { tableSize: 5_003 } } },
      }),
    ],
    check: async (row) => {
      await assertSticky(row, (key) => ({ path: `/?user=${key}` }));
      const name = new RegExp(`^cluster\\.outbound\\|\\d+\\|\\|${row.host}.*maglev_lb\\.max_entries_per_host$`);
      const [entries = 0] = [...(await row.proxy().admin.stats(name)).values()];
      assert.ok(entries > 1_600 && entries < 1_800, `a third of a table of 5003, not ${entries}`);
    },
  },
  {
    name: "a hash of the caller's address, on a ring of a given size",
    fields: [`${hashing}.useSourceIp`, `${hashing}.ringHash`, `${hashing}.ringHash.minimumRingSize`],
    manifests: (row) => [
      policy(row, { loadBalancer: { consistentHash: { useSourceIp: true, ringHash: { minimumRingSize: 3_000 } } } }),
    ],
    check: async (row) => {
      await assertSticky(row, (key) => ({ headers: { "x-forwarded-for": `10.1.1.${key.slice(4)}` } }));
      assert.ok((await ringSize(row)) >= 3_000);
    },
  },
  {
    name: "the deprecated size of the ring still counts",
    fields: [`${hashing}.minimumRingSize`],
    complains: /minimumRingSize.*deprecated/,
    manifests: (row) => [
      policy(row, { loadBalancer: { consistentHash: { httpHeaderName: "x-user", minimumRingSize: 4_000 } } }),
    ],
    check: async (row) => {
      await assertSticky(row, (key) => ({ headers: { "x-user": key } }));
      assert.ok((await ringSize(row)) >= 4_000);
    },
  },
  {
    name: "a cookie is given to callers without one, and keeps them",
    fields: [
      ...["name", "path", "ttl", "attributes.name", "attributes.value"].map(
        (field) => `${hashing}.httpCookie.${field}`,
      ),
    ],
    manifests: (row) => {
      const attributes = [{ name: "SameSite", value: "Strict" }];
      const httpCookie = { name: "session", path: "/cart", ttl: "60s", attributes };
      return [policy(row, { loadBalancer: { consistentHash: { httpCookie } } })];
    },
    check: async (row) => {
      const [given = ""] = (await row.ask("/cart")).headers["set-cookie"] ?? [];
      assert.match(given, /^session="?[^;"]+"?; Max-Age=60; Path=\/cart; SameSite=Strict; HttpOnly$/);
      await assertSticky(row, (key) => ({ headers: { cookie: `session=${key}` } }));
    },
  },
];

async function ringSize(row: FeatureContext): Promise<number> {
  const name = new RegExp(`^cluster\\.outbound\\|\\d+\\|\\|${row.host}.*ring_hash_lb\\.size$`);
  const [size = 0] = [...(await row.proxy().admin.stats(name)).values()];
  return size;
}

const simple: readonly Feature[] = [
  {
    name: "round robin takes turns",
    fields: [`${balancer}.simple`],
    manifests: (row) => [policy(row, { loadBalancer: { simple: "ROUND_ROBIN" } })],
    check: async (row) => {
      const sequence: string[] = [];
      for (let turn = 0; turn < 30; turn++) sequence.push((await row.answer()).version);
      for (let turn = 3; turn < 30; turn++) assert.equal(sequence[turn], sequence[turn - 3], sequence.join(" "));
    },
  },
  {
    name: "random does not take turns, and is even",
    fields: [`${balancer}.simple`],
    manifests: (row) => [policy(row, { loadBalancer: { simple: "RANDOM" } })],
    check: async (row) => {
      const found = (await row.sendMany(600)).map(({ headers }) => String(headers["x-sample"]));
      const repeated = found.filter((version, index) => version === found[index - 1]).length;
      assert.ok(repeated > 100, `${repeated} of 600 met the version of the one before`);
      for (const version of ["v1", "v2", "v3"])
        assertShare(found.filter((name) => name.endsWith(version)).length, 600, 1 / 3);
    },
  },
  {
    name: "least requests avoids the endpoint that is slow",
    fields: [`${balancer}.simple`],
    manifests: (row) => [policy(row, { loadBalancer: { simple: "LEAST_REQUEST" } })],
    check: async (row) => {
      const found = await row.split(240, { headers: { "x-sample-delay": "100 v1" } });
      assert.ok((found["v1"] ?? 0) < 60, `a third would be 80: ${JSON.stringify(found)}`);
    },
  },
];

const warmth = `${balancer}.warmup`;
const windowMs = 3_000;

/** Services that are alike but for their rule, over v1 and v2; v3 comes to all of them at once, later. */
const warmups = {
  cold: { simple: "ROUND_ROBIN" },
  warming: { simple: "ROUND_ROBIN", warmup: { duration: "3s", minimumPercent: 5 } },
  eager: { simple: "ROUND_ROBIN", warmup: { duration: "3s", minimumPercent: 5, aggression: 8 } },
  hot: { simple: "ROUND_ROBIN", warmup: { duration: "3s", minimumPercent: 90 } },
  old: { simple: "ROUND_ROBIN", warmupDurationSecs: "3s" },
} as const;

function warmingServices(row: FeatureContext, ...names: readonly string[]): readonly object[] {
  return Object.entries(warmups).flatMap(([suffix, loadBalancer]) => [
    ...row.service({ suffix, to: versions(row, ...names) }),
    policy(row, { loadBalancer }, suffix),
  ]);
}

const warming: Feature = {
  name: "a new endpoint warms up",
  fields: [
    ...[`${warmth}.duration`, `${warmth}.minimumPercent`, `${warmth}.aggression`, `${balancer}.warmupDurationSecs`],
  ],
  service: false,
  manifests: (row) => warmingServices(row, "v1", "v2"),
  check: async (row) => {
    await new Promise((resolve) => setTimeout(resolve, windowMs));
    await row.rewrite(warmingServices(row, "v1", "v2", "v3"));
    const shareOfNew = async (suffix: string): Promise<number> =>
      ((await row.split(90, at(row, suffix)))["v3"] ?? 0) / 90;
    const shares = await Promise.all(Object.keys(warmups).map(shareOfNew));
    const [cold = 0, slow = 0, eager = 0, hot = 0, old = 0] = shares;
    const told = shares.join(" ");
    assert.ok(cold > slow + 0.1, told);
    assert.ok(slow < 0.2 && old < 0.2, told);
    assert.ok(eager > slow + 0.04 && hot > slow + 0.04, told);
    await row.eventually(async () => (await shareOfNew("warming")) > 0.28);
  },
};

export const loadBalancingRows: readonly Feature[] = [
  ...byKey,
  ...simple,
  warming,
  {
    name: "TCP connections of one address go to one endpoint",
    fields: [`${hashing}.useSourceIp`],
    service: false,
    manifests: (row) => [
      ...row.service({ portName: "tcp", to: versions(row, "v1", "v2", "v3") }),
      policy(row, { loadBalancer: { consistentHash: { useSourceIp: true } } }),
    ],
    check: async (row) => {
      const met = new Set<string>();
      for (let turn = 0; turn < 12; turn++) met.add(await row.talk({ address: row.address(9), port: row.port }));
      assert.equal(met.size, 1, [...met].join());
      assert.match([...met].join(), /^reviews-v\d:hello$/);
      assert.equal(hostOf(row), row.host);
    },
  },
];
