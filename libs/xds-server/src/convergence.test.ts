import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { DiffCache } from "./diff.ts";
import { joinedMessage } from "@lateen/rpc";
import { layered } from "./layered.ts";
import type { ResourceMap, ResourceSet } from "./resource.ts";
import type { SessionContext } from "./session.ts";
import { resourceSet } from "./testing/resources.ts";
import type { SetContent } from "./testing/resources.ts";
import { SimulatedProxy, isBad } from "./testing/simulated-proxy.ts";
import { clusterType, endpointType, listenerType, routeType } from "./type-urls.ts";
import { ResponseEncoder } from "./wire/response.ts";

const ackWaitMs = 1_000;
const numRuns = 2_000;
const newContext = (): SessionContext => ({
  diffs: new DiffCache(),
  encoder: new ResponseEncoder(),
  onDemandTypes: new Set(),
  ackWaitMs,
});

const name = fc.constantFrom("alpha", "beta", "gamma", "delta");
const goodVersion = fc.integer({ min: 1, max: 5 }).map(String);
const anyVersion = fc.oneof(
  { weight: 4, arbitrary: goodVersion },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 5 }).map((n) => `bad${n}`) },
);
/** Every cluster has endpoints and every listener its route, as `publish` in pilot guarantees. */
const content = (version: fc.Arbitrary<string>): fc.Arbitrary<SetContent> =>
  fc
    .record({
      clusters: fc.dictionary(name, fc.tuple(version, version)),
      listeners: fc.dictionary(name, fc.tuple(version, version)),
    })
    .map(({ clusters, listeners }) => ({
      cds: pick(clusters, 0),
      eds: pick(clusters, 1),
      lds: pick(listeners, 0),
      rds: pick(listeners, 1),
    }));
const pick = (pairs: Record<string, [string, string]>, index: 0 | 1): Record<string, string> =>
  Object.fromEntries(Object.entries(pairs).map(([key, pair]) => [key, pair[index]]));

type Step =
  | { readonly kind: "update"; readonly content: SetContent }
  | { readonly kind: "write" | "read" | "reconnect" }
  | { readonly kind: "pass"; readonly ms: number };
const steps = (version: fc.Arbitrary<string>): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      { weight: 3, arbitrary: content(version).map((value) => ({ kind: "update" as const, content: value })) },
      { weight: 8, arbitrary: fc.constant({ kind: "write" as const }) },
      { weight: 6, arbitrary: fc.constant({ kind: "read" as const }) },
      { weight: 1, arbitrary: fc.constant({ kind: "reconnect" as const }) },
      { weight: 1, arbitrary: fc.constantFrom(1, ackWaitMs).map((ms) => ({ kind: "pass" as const, ms })) },
    ),
    { maxLength: 60 },
  );

/** Every other set in layers, between which resources move as their versions change. */
function inLayers(set: ResourceSet): ResourceSet {
  if (set.revision % 2n === 0n) return set;
  const layersOf = (map: ResourceMap): readonly ResourceMap[] =>
    [0, 1].map((layer) => new Map([...map].filter(([, { version }]) => version.charCodeAt(0) % 2 === layer)));
  return { ...set, byType: new Map([...set.byType].map(([typeUrl, map]) => [typeUrl, layered(layersOf(map))])) };
}

/** Runs the steps, then lets everything that is under way arrive. */
function run(
  delta: boolean,
  all: readonly Step[],
  options: { silent?: boolean } = {},
): { proxy: SimulatedProxy; set: ResourceSet } {
  const proxy = new SimulatedProxy(newContext(), delta, options);
  let revision = 1;
  let set = resourceSet(revision, {});
  let now = 0;
  proxy.session.update(set);
  const write = (): boolean => {
    const push = proxy.session.next(now);
    if (push !== undefined) proxy.inbox.push(push);
    return push !== undefined;
  };
  for (const step of all) {
    switch (step.kind) {
      case "update":
        set = inLayers(resourceSet(++revision, step.content));
        proxy.session.update(set);
        break;
      case "write":
        write();
        break;
      case "read":
        proxy.read();
        break;
      case "pass":
        now += step.ms;
        break;
      case "reconnect":
        proxy.reconnect();
        proxy.session.update(set);
        break;
    }
  }
  for (let rounds = 0; write() || proxy.read(); rounds++)
    assert.ok(rounds < 500, "the conversation does not come to rest");
  return { proxy, set };
}

