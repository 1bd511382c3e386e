import assert from "node:assert/strict";
import test from "node:test";
import { DiffCache } from "./diff.ts";
import { emptyResources } from "./resource.ts";
import type { ResourceMap } from "./resource.ts";
import { Subscription } from "./subscription.ts";
import { deltaRequest, sotwRequest } from "./testing/requests.ts";
import { resourceMap } from "./testing/resources.ts";
import { clusterType, endpointType, secretType } from "./type-urls.ts";

/** Plays one subscription by hand: what would be sent, as `[changed, removed]`, or undefined for nothing. */
function play(typeUrl: string, delta: boolean) {
  const subscription = new Subscription(typeUrl, new DiffCache());
  let nonces = 0;
  return {
    subscription,
    sotw: (fields: Parameters<typeof sotwRequest>[1]) => subscription.receiveSotw(sotwRequest(typeUrl, fields)),
    delta: (fields: Parameters<typeof deltaRequest>[1]) => subscription.receiveDelta(deltaRequest(typeUrl, fields)),
    push(goal: ResourceMap, absent?: ReadonlySet<string>) {
      subscription.release(goal);
      const plan = subscription.plan(goal, { removals: true, absent });
      if (!subscription.needs(plan, delta)) {
        subscription.skip(plan);
        return undefined;
      }
      const whole = [...subscription.wholeState(plan).values()].map(({ name, version }) => `${name}@${version}`);
      subscription.sent(plan, String(++nonces), 0);
      return {
        changed: plan.changed.map(({ name, version }) => `${name}@${version}`),
        removed: [...plan.removed],
        whole,
      };
    },
    ack(extra: object = {}) {
      return delta ? this.delta({ nonce: String(nonces), ...extra }) : this.sotw({ nonce: String(nonces), ...extra });
    },
  };
}
const clusters = (versions: Record<string, string>) => resourceMap(clusterType, versions);
const endpoints = (versions: Record<string, string>) => resourceMap(endpointType, versions);

test("an empty first request means everything, and is answered even when there is nothing", () => {
  for (const delta of [false, true]) {
    const client = play(clusterType, delta);
    if (delta) client.delta({});
    else client.sotw({});
    assert.deepEqual(client.push(emptyResources), { changed: [], removed: [], whole: [] });
    client.ack();
    assert.equal(client.push(emptyResources), undefined);
    assert.deepEqual(client.push(clusters({ a: "1" }))?.changed, ["a@1"]);
  }
});

test("an empty first request for a type that is asked by name means nothing", () => {
  const client = play(endpointType, true);
  client.delta({});
  assert.equal(client.push(endpoints({ a: "1" })), undefined);
});

test("delta sends what changed and what went", () => {
  const client = play(clusterType, true);
  client.delta({ subscribe: ["*"] });
  client.push(clusters({ a: "1", b: "1", c: "1" }));
  client.ack();
  assert.deepEqual(client.push(clusters({ a: "1", b: "2", d: "1" })), {
    changed: ["b@2", "d@1"],
    removed: ["c"],
    whole: ["a@1", "b@2", "d@1"],
  });
});

test("a client that brings the same versions is sent nothing", () => {
  const client = play(clusterType, true);
  client.delta({
    initialVersions: new Map([
      ["a", "1"],
      ["b", "1"],
    ]),
  });
  assert.equal(client.push(clusters({ a: "1", b: "1" })), undefined);
  assert.equal(client.subscription.inSync(clusters({ a: "1", b: "1" })), false, "in sync with that very map only");
});

test("a client that brings older versions is sent the difference", () => {
  const client = play(clusterType, true);
  client.delta({
    initialVersions: new Map([
      ["a", "1"],
      ["b", "1"],
      ["gone", "9"],
    ]),
  });
  assert.deepEqual(client.push(clusters({ a: "1", b: "2", c: "1" })), {
    changed: ["c@1", "b@2"],
    removed: ["gone"],
    whole: ["a@1", "b@2", "c@1"],
  });
});

test("versions brought for named resources subscribe to them", () => {
  const client = play(endpointType, true);
  client.delta({
    subscribe: ["a"],
    initialVersions: new Map([
      ["a", "1"],
      ["b", "1"],
    ]),
  });
  assert.deepEqual(client.push(endpoints({ a: "1", b: "2" }))?.changed, ["b@2"]);
});

test("subscribing again sends again", () => {
  const client = play(endpointType, true);
  client.delta({ subscribe: ["a", "b"] });
  client.push(endpoints({ a: "1", b: "1" }));
  client.ack();
  client.delta({ subscribe: ["a"] });
  assert.deepEqual(client.push(endpoints({ a: "1", b: "1" }))?.changed, ["a@1"]);
  client.ack();
  assert.equal(client.push(endpoints({ a: "1", b: "1" })), undefined);
});

test("subscribing to everything again sends everything again", () => {
  const client = play(clusterType, true);
  client.delta({ subscribe: ["*"] });
  client.push(clusters({ a: "1" }));
  client.ack();
  client.delta({ subscribe: ["*"] });
  assert.deepEqual(client.push(clusters({ a: "1" }))?.changed, ["a@1"]);
});

