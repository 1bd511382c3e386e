import assert from "node:assert/strict";
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2";
import { connect } from "node:net";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { HttpAnswer } from "@lateen/e2e-harness";
import type { Asked, Feature, FeatureContext } from "./feature.ts";
import { fullSocket } from "./full-socket.ts";
import { at, hostOf, listen, noRetries, overOwn, policy, versions } from "./traffic-policy-parts.ts";

const tcp = "DestinationRule.trafficPolicy.connectionPool.tcp";
const http = "DestinationRule.trafficPolicy.connectionPool.http";

/** A Service over one version, so that one pool serves it. */
function oneEndpoint(row: FeatureContext, connectionPool: object, portName = "http"): readonly object[] {
  return [...row.service({ portName, to: versions(row, "v1") }), policy(row, { connectionPool })];
}

/** `count` requests under way at one time: none that reaches v1 is answered before `settled` says so. */
async function atOnce(
  row: FeatureContext,
  count: number,
  settled: (now: { readonly answered: number; readonly held: number }) => boolean,
  asked: Asked = {},
): Promise<readonly HttpAnswer[]> {
  const held = row.workload("reviews", "v1").sample.hold();
  let answered = 0;
  const headers = { ...asked.headers, "x-sample-hold": "yes" };
  const one = async (): Promise<HttpAnswer> => {
    const answer = await row.ask({ ...asked, headers });
    answered += 1;
    return answer;
  };
  const answers = Promise.all(Array.from({ length: count }, one));
  try {
    await Promise.race([answers, row.eventually(async () => settled({ answered, held: held.count }))]);
  } finally {
    held.release();
  }
  return await answers;
}

function refused(answers: readonly HttpAnswer[]): number {
  for (const { status, headers } of answers.filter((one) => one.status !== 200))
    assert.deepEqual([status, headers["x-envoy-overloaded"]], [503, "true"]);
  return answers.filter(({ status }) => status !== 200).length;
}

/** Connections that `requests` made. */
async function opened(row: FeatureContext, requests: () => Promise<unknown>): Promise<number> {
  const { sample } = row.workload("reviews", "v1");
  const before = sample.connections;
  await requests();
  return sample.connections - before;
}

/** Connections for two requests with a pause between: two only where the first is closed meanwhile. */
async function openedByPair(row: FeatureContext, pauseMs: number): Promise<number> {
  return await opened(row, async () => {
    await row.answer();
    await sleep(pauseMs);
    await row.answer();
  });
}

const limits: readonly Feature[] = [
  {
    name: "of many requests one is sent, one waits, the others are refused",
    fields: [`${tcp}.maxConnections`, `${http}.http1MaxPendingRequests`],
    service: false,
    manifests: (row) => oneEndpoint(row, { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1 } }),
    check: async (row) => {
      await row.answer(); // until there is a connection, the one that waits for it is all there can be
      assert.equal(refused(await atOnce(row, 6, ({ answered }) => answered === 4)), 4);
    },
  },
  {
    name: "requests under way are limited",
    fields: [`${http}.http2MaxRequests`],
    service: false,
    manifests: (row) => oneEndpoint(row, { http: { http2MaxRequests: 2 } }),
    check: async (row) => assert.equal(refused(await atOnce(row, 6, ({ answered }) => answered === 4)), 4),
  },
  {
    name: "retries at one time are limited",
    fields: [`${http}.maxRetries`],
    service: false,
    manifests: (row) => [
      ...oneEndpoint(row, { http: { maxRetries: 1 } }),
      row.http({ retries: oneRetry, route: [row.to()] }),
    ],
    check: async (row) => {
      const retries = await retriesOf(row);
      assert.ok(retries >= 1 && retries <= 5, `${retries} retries, 10 without a limit`);
    },
  },
  {
    name: "a second TCP connection is refused",
    fields: [`${tcp}.maxConnections`],
    service: false,
    manifests: (row) => oneEndpoint(row, { tcp: { maxConnections: 1 } }, "tcp"),
    check: async (row) => {
      const place = { host: row.address(9), port: row.port };
      const first = connect(place);
      first.write("first");
      await once(first, "data");
      const second = connect(place);
      second.on("error", () => undefined);
      await once(second, "close");
      first.write("again");
      await once(first, "data");
      first.destroy();
    },
  },
];

