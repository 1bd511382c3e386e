import assert from "node:assert/strict";
import type { Feature, FeatureContext } from "./feature.ts";
import { allEjectionsKnown, noRetries, overOwn, policy, versions } from "./traffic-policy-parts.ts";

const outlier = "DestinationRule.trafficPolicy.outlierDetection";
const always = { interval: "100ms", baseEjectionTime: "300s", maxEjectionPercent: 100 };

function detecting(row: FeatureContext, outlierDetection: object): object {
  return policy(row, { loadBalancer: { simple: "ROUND_ROBIN" }, outlierDetection: { ...always, ...outlierDetection } });
}

/** Requests that `who` (`v1`; empty: all) answers with a status. */
async function fail(row: FeatureContext, status: number, who = "v1"): Promise<void> {
  const headers = { "x-sample-status": `${status} ${who}`.trim() };
  for (let turn = 0; turn < 12; turn++) await row.ask({ headers });
}

async function answering(row: FeatureContext): Promise<readonly string[]> {
  return Object.keys(await row.split(60)).sort();
}

/** Envoy's workers hear of an ejection a moment later. */
async function assertLeft(row: FeatureContext): Promise<void> {
  await row.eventually(async () => assert.deepEqual(await answering(row), withoutFirst));
}

const all = ["v1", "v2", "v3"];
const withoutFirst = ["v2", "v3"];

export const outlierDetectionRows: readonly Feature[] = [
  {
    name: "an endpoint with server errors in a row is ejected",
    fields: [`${outlier}.consecutive5xxErrors`, `${outlier}.interval`],
    manifests: (row) => [detecting(row, { consecutive5xxErrors: 2 })],
    check: async (row) => {
      assert.deepEqual(await answering(row), all);
      await fail(row, 500);
      await assertLeft(row);
    },
  },
  {
    name: "an ejection ends after its time",
    fields: [`${outlier}.baseEjectionTime`],
    manifests: (row) => [detecting(row, { consecutive5xxErrors: 2, baseEjectionTime: "700ms" })],
    check: async (row) => {
      await row.eventually(async () => {
        await fail(row, 500); // again where the time is over before anybody looks; it grows with every ejection
        assert.deepEqual(await answering(row), withoutFirst);
      });
      await row.eventually(async () => (await answering(row)).length === 3);
    },
  },
  {
    name: "gateway errors can be the only ones that count",
    fields: [`${outlier}.consecutiveGatewayErrors`],
    manifests: (row) => [detecting(row, { consecutive5xxErrors: 0, consecutiveGatewayErrors: 2 })],
    check: async (row) => {
      await fail(row, 500);
      assert.deepEqual(await answering(row), all);
      await fail(row, 503);
      await assertLeft(row);
    },
  },
  {
    name: "which statuses are errors can be said",
    fields: [`${outlier}.outlierDetectionHttpErrorCodes`],
    manifests: (row) => [detecting(row, { consecutive5xxErrors: 2, outlierDetectionHttpErrorCodes: [429, 404] })],
    check: async (row) => {
      await fail(row, 500);
      assert.deepEqual(await answering(row), all);
      await fail(row, 429);
      await assertLeft(row);
    },
  },
  {
    name: "what never answers is told apart from what answers badly",
    fields: [`${outlier}.splitExternalLocalOriginErrors`, `${outlier}.consecutiveLocalOriginFailures`],
    service: false,
    manifests: (row) => [
      // Nobody listens there.
      ...overOwn(row, {}, 0),
      ...row.service({ to: versions(row, "v1") }).slice(1),
      detecting(row, {
        consecutive5xxErrors: 0,
        splitExternalLocalOriginErrors: true,
        consecutiveLocalOriginFailures: 2,
      }),
      noRetries(row),
    ],
    check: async (row) => {
      await fail(row, 500);
      await row.eventually(async () => {
        const statuses = (await row.sendMany(40)).map(({ status }) => status);
        assert.deepEqual(new Set(statuses), new Set([200]), "v1 stays with all its errors, the other place is left");
      });
    },
  },
  {
    name: "below a share of healthy endpoints all are used again",
    fields: [`${outlier}.minHealthPercent`],
    manifests: (row) => [detecting(row, { consecutive5xxErrors: 2, minHealthPercent: 70 })],
    check: async (row) => {
      await fail(row, 500);
      const name = new RegExp(`^cluster\\.outbound\\|\\d+\\|\\|${row.host}.*outlier_detection\\.ejections_active$`);
      await row.eventually(async () => assert.deepEqual([...(await row.proxy().admin.stats(name)).values()], [1]));
      await row.eventually(async () => assert.deepEqual(await answering(row), all));
    },
  },
  {
    name: "no more than a share is ejected",
    fields: [`${outlier}.maxEjectionPercent`],
    manifests: (row) => [detecting(row, { consecutive5xxErrors: 2, maxEjectionPercent: 34 })],
    check: async (row) => {
      await fail(row, 500, "");
      await allEjectionsKnown();
      await row.eventually(async () => assert.equal((await answering(row)).length, 2));
    },
  },
];