test("an unknown name is answered with its removal once, and sent when it appears", () => {
  const client = play(endpointType, true);
  client.delta({ subscribe: ["x"] });
  assert.deepEqual(client.push(emptyResources)?.removed, ["x"]);
  client.ack();
  assert.equal(client.push(emptyResources), undefined);
  assert.deepEqual(client.push(endpoints({ x: "1" }))?.changed, ["x@1"]);
});

test("where resources come on demand, a name is absent only when it is known to be", () => {
  const client = play(secretType, true);
  client.delta({ subscribe: ["x", "y"] });
  assert.equal(client.push(emptyResources, new Set()), undefined);
  assert.deepEqual(client.push(emptyResources, new Set(["x"]))?.removed, ["x"]);
  client.ack();
  assert.deepEqual(client.push(resourceMap(secretType, { y: "1" }), new Set(["x"])), {
    changed: ["y@1"],
    removed: [],
    whole: ["y@1"],
  });
});

test("subscribing and unsubscribing `*` in one message means nothing but names", () => {
  const client = play(clusterType, true);
  client.delta({ subscribe: ["*"], unsubscribe: ["*"] });
  assert.equal(client.push(clusters({ a: "1" })), undefined);
  client.delta({ subscribe: ["a"] });
  assert.deepEqual(client.push(clusters({ a: "1", b: "1" }))?.changed, ["a@1"]);
});

test("a name unsubscribed under `*` is told again, as the protocol demands", () => {
  const client = play(clusterType, true);
  client.delta({ subscribe: ["*", "a"] });
  client.push(clusters({ a: "1" }));
  client.ack();
  client.delta({ unsubscribe: ["a"] });
  assert.deepEqual(client.push(clusters({ a: "1" }))?.changed, ["a@1"]);
});

test("a request with another nonce than the last answer's is stale", () => {
  const client = play(clusterType, false);
  client.sotw({});
  client.push(clusters({ a: "1" }));
  assert.equal(client.sotw({ nonce: "" }).kind, "stale");
  assert.equal(client.sotw({ nonce: "0" }).kind, "stale");
  assert.equal(client.ack().kind, "acknowledged");
});

test("a whole-state answer carries everything, an answer by name only what is new", () => {
  const whole = play(clusterType, false);
  whole.sotw({});
  whole.push(clusters({ a: "1", b: "1" }));
  whole.ack();
  assert.deepEqual(whole.push(clusters({ a: "1", b: "2" }))?.whole, ["a@1", "b@2"]);
  const named = play(endpointType, false);
  named.sotw({ names: ["a", "b"] });
  named.push(endpoints({ a: "1", b: "1", c: "1" }));
  named.ack({ names: ["a", "b"] });
  assert.deepEqual(named.push(endpoints({ a: "1", b: "2", c: "2" }))?.changed, ["b@2"]);
  named.ack({ names: ["a", "b", "c"] });
  assert.deepEqual(named.push(endpoints({ a: "1", b: "2", c: "2" }))?.changed, ["c@2"]);
});

test("state-of-the-world cannot say that a named resource is gone, and does not try", () => {
  const client = play(endpointType, false);
  client.sotw({ names: ["a"] });
  client.push(endpoints({ a: "1" }));
  client.ack({ names: ["a"] });
  assert.equal(client.push(emptyResources), undefined);
  assert.deepEqual(client.push(endpoints({ a: "1" }))?.changed, ["a@1"]);
});

test("a client that leaves the legacy wildcard for names gets those names only", () => {
  const client = play(clusterType, false);
  client.sotw({});
  client.push(clusters({ a: "1", b: "1" }));
  client.ack({ names: ["a"] });
  assert.deepEqual(client.push(clusters({ a: "1", b: "1" }))?.whole, ["a@1"]);
  client.ack({ names: ["a"] });
  assert.equal(client.push(clusters({ a: "1", b: "2" })), undefined);
  client.sotw({ nonce: "2", names: [] });
  assert.deepEqual(client.push(clusters({ a: "1", b: "2" }))?.whole, []);
});

test("a refused resource is not sent again; the rest of its answer is", () => {
  const client = play(clusterType, true);
  client.delta({});
  client.push(clusters({ a: "1", b: "1" }));
  client.ack();
  const bad = clusters({ a: "1-bad", b: "2" });
  client.push(bad);
  const outcome = client.ack({ error: "cluster a: no" });
  assert.deepEqual(outcome.kind === "rejected" && outcome.resources.map(({ name }) => name), ["a"]);
  assert.equal(client.subscription.rejection, "cluster a: no");
  assert.deepEqual(client.push(bad)?.changed, ["b@2"]);
  client.ack();
  assert.equal(client.push(bad), undefined);
  assert.equal(client.subscription.inSync(bad), false);
  const good = clusters({ a: "3", b: "2" });
  assert.deepEqual(client.push(good)?.changed, ["a@3"]);
  client.ack();
  assert.ok(client.subscription.inSync(good));
  assert.equal(client.subscription.rejection, undefined);
});

