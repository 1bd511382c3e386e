import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  RateLimitRequestSchema,
  RateLimitResponse_Code as Code,
} from "@lateen/protos/envoy/service/ratelimit/v3/rls_pb.js";
import { RateLimitUnit } from "@lateen/protos/envoy/type/v3/ratelimit_unit_pb.js";
import { Registry } from "prom-client";
import { registerMixerMetrics } from "../metrics.ts";
import { Counters } from "./counters.ts";
import { decodeCounts, encodeCounts, shareCounts } from "./exchange.ts";
import type { LimitedRule } from "./limits.ts";
import { shouldRateLimit } from "./service.ts";

const rules = new Map<string, LimitedRule>([
  ["shop/cart/all", { id: "shop/cart/all", limit: { requests: 3, unit: "minute" } }],
  ["shop/cart/burst", { id: "shop/cart/burst", limit: { requests: 2, unit: "second" } }],
]);

/** A limiter with a clock that stands still. Midnight plus half a minute. */
function limiter(maxCounters = 100) {
  const clock = { now: Date.UTC(2026, 0, 1) + 30_000 };
  const counters = new Counters({ now: () => clock.now, maxCounters });
  const registry = new Registry();
  const metrics = registerMixerMetrics(registry);
  type Descriptor = NonNullable<MessageInitShape<typeof RateLimitRequestSchema>["descriptors"]>[number];
  const ask = (descriptors: Descriptor[], hitsAddend = 0) =>
    shouldRateLimit(create(RateLimitRequestSchema, { domain: "lateen", descriptors, hitsAddend }), {
      rules: () => rules,
      counters,
      metrics,
    });
  return { clock, counters, registry, ask };
}

const of = (rule: string, ...more: [string, string][]) => ({
  entries: [["rule", rule], ...more].map(([key = "", value = ""]) => ({ key, value })),
});