const expected = (set: ResourceSet, typeUrl: string): Record<string, string> =>
  Object.fromEntries([...(set.byType.get(typeUrl)?.values() ?? [])].map(({ name: key, version }) => [key, version]));
const sorted = (held: Iterable<[string, string]>): [string, string][] => [...held].sort(([a], [b]) => (a < b ? -1 : 1));

for (const delta of [false, true]) {
  const flavour = delta ? "delta" : "state of the world";

  test(`${flavour}: after any run of updates, acknowledgements and reconnects the proxy equals the store`, () => {
    fc.assert(
      fc.property(steps(goodVersion), (all) => {
        const { proxy, set } = run(delta, all);
        for (const typeUrl of [clusterType, endpointType, listenerType, routeType]) {
          assert.deepEqual(sorted(proxy.heldOf(typeUrl)), sorted(Object.entries(expected(set, typeUrl))), typeUrl);
        }
        assert.equal(proxy.session.acknowledgedRevision, set.revision);
      }),
      { numRuns },
    );
  });

  for (const silent of delta ? [false, true] : [false])
    test(`${flavour}: with ${silent ? "refusals that name nothing" : "refusals"}, all that is good arrives and what was accepted stays`, () => {
      fc.assert(
        fc.property(steps(anyVersion), (all) => {
          const { proxy, set } = run(delta, all, { silent });
          for (const typeUrl of [clusterType, listenerType]) {
            const held = proxy.heldOf(typeUrl);
            const wanted = expected(set, typeUrl);
            for (const [key, version] of Object.entries(wanted)) {
              if (isBad(version)) assert.ok(!isBad(held.get(key) ?? ""), `${key} is held at ${held.get(key)}`);
              else assert.equal(held.get(key), version, `${typeUrl} ${key}`);
            }
            const kept = [...held.keys()].filter((key) => !(key in wanted));
            // While a listener or route is refused, its older form may still need clusters that are gone.
            if (kept.length > 0)
              assert.ok(typeUrl === clusterType && proxy.session.types().some(({ state }) => state === "ERROR"));
          }
          for (const key of proxy.wanted(endpointType) ?? []) {
            const version = expected(set, endpointType)[key];
            if (version !== undefined && !isBad(version)) assert.equal(proxy.heldOf(endpointType).get(key), version);
          }
          const anyBad = [...set.byType.values()].some((map) =>
            [...map.values()].some(({ version }) => isBad(version)),
          );
          if (!anyBad) assert.equal(proxy.session.acknowledgedRevision, set.revision);
        }),
        { numRuns },
      );
    });
}

/** Everything `proxy` is sent until there is nothing left to say. */
function settle(proxy: SimulatedProxy): { readonly pushes: number; readonly bytes: readonly Buffer[] } {
  const bytes: Buffer[] = [];
  for (;;) {
    const push = proxy.session.next(0);
    if (push !== undefined) {
      bytes.push(joinedMessage(push.bytes));
      proxy.inbox.push(push);
    } else if (!proxy.read()) return { pushes: bytes.length, bytes };
  }
}

