import assert from "node:assert/strict";
import test from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { DeltaDiscoveryResponseSchema } from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import { joinedMessage } from "@lateen/rpc";
import fc from "fast-check";
import { DiffCache } from "./diff.ts";
import type { Push, SessionContext } from "./session.ts";
import { deltaRequest } from "./testing/requests.ts";
import { resourceSet } from "./testing/resources.ts";
import { SplitProxy, hostsOf, listedHosts } from "./testing/split-proxy.ts";
import { clusterType, routeType, shortTypeName, virtualHostType } from "./type-urls.ts";
import { FormsCache, splitMark } from "./virtual-hosts.ts";
import { ResponseEncoder } from "./wire/response.ts";

const newContext = (minimumHosts: number): SessionContext => ({
  diffs: new DiffCache(),
  encoder: new ResponseEncoder(),
  onDemandTypes: new Set(),
  ackWaitMs: 1_000,
  forms: new FormsCache(listedHosts(minimumHosts)),
});

function started(rds: Record<string, string>, minimumHosts = 2) {
  const proxy = new SplitProxy(newContext(minimumHosts));
  let revision = 0;
  const update = (tables: Record<string, string>, cds: Record<string, string> = {}): void =>
    proxy.session.update(resourceSet(++revision, { rds: tables, cds }));
  update(rds);
  return { proxy, update, settle: () => settle(proxy) };
}

/** All that is sent and taken until nothing is left, as `VHDS t/a@1`. */
function settle(proxy: SplitProxy): string[] {
  const sent: string[] = [];
  for (let rounds = 0; ; rounds++) {
    assert.ok(rounds < 500, "the conversation does not come to rest");
    const push = proxy.session.next(0);
    if (push !== undefined) {
      sent.push(describe(push));
      proxy.inbox.push(push);
    } else if (!proxy.read()) return sent;
  }
}

function describe({ typeUrl, bytes }: Push): string {
  const { resources, removedResources } = fromBinary(DeltaDiscoveryResponseSchema, joinedMessage(bytes));
  const names = [
    ...resources.map(({ name, version }) => `${name}@${version}`),
    ...removedResources.map((n) => `-${n}`),
  ];
  return [shortTypeName(typeUrl), ...names].join(" ");
}

test("a large table goes host by host, and of a change only the host that changed", () => {
  const { proxy, update, settle: all } = started({ big: "a1 b1", small: "a1" });
  proxy.ask("big");
  proxy.ask("small");
  assert.deepEqual(all(), [`RDS big@head${splitMark} small@a1`, "VHDS big/a@1 big/b@1"]);
  update({ big: "a1 b2", small: "a2" });
  assert.deepEqual(all(), ["RDS small@a2", "VHDS big/b@2"]);
  assert.equal(proxy.session.acknowledgedRevision, 2n);
});

test("a host that goes leaves with what comes, as a host that nothing matches", () => {
  const { proxy, update, settle: all } = started({ big: "a1 b1" });
  proxy.ask("big");
  all();
  update({ big: "a1 c1" });
  assert.deepEqual(all(), ["VHDS big/c@1 big/b@gone"]);
  proxy.reconnect();
  update({ big: "a1 c1" });
  assert.deepEqual(all(), []);
  update({ big: "a1 b1 c1" });
  assert.deepEqual(all(), ["VHDS big/b@1"]);
});

test("a proxy keeps the form in which it first got a table, also through a reconnect", () => {
  const { proxy, update, settle: all } = started({ big: "a1 b1", small: "a1" });
  proxy.ask("big");
  proxy.ask("small");
  all();
  const swapped = { big: "a1", small: "a1 b1" };
  update(swapped);
  assert.deepEqual(all(), ["RDS small@a1 b1", "VHDS big/b@gone"]);
  proxy.reconnect();
  update(swapped);
  assert.deepEqual(all(), []);
  const other = new SplitProxy(newContext(2));
  other.session.update(resourceSet(1, { rds: swapped }));
  other.ask("small");
  assert.deepEqual(settle(other), [`RDS small@head${splitMark}`, "VHDS small/a@1 small/b@1"]);
});

test("a table that is asked for again gets its hosts again", () => {
  const { proxy, settle: all } = started({ big: "a1 b1" });
  proxy.ask("big");
  all();
  proxy.letGo("big");
  assert.deepEqual(all(), []);
  proxy.ask("big");
  assert.deepEqual(all(), [`RDS big@head${splitMark}`, "VHDS big/a@1 big/b@1"]);
});