const lifetimes: readonly Feature[] = [
  {
    name: "a connection serves as many requests as allowed",
    fields: [`${http}.maxRequestsPerConnection`],
    service: false,
    manifests: (row) => oneEndpoint(row, { http: { maxRequestsPerConnection: 2 } }),
    check: async (row) => {
      const count = await opened(row, async () => {
        for (let turn = 0; turn < 6; turn++) await row.answer();
      });
      assert.equal(count, 3);
    },
  },
  {
    name: "an idle HTTP connection is closed",
    fields: [`${http}.idleTimeout`],
    service: false,
    manifests: (row) => oneEndpoint(row, { http: { idleTimeout: "200ms" } }),
    check: async (row) => {
      await row.eventually(async () => (await openedByPair(row, 600)) === 2);
      await row.eventually(async () => (await openedByPair(row, 0)) === 0); // the last one is still warm
    },
  },
  {
    name: "an old connection is closed",
    fields: [`${tcp}.maxConnectionDuration`],
    service: false,
    manifests: (row) => oneEndpoint(row, { tcp: { maxConnectionDuration: "300ms" } }),
    check: async (row) => row.eventually(async () => (await openedByPair(row, 700)) === 2),
  },
  {
    name: "an idle TCP connection is closed",
    fields: [`${tcp}.idleTimeout`],
    service: false,
    manifests: (row) => oneEndpoint(row, { tcp: { idleTimeout: "300ms" } }, "tcp"),
    check: async (row) => {
      const socket = connect({ host: row.address(9), port: row.port });
      socket.write("hello");
      await once(socket, "data");
      await once(socket, "close", { signal: AbortSignal.timeout(60_000) }); // an hour without the rule
    },
  },
  {
    name: "a connection that does not come about is given up",
    fields: [`${tcp}.connectTimeout`],
    service: false,
    manifests: (row) => [
      ...overOwn(row, {}, 0),
      policy(row, { connectionPool: { tcp: { connectTimeout: "400ms" } } }),
      noRetries(row),
    ],
    check: async (row) => {
      await using _full = await fullSocket(row.address(0), row.ports(0));
      const { status, tookMs } = await row.ask();
      assert.equal(status, 503);
      assert.ok(tookMs > 350 && tookMs < 9_500, `${tookMs} ms, 10 s without the rule`);
    },
  },
  {
    name: "kernel keepalive goes to the socket's options",
    fields: ["probes", "time", "interval"].map((field) => `${tcp}.tcpKeepalive.${field}`),
    manifests: (row) => [
      policy(row, { connectionPool: { tcp: { tcpKeepalive: { probes: 4, time: "90s", interval: "15s" } } } }),
    ],
    check: async (row) => {
      await row.answer();
      // Not to be seen without waiting for a dead peer: what Envoy took is as near as it gets.
      const dump = JSON.stringify(JSON.parse(await row.proxy().admin.get(`/config_dump?name_regex=.*${row.host}`)));
      assert.match(dump, /"tcp_keepalive":\{"keepalive_probes":4,"keepalive_time":90,"keepalive_interval":15\}/);
    },
  },
];

const protocols: readonly Feature[] = [
  {
    name: "HTTP goes out as HTTP/2 where the rule says so",
    fields: [`${http}.h2UpgradePolicy`],
    manifests: (row) => [policy(row, { connectionPool: { http: { h2UpgradePolicy: "UPGRADE" } } })],
    check: async (row) => assert.equal((await row.answer()).protocol, "2.0"),
  },
  {
    name: "the server is spoken to as the client speaks",
    fields: [`${http}.useClientProtocol`],
    manifests: (row) => [policy(row, { connectionPool: { http: { useClientProtocol: true } } })],
    check: async (row) => {
      assert.equal((await row.answer()).protocol, "1.1");
      assert.equal(await protocolOfHttp2Call(row), "2.0");
    },
  },
  {
    name: "streams of one HTTP/2 connection are limited",
    fields: [`${http}.maxConcurrentStreams`],
    service: false,
    manifests: (row) => oneEndpoint(row, { http: { h2UpgradePolicy: "UPGRADE", maxConcurrentStreams: 1 } }),
    check: async (row) => assert.equal(await opened(row, () => atOnce(row, 4, ({ held }) => held === 4)), 4),
  },
  {
    name: "an HTTP/2 connection is pinged",
    fields: [`${http}.http2KeepAlive.interval`, `${http}.http2KeepAlive.timeout`],
    service: false,
    manifests: (row) => {
      const http2KeepAlive = { interval: "200ms", timeout: "1s" };
      const connectionPool = { http: { h2UpgradePolicy: "UPGRADE", http2KeepAlive } };
      return [...overOwn(row, {}, 0), policy(row, { connectionPool })];
    },
    check: async (row) => {
      await using server = await listen(createHttp2Server(), row, 0);
      let pings = 0;
      server.on("session", (session) => session.on("ping", () => pings++));
      server.on("request", (_request, response) => response.end());
      assert.equal((await row.ask()).status, 200);
      await row.eventually(async () => pings >= 3);
    },
  },
];