test("in a whole-state answer the last accepted version stands in for a refused one", () => {
  const client = play(clusterType, false);
  client.sotw({});
  client.push(clusters({ a: "1", b: "1" }));
  client.ack();
  const bad = clusters({ a: "bad", b: "2", new: "bad" });
  client.push(bad);
  client.ack({ error: "a and new are refused" });
  assert.deepEqual(client.push(bad)?.whole, ["a@1", "b@2"]);
  client.ack();
  assert.deepEqual(client.push(clusters({ a: "bad", b: "3", new: "bad" }))?.whole, ["a@1", "b@3"]);
  client.ack();
  assert.deepEqual(client.push(clusters({ b: "3", new: "good" }))?.whole, ["b@3", "new@good"]);
});

test("what a refusal does not name is found by halves, and all else arrives", () => {
  const client = play(clusterType, true);
  client.delta({});
  client.push(clusters({ a: "1" }));
  client.ack();
  const versions = Object.fromEntries(["b", "c", "d", "e", "f"].map((name) => [name, name === "d" ? "bad" : "2"]));
  const goal = clusters({ a: "1", ...versions });
  const pushed: string[] = [];
  const blamed: string[] = [];
  for (let push = client.push(goal); push !== undefined; push = client.push(goal)) {
    pushed.push(push.changed.join(" "));
    const outcome = client.ack(push.changed.includes("d@bad") ? { error: "NO" } : {});
    if (outcome.kind === "rejected") blamed.push(outcome.resources.map(({ name }) => name).join(" "));
  }
  assert.deepEqual(pushed, ["b@2 c@2 d@bad e@2 f@2", "b@2 c@2 d@bad", "b@2 c@2", "d@bad", "e@2 f@2"]);
  assert.deepEqual(blamed, ["b c d e f", "b c d", "d"]);
  assert.equal(client.subscription.rejection, "NO");
  assert.deepEqual(client.push(clusters({ a: "1", ...versions, d: "3" }))?.changed, ["d@3"]);
});

test("a changed resource is not held back, and a new goal is not suspected", () => {
  const client = play(clusterType, true);
  client.delta({});
  client.push(clusters({ a: "1", b: "1", c: "1", d: "1" }));
  client.ack({ error: "NO" });
  const goal = clusters({ a: "1", b: "1", c: "1", d: "2" });
  assert.deepEqual(client.push(goal)?.changed, ["a@1", "b@1", "d@2"]);
  client.ack();
  assert.deepEqual(client.push(goal)?.changed, ["c@1"]);
  client.ack();
  assert.ok(client.push(goal) === undefined && client.subscription.inSync(goal));
});

test("where every one of many is refused without a name, it comes to an end", () => {
  const client = play(clusterType, true);
  client.delta({});
  const goal = clusters(Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`c${index}`, "bad"])));
  let refusals = 0;
  while (client.push(goal) !== undefined) {
    client.ack({ error: "NO" });
    refusals += 1;
  }
  assert.ok(refusals < 100, `${refusals} refusals`);
});

test("a state-of-the-world refusal that names nothing is about all that was new", () => {
  const client = play(clusterType, false);
  client.sotw({});
  client.push(clusters({ a: "1" }));
  client.ack();
  const goal = clusters({ a: "1", b: "1", c: "1" });
  client.push(goal);
  const outcome = client.ack({ error: "something is wrong" });
  assert.deepEqual(outcome.kind === "rejected" && outcome.resources.map(({ name }) => name), ["b", "c"]);
  assert.equal(client.push(goal), undefined);
});

test("going back to the accepted version after a refusal needs no push", () => {
  const client = play(clusterType, true);
  client.delta({});
  client.push(clusters({ a: "1" }));
  client.ack();
  client.push(clusters({ a: "bad" }));
  client.ack({ error: "a" });
  client.push(clusters({ a: "bad" }));
  const back = clusters({ a: "1" });
  assert.equal(client.push(back), undefined);
  assert.ok(client.subscription.inSync(back));
});

test("forgotten names are told again", () => {
  const client = play(endpointType, false);
  client.sotw({ names: ["a", "b"] });
  const goal = endpoints({ a: "1", b: "1" });
  client.push(goal);
  client.ack({ names: ["a", "b"] });
  client.subscription.forget(["a", "not-subscribed"]);
  assert.deepEqual(client.push(goal)?.changed, ["a@1"]);
});

test("plans of equal clients share their content, whose encoding is then shared too", () => {
  const diffs = new DiffCache();
  const [one, two] = [new Subscription(clusterType, diffs), new Subscription(clusterType, diffs)];
  const goal = clusters({ a: "1" });
  const plans = [one, two].map((subscription) => {
    subscription.receiveDelta(deltaRequest(clusterType));
    return subscription.plan(goal, { removals: true });
  });
  assert.equal(plans[0]?.changed, plans[1]?.changed);
});
