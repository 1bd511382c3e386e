import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { assertShare } from "@lateen/e2e-harness";
import type { Feature, FeatureContext } from "./feature.ts";

const http = "VirtualService.http";

/** How many requests the versions of reviews got for one. */
async function triesOf(row: FeatureContext, headers: Readonly<Record<string, string>>): Promise<number> {
  const request = randomUUID();
  await row.ask({ headers: { ...headers, "x-one-request": request } });
  const received = ["v1", "v2", "v3"].flatMap((version) => row.workload("reviews", version).sample.received);
  return received.filter((one) => one.headers["x-one-request"] === request).length;
}

/** Time, failure and what a proxy does about them. */
export const virtualServiceResilienceRows: readonly Feature[] = [
  {
    name: "a timeout ends a slow answer with 504",
    fields: [`${http}.timeout`],
    manifests: (row) => [row.http({ timeout: "0.5s", route: [row.to()] })],
    check: async (row) => {
      await row.eventually(async () => (await row.ask("/")).status === 200);
      const { status, tookMs } = await row.ask({ headers: { "x-sample-delay": "40000" } });
      assert.equal(status, 504);
      assert.ok(tookMs < 39_000, `${tookMs} ms`);
    },
  },
  {
    name: "attempts are retries beside the first try, for the conditions of retryOn",
    fields: [`${http}.retries.attempts`, `${http}.retries.retryOn`],
    manifests: (row) => [row.http({ retries: { attempts: 3, retryOn: "5xx" }, route: [row.to()] })],
    check: async (row) => {
      assert.equal(await triesOf(row, { "x-sample-status": "503" }), 4);
      assert.equal(await triesOf(row, { "x-sample-status": "404" }), 1);
    },
  },
  {
    name: "a number in retryOn is a status that is retried",
    fields: [`${http}.retries.retryOn`],
    manifests: (row) => [row.http({ retries: { attempts: 1, retryOn: "connect-failure, 418" }, route: [row.to()] })],
    check: async (row) => {
      assert.equal(await triesOf(row, { "x-sample-status": "418" }), 2);
      assert.equal(await triesOf(row, { "x-sample-status": "500" }), 1);
    },
  },
  {
    name: "without retries a request that may have been acted on is sent once",
    fields: [`${http}.retries`],
    manifests: (row) => [
      row.http(
        { match: [{ headers: { "x-off": {} } }], retries: { attempts: 0 }, route: [row.to()] },
        { route: [row.to()] },
      ),
    ],
    check: async (row) => {
      assert.equal(await triesOf(row, { "x-sample-status": "503" }), 1);
      assert.equal(await triesOf(row, { "x-sample-status": "503", "x-off": "1" }), 1);
      const retries = (await row.proxy().admin.configDump()).includes('"num_retries": 2');
      assert.ok(retries, "the default, two retries of what failed before it was acted on");
    },
  },
  {
    name: "perTryTimeout ends one try, and another may answer",
    fields: [`${http}.retries.perTryTimeout`],
    manifests: (row) => [
      row.subsets(),
      row.http({
        retries: { attempts: 4, perTryTimeout: "0.15s", retryOn: "5xx" },
        route: [row.to("v1", { weight: 50 }), row.to("v2", { weight: 50 })],
      }),
    ],
    check: async (row) => {
      const { status, tookMs } = await row.ask({ headers: { "x-sample-delay": "40000" } });
      assert.equal(status, 504);
      assert.ok(tookMs >= 600 && tookMs < 39_000, `${tookMs} ms for five tries of 150 ms each, with pauses`);
    },
  },
  {
    name: "retries leave hosts aside that were tried before",
    fields: [`${http}.retries.retryIgnorePreviousHosts`],
    manifests: (row) => [
      row.destinationRule({ host: row.host, trafficPolicy: { loadBalancer: { simple: "RANDOM" } } }),
      row.http(
        {
          match: [{ uri: { prefix: "/other" } }],
          retries: { attempts: 1, retryOn: "5xx", backoff: "0.001s", retryIgnorePreviousHosts: true },
          route: [row.to()],
        },
        {
          retries: { attempts: 1, retryOn: "5xx", backoff: "0.001s", retryIgnorePreviousHosts: false },
          route: [row.to()],
        },
      ),
    ],
    check: async (row) => {
      const failed = async (path: string): Promise<number> => {
        const answers = await row.sendMany(300, { path, headers: { "x-sample-status": "503 v1" } });
        return answers.filter(({ status }) => status === 503).length;
      };
      // A host is chosen anew up to five times, so that one of 2187 meets v1 twice; without that one of 9 does.
      const [other, any] = [await failed("/other"), await failed("/any")];
      assert.ok(other < 6 && any > 6, `${other} and ${any} of 300`);
    },
  },
  {
    name: "retryRemoteLocalities goes on elsewhere when tries in the own locality fail",
    fields: [`${http}.retries.retryRemoteLocalities`],
    manifests: (row) => [
      row.destinationRule({
        host: row.host,
        trafficPolicy: {
          outlierDetection: { consecutive5xxErrors: 1_000 },
          loadBalancer: { localityLbSetting: { enabled: true, failover: [{ from: "region-1", to: "region-2" }] } },
        },
      }),
      row.http(
        {
          match: [{ uri: { prefix: "/anywhere" } }],
          retries: { attempts: 4, retryOn: "5xx", backoff: "0.001s", retryRemoteLocalities: true },
          route: [row.to()],
        },
        { retries: { attempts: 4, retryOn: "5xx", backoff: "0.001s" }, route: [row.to()] },
      ),
    ],
    check: async (row) => {
      const headers = { "x-sample-status": "503 v1" };
      assert.deepEqual(await row.split(10), { v1: 10 }, "v1 alone is in the caller's region");
      assert.equal((await row.ask({ path: "/here", headers })).status, 503);
      assert.equal((await row.ask({ path: "/anywhere", headers })).status, 200);
    },
  },
  {
    name: "backoff is the pause before a retry",
    fields: [`${http}.retries.backoff`],
    manifests: (row) => [row.http({ retries: { attempts: 2, retryOn: "5xx", backoff: "0.3s" }, route: [row.to()] })],
    check: async (row) => {
      const answers = await row.sendMany(12, { headers: { "x-sample-status": "503" } });
      const slowest = Math.max(...answers.map(({ tookMs }) => tookMs));
      assert.ok(slowest > 250, `${slowest} ms; the default pauses, 25 ms and up, make at most 100 ms`);
    },
  },
  {
    name: "a delay fault holds its share of requests",
    fields: [`${http}.fault.delay.fixedDelay`, `${http}.fault.delay.percentage.value`],
    manifests: (row) => [
      row.http(
        {
          match: [{ uri: { prefix: "/late" } }],
          fault: { delay: { percentage: { value: 100 }, fixedDelay: "0.3s" } },
          route: [row.to()],
        },
        { fault: { delay: { percentage: { value: 0 }, fixedDelay: "40s" } }, route: [row.to()] },
      ),
    ],
    check: async (row) => {
      const late = await row.ask("/late");
      assert.equal(late.status, 200);
      assert.ok(late.tookMs >= 290, `${late.tookMs} ms`);
      assert.ok((await row.ask("/")).tookMs < 39_000, "no request is held for 40 s");
    },
  },
  {
    name: "the older delay.percent counts where percentage is not set",
    fields: [`${http}.fault.delay.percent`],
    manifests: (row) => [row.http({ fault: { delay: { percent: 100, fixedDelay: "0.3s" } }, route: [row.to()] })],
    complains: /percent.*deprecated/,
    check: async (row) => assert.ok((await row.ask("/")).tookMs >= 290),
  },
  {
    name: "an abort fault answers its share of requests",
    fields: [`${http}.fault.abort.httpStatus`, `${http}.fault.abort.percentage.value`],
    manifests: (row) => [
      row.http({ fault: { abort: { percentage: { value: 40 }, httpStatus: 418 } }, route: [row.to()] }),
    ],
    check: async (row) => {
      const answers = await row.sendMany(500);
      assertShare(answers.filter(({ status }) => status === 418).length, 500, 0.4);
      assert.ok(answers.every(({ status }) => status === 418 || status === 200));
    },
  },
  {
    name: "an abort fault with a gRPC status answers gRPC callers with it",
    fields: [`${http}.fault.abort.grpcStatus`],
    manifests: (row) => [
      row.http({ fault: { abort: { percentage: { value: 100 }, grpcStatus: "UNAVAILABLE" } }, route: [row.to()] }),
    ],
    check: async (row) => {
      const grpc = { method: "POST", headers: { "content-type": "application/grpc" } };
      const { status, headers } = await row.ask(grpc);
      assert.deepEqual([status, headers["grpc-status"]], [200, "14"]);
    },
  },
  {
    name: "a cors policy answers preflights and marks answers for its origins",
    fields: [
      `${http}.corsPolicy.allowOrigins`,
      `${http}.corsPolicy.allowMethods`,
      `${http}.corsPolicy.allowHeaders`,
      `${http}.corsPolicy.exposeHeaders`,
      `${http}.corsPolicy.maxAge`,
      `${http}.corsPolicy.allowCredentials`,
    ],
    manifests: (row) => [
      row.http({
        corsPolicy: {
          allowOrigins: [{ exact: "https://one.example.com" }, { regex: "https://[a-z]+\\.example\\.org" }],
          allowMethods: ["GET", "POST"],
          allowHeaders: ["x-token"],
          exposeHeaders: ["x-sample"],
          maxAge: "24h",
          allowCredentials: true,
        },
        route: [row.to()],
      }),
    ],
    check: async (row) => {
      const preflight = {
        method: "OPTIONS",
        headers: { origin: "https://abc.example.org", "access-control-request-method": "GET" },
      };
      const { status, headers } = await row.ask(preflight);
      assert.equal(status, 200);
      assert.equal(headers["access-control-allow-origin"], "https://abc.example.org");
      assert.equal(headers["access-control-allow-methods"], "GET,POST");
      assert.equal(headers["access-control-allow-headers"], "x-token");
      assert.equal(headers["access-control-max-age"], "86400");
      assert.equal(headers["access-control-allow-credentials"], "true");
      const simple = await row.ask({ headers: { origin: "https://one.example.com" } });
      assert.equal(simple.headers["access-control-allow-origin"], "https://one.example.com");
      assert.equal(simple.headers["access-control-expose-headers"], "x-sample");
      const foreign = await row.ask({ headers: { origin: "https://one.example.com.evil.test" } });
      assert.equal(foreign.headers["access-control-allow-origin"], undefined);
    },
  },
  {
    name: "unmatchedPreflights says whether a preflight of another origin reaches the service",
    fields: [`${http}.corsPolicy.unmatchedPreflights`],
    manifests: (row) => {
      const corsPolicy = { allowOrigins: [{ exact: "https://one.example.com" }], allowMethods: ["GET"] };
      return [
        row.http(
          {
            match: [{ uri: { prefix: "/ignore" } }],
            corsPolicy: { ...corsPolicy, unmatchedPreflights: "IGNORE" },
            route: [row.to()],
          },
          { corsPolicy: { ...corsPolicy, unmatchedPreflights: "FORWARD" }, route: [row.to()] },
        ),
      ];
    },
    check: async (row) => {
      const headers = { origin: "https://other.example.com", "access-control-request-method": "GET" };
      const forwarded = await row.ask({ method: "OPTIONS", path: "/forward", headers });
      assert.match(forwarded.body, /"method":"OPTIONS"/);
      const ignored = await row.ask({ method: "OPTIONS", path: "/ignore", headers });
      assert.deepEqual([ignored.status, ignored.body], [200, ""]);
    },
  },
  {
    name: "the older allowOrigin lists exact origins",
    fields: [`${http}.corsPolicy.allowOrigin`],
    manifests: (row) => [
      row.http(
        { match: [{ uri: { prefix: "/all" } }], corsPolicy: { allowOrigin: ["*"] }, route: [row.to()] },
        { corsPolicy: { allowOrigin: ["https://one.example.com"], allowMethods: ["GET"] }, route: [row.to()] },
      ),
    ],
    complains: /allowOrigin.*deprecated/,
    check: async (row) => {
      const allowed = async (path: string, origin: string): Promise<unknown> =>
        (await row.ask({ path, headers: { origin } })).headers["access-control-allow-origin"];
      assert.equal(await allowed("/", "https://one.example.com"), "https://one.example.com");
      assert.equal(await allowed("/", "https://two.example.com"), undefined);
      assert.equal(await allowed("/all", "https://two.example.com"), "https://two.example.com");
    },
  },
  {
    name: "the mesh's defaultHttpRetryPolicy holds where a rule has none",
    fields: ["MeshConfig.defaultHttpRetryPolicy"],
    alone: true,
    meshConfig: () => ({ defaultHttpRetryPolicy: { attempts: 5, retryOn: "5xx" } }),
    manifests: (row) => [
      row.http(
        { match: [{ headers: { "x-own": {} } }], retries: { attempts: 1, retryOn: "5xx" }, route: [row.to()] },
        { route: [row.to()] },
      ),
    ],
    check: async (row) => {
      assert.equal(await triesOf(row, { "x-sample-status": "503" }), 6);
      assert.equal(await triesOf(row, { "x-sample-status": "503", "x-own": "1" }), 2);
    },
  },
];