async function protocolOfHttp2Call(row: FeatureContext): Promise<string> {
  const session = connectHttp2(`http://${row.proxy().address}:${row.port}`);
  try {
    const call = session.request({ ":path": "/", ":authority": `${row.host}:${row.port}` });
    let body = "";
    call.setEncoding("utf8").on("data", (text: string) => {
      body += text;
    });
    await once(call, "end");
    return (JSON.parse(body) as { protocol: string }).protocol;
  } finally {
    session.destroy();
  }
}

const budget = "DestinationRule.trafficPolicy.retryBudget";
/** Of ten calls that fail at one time, none is retried before the last has failed, but by a chance of a few in a hundred. */
const oneRetry = { attempts: 1, retryOn: "5xx", backoff: "1s" };

/** How many retries ten calls make that fail at once. */
async function retriesOf(row: FeatureContext, asked: Asked = {}): Promise<number> {
  const { sample } = row.workload("reviews", "v1");
  const before = sample.requests;
  await atOnce(row, 10, ({ held }) => held === 10, { ...asked, headers: { "x-sample-status": "503" } });
  return sample.requests - before - 10;
}

const budgets: Feature = {
  name: "a budget limits retries by what is under way",
  fields: [`${budget}.percent`, `${budget}.minRetryConcurrency`],
  service: false,
  manifests: (row) =>
    Object.entries({
      none: undefined,
      small: { percent: 0, minRetryConcurrency: 1 },
      large: { percent: 100, minRetryConcurrency: 10 },
    }).flatMap(([suffix, retryBudget]) => {
      const host = hostOf(row, suffix);
      const http = [{ retries: oneRetry, route: [{ destination: { host } }] }];
      return [
        ...row.service({ suffix, to: versions(row, "v1") }),
        row.virtualService({ hosts: [host], http }, suffix),
        ...(retryBudget === undefined ? [] : [policy(row, { retryBudget }, suffix)]),
      ];
    }),
  check: async (row) => {
    assert.equal(await retriesOf(row, at(row, "none")), 10);
    const small = await retriesOf(row, at(row, "small"));
    assert.ok(small >= 1 && small <= 5, `${small} retries`);
    assert.equal(await retriesOf(row, at(row, "large")), 10);
  },
};

const memory: Feature = {
  name: "a budget with an interval counts the requests of a while",
  fields: [`${budget}.budgetInterval`],
  service: false,
  manifests: (row) =>
    Object.entries({ forgets: {}, remembers: { budgetInterval: "60s" } }).flatMap(([suffix, more]) => {
      const host = hostOf(row, suffix);
      const http = [{ retries: oneRetry, route: [{ destination: { host } }] }];
      return [
        ...row.service({ suffix, to: versions(row, "v1") }),
        row.virtualService({ hosts: [host], http }, suffix),
        policy(row, { retryBudget: { percent: 20, minRetryConcurrency: 1, ...more } }, suffix),
      ];
    }),
  check: async (row) => {
    const after = async (suffix: string): Promise<number> => {
      await row.sendMany(80, at(row, suffix));
      return await retriesOf(row, at(row, suffix));
    };
    const [forgets, remembers] = [await after("forgets"), await after("remembers")];
    assert.ok(remembers === 10 && forgets < 8, `${forgets} and ${remembers} retries`);
  },
};

export const connectionPoolRows: readonly Feature[] = [...limits, ...lifetimes, ...protocols, budgets, memory];