test("hosts wait for the clusters they name, and clusters that go for the hosts", () => {
  const { proxy, update, settle: all } = started({ big: "a1 b1" });
  proxy.session.receiveDelta(deltaRequest(clusterType, {}));
  proxy.ask("big");
  all();
  update({ big: "a1 b2" }, { new: "1" });
  assert.deepEqual(all(), ["CDS new@1", "VHDS big/b@2"]);
  update({ big: "a1 b3" });
  assert.deepEqual(all(), ["VHDS big/b@3", "CDS -new"]);
});

test("a refused host stays as it was, names its object, and holds back what clusters go", () => {
  const { proxy, update } = started({ big: "a1 b1" });
  proxy.session.receiveDelta(deltaRequest(clusterType, {}));
  update({ big: "a1 b1" }, { old: "1" });
  proxy.ask("big");
  settle(proxy);
  update({ big: "a1 b2" });
  const push = proxy.session.next(0);
  assert.equal(push?.typeUrl, virtualHostType);
  const outcome = proxy.session.receiveDelta(deltaRequest(virtualHostType, { nonce: push.nonce, error: "no" }));
  assert.ok(outcome.kind === "rejected");
  assert.deepEqual(
    outcome.resources.map(({ origin }) => origin),
    ["Test/default/big/b"],
  );
  assert.deepEqual(settle(proxy), []);
  update({ big: "a2 b2" });
  assert.deepEqual(settle(proxy), ["VHDS big/a@2"]);
});

test("an Envoy that cannot take hosts one by one gets whole tables once it has said so", () => {
  const { proxy } = started({ big: "a1 b1" });
  proxy.ask("big");
  const push = proxy.session.next(0);
  const error = "vhds: only 'DELTA_GRPC' is supported as an api_type.";
  proxy.session.receiveDelta(deltaRequest(routeType, { nonce: push?.nonce ?? "", error }));
  assert.deepEqual(settle(proxy), ["RDS big@a1 b1"]);
});

const table = fc.constantFrom("t", "u", "v");
const version = fc.dictionary(fc.constantFrom("a", "b", "c", "d"), fc.integer({ min: 1, max: 3 })).map((hosts) =>
  Object.entries(hosts)
    .map(([host, at]) => `${host}${at}`)
    .sort()
    .join(" "),
);
const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.dictionary(table, version).map((rds) => ({ kind: "update" as const, rds })) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("ask" as const, "letGo" as const), table }) },
    { weight: 8, arbitrary: fc.constant({ kind: "write" as const }) },
    { weight: 6, arbitrary: fc.constant({ kind: "read" as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: "reconnect" as const }) },
  ),
  { maxLength: 60 },
);

test("after any run of updates, subscriptions and reconnects a proxy's tables are the store's", () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 0, max: 4 }), (all, minimumHosts) => {
      const proxy = new SplitProxy(newContext(minimumHosts));
      let [revision, rds]: [number, Record<string, string>] = [1, {}];
      const asked = new Set<string>();
      const offer = (): void => proxy.session.update(resourceSet(revision, { rds }));
      offer();
      for (const step of all) {
        switch (step.kind) {
          case "read":
            proxy.read();
            break;
          case "write":
            proxy.inbox.push(...[proxy.session.next(0)].filter((push) => push !== undefined));
            break;
          case "ask":
            proxy.ask(step.table);
            asked.add(step.table);
            break;
          case "letGo":
            proxy.letGo(step.table);
            asked.delete(step.table);
            break;
          case "update":
            [revision, rds] = [revision + 1, step.rds];
            offer();
            break;
          case "reconnect":
            proxy.reconnect();
            offer();
        }
      }
      settle(proxy);
      for (const name of asked) {
        const held = proxy.tables.get(name);
        if (rds[name] === undefined || held === undefined) continue;
        if (held.version.endsWith(splitMark)) assert.deepEqual([...held.hosts].sort(), hostsOf(rds[name]).sort(), name);
        else assert.equal(held.version, rds[name], name);
      }
      for (const name of asked) assert.equal(proxy.tables.has(name) || !(name in rds), true, name);
    }),
    { numRuns: 3_000 },
  );
});
