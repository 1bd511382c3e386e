import assert from "node:assert/strict";
import { test } from "node:test";
import type { Context } from "./context.ts";
import { Findings } from "./findings.ts";
import { rememberedStep, rememberedSteps } from "./remembered-step.ts";

interface Host {
  readonly name: string;
}

interface Facts {
  readonly rules?: Readonly<Record<string, string>>;
  readonly policies?: Map<string, string>;
  readonly namespace?: string;
  readonly extensions?: readonly string[];
}

const [settings, services, clusters, noPolicies] = [{}, { byHost: new Map() }, new Map(), new Map<string, string>()];
const orders: Host = { name: "orders" };
const users: Host = { name: "users" };

/** As much of a context as the steps below ask for; rules of equal content are equal, but not the same list. */
function contextOf({ rules = {}, policies = noPolicies, namespace = "shop", extensions = [] }: Facts): Context {
  const found = new Map(Object.entries(rules));
  return {
    ...{ settings, services, listed: services, clusters, view: {}, snapshot: {}, findings: new Findings() },
    scope: { namespace, extensions, features: [] },
    routing: { all: [...found.values()], rulesFor: (host: string) => [found.get(host)] },
    policyFor: () => policies,
    sources: { policies, endpoints: services, bound: services },
  } as unknown as Context;
}

function counted<Value>(step: (context: Context, host: Host) => Value) {
  const runs: string[] = [];
  const counting = (context: Context, host: Host): Value => {
    runs.push(host.name);
    return step(context, host);
  };
  return { runs, counting };
}

const rulesOf = (context: Context, { name }: Host): readonly unknown[] => context.routing.rulesFor(name);

test("a step runs again only where what it asked is answered differently", () => {
  const { runs, counting } = counted(rulesOf);
  const step = rememberedStep(counting);
  const first = step(contextOf({ rules: { orders: "a" } }), orders, "");
  assert.equal(step(contextOf({ rules: { orders: "a", users: "b" }, policies: new Map() }), orders, ""), first);
  assert.equal(runs.length, 1);
  assert.deepEqual(step(contextOf({ rules: { orders: "c" } }), orders, ""), ["c"]);
  assert.equal(step(contextOf({ rules: { orders: "a" } }), orders, ""), first, "those who differ take turns");
  assert.equal(runs.length, 2);
});

test("of a list only those run again whose answers changed", () => {
  const { runs, counting } = counted(rulesOf);
  const steps = rememberedSteps(counting);
  const list = [orders, users];
  const by = { variant: "80", asker: "shop" };
  const [, second] = steps(contextOf({ rules: { orders: "a", users: "b" } }), list, by);
  runs.length = 0;
  const after = steps(contextOf({ rules: { orders: "c", users: "b" } }), list, by);
  assert.deepEqual([after[0], runs], [["c"], ["orders"]]);
  assert.equal(after[1], second);
  const other = steps(contextOf({ rules: { orders: "c", users: "b" } }), list, { ...by, asker: "stars" });
  assert.equal(other[0], after[0], "another asker finds what the first one's step made");
  assert.deepEqual(runs, ["orders"]);
});

test("steps within a step are asked again through it", () => {
  const inner = rememberedStep(rulesOf);
  const outer = rememberedStep((context, host: Host) => inner(context, host, "").join());
  assert.equal(outer(contextOf({ rules: { orders: "a" } }), orders, ""), "a");
  inner(contextOf({ rules: { orders: "a" } }), users, "");
  assert.equal(outer(contextOf({ rules: { orders: "b" } }), orders, ""), "b");
});

test("of what a binary contains only what a step looked for counts", () => {
  const { runs, counting } = counted(({ scope }) => scope.extensions?.includes("fault"));
  const step = rememberedStep(counting);
  assert.equal(step(contextOf({ extensions: ["fault"] }), orders, ""), true);
  assert.equal(step(contextOf({ extensions: ["cors", "fault"] }), orders, ""), true);
  assert.equal(runs.length, 1);
  assert.equal(step(contextOf({ extensions: ["cors"] }), orders, ""), false);
});

test("what is read as a whole runs again with any change of it, and tells its findings each time", () => {
  const { runs, counting } = counted((context, host) => {
    context.findings.warn({ kind: "Service", namespace: "shop", name: host.name }, "odd", "it is odd");
    return context.policyFor(host as never);
  });
  const step = rememberedStep(counting, { whole: ["policies"] });
  const policies = new Map<string, string>();
  for (const context of [contextOf({ policies }), contextOf({ policies, rules: { orders: "a" } })]) {
    step(context, orders, "");
    assert.deepEqual(
      context.findings.list().map(({ code }) => code),
      ["odd"],
    );
  }
  assert.equal(runs.length, 1);
  step(contextOf({ policies: new Map() }), orders, "");
  step(contextOf({ policies, namespace: "stars" }), orders, "");
  assert.equal(runs.length, 3);
});
