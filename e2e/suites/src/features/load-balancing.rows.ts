import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { assertShare } from "@lateen/e2e-harness";
import type { Asked, Feature, FeatureContext } from "./feature.ts";
import { at, hostOf, policy, versions } from "./traffic-policy-parts.ts";

const balancer = "DestinationRule.trafficPolicy.loadBalancer";
const hashing = `${balancer}.consistentHash`;

/** One key always meets one version; many keys meet them all. */
async function assertSticky(row: FeatureContext, keyed: (key: string) => Asked): Promise<void> {
  const met = new Set<string>();
  for (let key = 0; key < 80; key++) {
    const found = await row.split(3, keyed(`key-${key}`));
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
      const found = await row.split(240, { headers: { "x-sample-delay": "600 v1" } });
      assert.ok((found["v1"] ?? 0) < 60, `a third would be 80: ${JSON.stringify(found)}`);
    },
  },
];

const warmth = `${balancer}.warmup`;
const windowMs = 15_000;
const duration = `${windowMs / 1_000}s`;

/** An endpoint's weight at an age, as a share of the window; Istio's default of the minimum is 10 %. */
const weightAt = (minimum: number, aggression: number) => (age: number) =>
  Math.max(minimum, Math.min(1, age) ** (1 / aggression));

/** Services that are alike but for their rule, over v1 and v2; v3 comes to all of them at once, later. */
const warmups = {
  cold: { rule: {}, weight: weightAt(1, 1) },
  warming: { rule: { warmup: { duration, minimumPercent: 5 } }, weight: weightAt(0.05, 1) },
  eager: { rule: { warmup: { duration, minimumPercent: 5, aggression: 8 } }, weight: weightAt(0.05, 8) },
  hot: { rule: { warmup: { duration, minimumPercent: 90 } }, weight: weightAt(0.9, 1) },
  old: { rule: { warmupDurationSecs: duration }, weight: weightAt(0.1, 1) },
  brief: { rule: { warmup: { duration: "1s", minimumPercent: 5 } }, weight: weightAt(1, 1) },
} as const;

function warmingServices(row: FeatureContext, ...names: readonly string[]): readonly object[] {
  return Object.entries(warmups).flatMap(([suffix, { rule }]) => [
    ...row.service({ suffix, to: versions(row, ...names) }),
    policy(row, { loadBalancer: { simple: "ROUND_ROBIN", ...rule } }, suffix),
  ]);
}

/** Resolves when the proxy has v3 in every service of the row. */
async function allHaveTheNew(row: FeatureContext): Promise<void> {
  const { address, port } = row.workload("reviews", "v3");
  const ofTheRow = new RegExp(`^outbound\\|\\d+\\|\\|${row.slug}-`);
  await row.eventually(async () => {
    const hosts = await row.proxy().admin.hosts(ofTheRow);
    return (
      hosts.filter((host) => host.address === address && host.port === port).length === Object.keys(warmups).length
    );
  }, 30_000);
}

/**
 * Weighted turns are not drawn: v3 has its share to within a request, of a weight between those at the window's ends.
 * The count begins with an answer of v3, for its turn depends on the weight at the turn before.
 */
async function assertWarmth(row: FeatureContext, suffix: string, added: readonly [number, number]): Promise<void> {
  const requests = 90;
  const began = Date.now();
  await row.eventually(async () => (await row.answer(at(row, suffix))).version === "v3", 30_000);
  const found = await row.split(requests, at(row, suffix));
  const { weight } = warmups[suffix as keyof typeof warmups];
  const turns = (age: number): number => (requests * weight(age / windowMs)) / (2 + weight(age / windowMs));
  const [least, most] = [turns(began - added[1]) - 3, turns(Date.now() - added[0]) + 3];
  const count = found["v3"] ?? 0;
  assert.ok(count >= least && count <= most, `${suffix}: ${count} is not in ${least.toFixed(1)}…${most.toFixed(1)}`);
}

const warming: Feature = {
  name: "a new endpoint warms up",
  fields: [
    ...[`${warmth}.duration`, `${warmth}.minimumPercent`, `${warmth}.aggression`, `${balancer}.warmupDurationSecs`],
  ],
  service: false,
  manifests: (row) => warmingServices(row, "v1", "v2"),
  check: async (row) => {
    await sleep(windowMs); // v1 and v2 are new themselves
    const before = Date.now();
    await row.rewrite(warmingServices(row, "v1", "v2", "v3"));
    await allHaveTheNew(row);
    const after = Date.now();
    await row.eventually(async () => ((await row.split(30, at(row, "brief")))["v3"] ?? 0) > 8, 30_000);
    for (const suffix of Object.keys(warmups)) await assertWarmth(row, suffix, [before, after]);
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