test("counts to the limit, denies beyond, and begins anew with the minute", () => {
  const { ask, clock } = limiter();
  const answers = Array.from({ length: 4 }, () => ask([of("shop/cart/all")]));
  assert.deepEqual(
    answers.map((answer) => answer.overallCode),
    [Code.OK, Code.OK, Code.OK, Code.OVER_LIMIT],
  );
  assert.deepEqual(
    answers.map((answer) => answer.statuses[0]?.limitRemaining),
    [2, 1, 0, 0],
  );
  assert.equal(answers[0]?.statuses[0]?.durationUntilReset?.seconds, 30n);
  assert.deepEqual(
    answers[3]?.responseHeadersToAdd.map(({ key, value }) => `${key}: ${value}`),
    ["x-ratelimit-limit: 3", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 30"],
  );
  assert.deepEqual(answers[0]?.statuses[0]?.currentLimit?.name, "shop/cart/all");
  clock.now += 29_999;
  assert.equal(ask([of("shop/cart/all")]).overallCode, Code.OVER_LIMIT);
  clock.now += 1;
  assert.equal(ask([of("shop/cart/all")]).overallCode, Code.OK);
});

test("each value that a rule counts by has its own counter", () => {
  const { ask } = limiter();
  for (let n = 0; n < 3; n += 1) ask([of("shop/cart/all", ["user", "a"])]);
  assert.equal(ask([of("shop/cart/all", ["user", "a"])]).overallCode, Code.OVER_LIMIT);
  assert.equal(ask([of("shop/cart/all", ["user", "b"])]).overallCode, Code.OK);
});

test("every descriptor counts, the tightest gives the headers, one over its limit denies", () => {
  const { ask } = limiter();
  const both = [of("shop/cart/all"), of("shop/cart/burst")];
  assert.equal(ask(both).responseHeadersToAdd[0]?.value, "2");
  ask(both);
  const third = ask(both);
  assert.deepEqual(
    [third.overallCode, third.statuses.map((status) => status.code)],
    [Code.OVER_LIMIT, [Code.OK, Code.OVER_LIMIT]],
  );
  assert.equal(ask([of("shop/cart/all")]).overallCode, Code.OVER_LIMIT, "the third counted for the other rule too");
});

test("hits_addend of the request and of a descriptor, none, and given back", () => {
  const { ask } = limiter();
  assert.equal(ask([of("shop/cart/all")], 2).statuses[0]?.limitRemaining, 1);
  assert.equal(ask([{ ...of("shop/cart/all"), hitsAddend: 0n }], 5).statuses[0]?.limitRemaining, 1);
  assert.equal(ask([{ ...of("shop/cart/all"), hitsAddend: 2n, isNegativeHits: true }]).statuses[0]?.limitRemaining, 3);
  assert.equal(ask([{ ...of("shop/cart/all"), hitsAddend: 4n }]).overallCode, Code.OVER_LIMIT);
});

test("a rule that is not known is not limited, and counted as such", async () => {
  const { ask, registry } = limiter();
  assert.equal(ask([of("shop/cart/gone")]).overallCode, Code.OK);
  assert.equal(ask([{ entries: [] }]).overallCode, Code.OK);
  ask([of("shop/cart/all")]);
  const text = await registry.metrics();
  assert.match(text, /lateen_rate_limit_descriptors_total\{rule="",result="unknown_rule"\} 2/);
  assert.match(text, /lateen_rate_limit_descriptors_total\{rule="shop\/cart\/all",result="ok"\} 1/);
});

test("a limit in the descriptor overrides; a unit that is not built is refused by name", () => {
  const { ask } = limiter();
  const limit = { requestsPerUnit: 1, unit: RateLimitUnit.HOUR };
  ask([{ ...of("x"), limit }]);
  assert.equal(ask([{ ...of("x"), limit }]).overallCode, Code.OVER_LIMIT);
  assert.throws(
    () => ask([{ ...of("x"), limit: { requestsPerUnit: 1, unit: RateLimitUnit.MONTH } }]),
    /unit MONTH .* is not built: use SECOND/,
  );
});

test("memory is bounded: ended windows are swept, the oldest counters go first", () => {
  const { ask, clock, counters } = limiter(10);
  for (let n = 0; n < 50; n += 1) ask([of("shop/cart/all", ["user", String(n)])]);
  assert.equal(counters.size, 10);
  assert.equal(ask([of("shop/cart/all", ["user", "49"])]).statuses[0]?.limitRemaining, 1, "the newest is kept");
  clock.now += 60_000;
  assert.equal(counters.sweep(), 10);
  assert.equal(counters.size, 0);
});

test("replicas that tell each other their totals limit together, whatever is repeated or lost", () => {
  const [one, two] = [limiter(), limiter()];
  const exchange = (): void => {
    const told = [
      decodeCounts(encodeCounts("one", one.counters.takeChanged())),
      decodeCounts(encodeCounts("two", two.counters.takeChanged())),
    ];
    for (const twice of [1, 2]) {
      assert.ok(twice && told[0] && told[1]);
      two.counters.merge("one", told[0].counts);
      one.counters.merge("two", told[1].counts);
    }
  };
  one.ask([of("shop/cart/all")], 2);
  exchange();
  assert.equal(two.ask([of("shop/cart/all")]).statuses[0]?.limitRemaining, 0);
  assert.equal(two.ask([of("shop/cart/all")]).overallCode, Code.OVER_LIMIT);
  exchange();
  assert.equal(one.ask([{ ...of("shop/cart/all"), hitsAddend: 0n }]).overallCode, Code.OVER_LIMIT);
  one.clock.now += 60_000;
  exchange();
  assert.equal(one.ask([of("shop/cart/all")]).statuses[0]?.limitRemaining, 2, "a new window");
  assert.equal(decodeCounts(Buffer.from("[2,3]")), undefined);
});

test("counts travel over a channel", async () => {
  const [one, two] = [limiter(), limiter()];
  const listeners = new Set<(bytes: Uint8Array) => void>();
  const channel = {
    publish: (bytes: Uint8Array) => {
      for (const tell of listeners) tell(bytes);
    },
    async *messages(signal: AbortSignal) {
      const waiting: Uint8Array[] = [];
      listeners.add((bytes) => waiting.push(bytes));
      while (!signal.aborted) {
        yield* waiting.splice(0);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
  };
  const stop = new AbortController();
  const sharing = Promise.all([
    shareCounts(one.counters, channel, "one", stop.signal),
    shareCounts(two.counters, channel, "two", stop.signal),
  ]);
  one.ask([of("shop/cart/all")], 3);
  for (
    let left = 3_000;
    two.ask([{ ...of("shop/cart/all"), hitsAddend: 0n }]).statuses[0]?.limitRemaining !== 0;
    left -= 1
  ) {
    assert.ok(left > 0, "not told");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  stop.abort();
  await sharing;
});