test("a proxy that moves to another replica of the same revision is sent nothing, and counts as up to date", () => {
  fc.assert(
    fc.property(steps(goodVersion), (all) => {
      const { proxy, set } = run(true, all);
      // One that has none of a type comes as one that is new, and an empty answer lets it start.
      fc.pre([clusterType, listenerType].every((typeUrl) => proxy.heldOf(typeUrl).size > 0));
      proxy.reconnect(newContext());
      proxy.session.update({ revision: set.revision, byType: new Map([...set.byType].map(copyOf)) });
      assert.equal(settle(proxy).pushes, 0);
      assert.equal(proxy.session.acknowledgedRevision, set.revision);
    }),
    { numRuns },
  );
});

test("two replicas at one revision send a new proxy the same bytes, whatever they served before", () => {
  fc.assert(
    fc.property(content(goodVersion), fc.array(content(goodVersion), { maxLength: 3 }), (last, before) => {
      const answers = [before, []].map((history) => {
        const context = newContext();
        for (const [index, each] of history.entries()) {
          const earlier = new SimulatedProxy(context, true);
          earlier.session.update(resourceSet(index + 1, each));
          settle(earlier);
        }
        const proxy = new SimulatedProxy(context, true);
        proxy.session.update(resourceSet(9, last));
        return settle(proxy).bytes;
      });
      assert.deepEqual(answers[0], answers[1]);
    }),
  );
});

test("a proxy that reads nothing is owed one answer a type, however much changes; then it gets the newest", () => {
  for (const delta of [false, true]) {
    const proxy = new SimulatedProxy(newContext(), delta);
    let written = 0;
    let set = resourceSet(1, {});
    for (let revision = 1; revision <= 1_000; revision++) {
      set = resourceSet(revision, { cds: { alpha: String(revision) }, lds: { beta: String(revision) } });
      proxy.session.update(set);
      for (let push = proxy.session.next(0); push !== undefined; push = proxy.session.next(0)) {
        proxy.inbox.push(push);
        written++;
      }
    }
    assert.ok(written <= 4, `${written} answers wait to be read`);
    settle(proxy);
    assert.deepEqual(sorted(proxy.heldOf(clusterType)), [["alpha", "1000"]]);
    assert.deepEqual(sorted(proxy.heldOf(listenerType)), [["beta", "1000"]]);
  }
});

const copyOf = ([typeUrl, map]: [string, ResourceMap]): [string, ResourceMap] => [
  typeUrl,
  new Map([...map].map(([key, each]) => [key, { ...each }])),
];

test("what was refused and then went is not taken for accepted while its removal waits", () => {
  const nothing: SetContent = { cds: {}, eds: {}, lds: {}, rds: {} };
  const update = (value: SetContent): Step => ({ kind: "update", content: { ...nothing, ...value } });
  for (const delta of [false, true]) {
    const { proxy } = run(delta, [
      update({ cds: { alpha: "bad1" }, eds: { alpha: "1" } }),
      ...(["write", "read", "write"] as const).map((kind) => ({ kind })),
      update({}),
      { kind: "write" },
      update({ cds: { gamma: "1" }, eds: { gamma: "1" } }),
    ]);
    assert.deepEqual(sorted(proxy.heldOf(clusterType)), [["gamma", "1"]]);
  }
});

test("what a proxy accepted is not taken away by a refused successor", () => {
  for (const delta of [false, true]) {
    const calm = (value: SetContent): Step[] => [
      { kind: "update", content: value },
      ...Array.from({ length: 40 }, (_, i): Step => ({ kind: i % 2 === 0 ? "write" : "read" })),
    ];
    const good = { cds: { alpha: "1" }, eds: { alpha: "1" }, lds: { beta: "1" }, rds: { beta: "1" } };
    const { proxy } = run(delta, [
      ...calm(good),
      ...calm({ ...good, cds: { alpha: "bad", gamma: "1" }, eds: { alpha: "1", gamma: "1" }, lds: { beta: "bad" } }),
    ]);
    assert.deepEqual(sorted(proxy.heldOf(clusterType)), [
      ["alpha", "1"],
      ["gamma", "1"],
    ]);
    assert.deepEqual(sorted(proxy.heldOf(listenerType)), [["beta", "1"]]);
  }
});
