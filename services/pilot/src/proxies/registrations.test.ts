import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import type { WorkloadEntry, WorkloadGroup } from "@lateen/api";
import { createMemoryStore, keys } from "@lateen/mesh-store";
import type { MeshStore } from "@lateen/mesh-store";
import type { MeshObject } from "@lateen/model";
import { NodeSchema } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import { WorkloadEntrySchema } from "@lateen/protos/networking/v1alpha3/workload_entry_pb.js";
import { WorkloadGroupSchema } from "@lateen/protos/networking/v1alpha3/workload_group_pb.js";
import { silentLogger } from "@lateen/runtime";
import type { ConnectedProxy } from "@lateen/xds-server";
import { Registrations } from "./registrations.ts";

const key = keys.registration("shop", "vms-10.0.0.1");
const group: MeshObject<WorkloadGroup> = {
  apiVersion: "networking.istio.io/v1",
  kind: "WorkloadGroup",
  meta: { namespace: "shop", name: "vms", labels: {}, annotations: {}, createdAtMs: 0, generation: 1 },
  spec: create(WorkloadGroupSchema, { template: { serviceAccount: "legacy" } }),
  origin: { kind: "WorkloadGroup", namespace: "shop", name: "vms" },
};
const checked: MeshObject<WorkloadEntry> = {
  ...{ apiVersion: "networking.istio.io/v1", kind: "WorkloadEntry" },
  meta: { namespace: "shop", name: "vm-1", labels: {}, annotations: {}, createdAtMs: 0, generation: 1 },
  spec: create(WorkloadEntrySchema, { address: "10.0.0.1", serviceAccount: "legacy" }),
  state: { healthy: false },
  origin: { kind: "WorkloadEntry", namespace: "shop", name: "vm-1" },
};
const { state: _unchecked, ...plain } = checked;
const unchecked: MeshObject<WorkloadEntry> = { ...plain, meta: { ...plain.meta, name: "vm-2" } };
const identity = { trustDomain: "cluster.local", namespace: "shop", serviceAccount: "legacy" };

let connections = 0;
function proxyOf(metadata: Record<string, string>, connectedAtMs = Date.now()): ConnectedProxy {
  const id = "sidecar~10.0.0.1~vm.shop~shop.svc.cluster.local";
  return {
    ...{ id, connectionId: String(++connections), connectedAtMs, delta: true, secure: true, peerAddress: "10.0.0.1:1" },
    ...{ peer: { kind: "none" } as unknown as ConnectedProxy["peer"], metadata: new Map() },
    node: create(NodeSchema, { id, metadata, locality: { region: "eu", zone: "1" } }),
  };
}

function registrationsOf(store: MeshStore, replica: string, proven: typeof identity | undefined = identity) {
  const registrations = new Registrations({
    ...{
      store,
      replica,
      logger: silentLogger(),
      declared: () => ({ groups: [group], entries: [checked, unchecked] }),
      identityOf: () => proven,
    },
  });
  const stop = new AbortController();
  const running = registrations.run(stop.signal);
  return {
    registrations,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

async function fact(store: MeshStore) {
  const value = (await store.get(key))?.entry.value;
  return value?.case === "registration" ? value.value : undefined;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 6_000; tries++) {
    if (await holds()) return;
    await sleep(10);
  }
  assert.fail(what);
}

test("a proxy joins only a group that there is, proven, as the account the group is for", async () => {
  const store = createMemoryStore();
  await using known = registrationsOf(store, "a");
  known.registrations.check(proxyOf({}));
  known.registrations.check(proxyOf({ AUTO_REGISTER_GROUP: "vms" }));
  assert.throws(() => known.registrations.check(proxyOf({ AUTO_REGISTER_GROUP: "others" })), /does not exist/);
  await using other = registrationsOf(store, "a", { ...identity, serviceAccount: "other" });

  test("a proxy is the workload of an entry that there is, proven, and says how it is where that is asked for", async () => {
    const store = createMemoryStore();
    const entryKey = keys.registration("shop", "vm-1");
    await using known = registrationsOf(store, "a");
    assert.throws(
      () => known.registrations.check(proxyOf({ WORKLOAD_ENTRY: "vm-9" })),
      /does not exist.*WORKLOAD_ENTRY/,
    );
    await using other = registrationsOf(store, "b", { ...identity, serviceAccount: "other" });
    assert.throws(() => other.registrations.check(proxyOf({ WORKLOAD_ENTRY: "vm-1" })), /proved "other"/);
    other.registrations.check(proxyOf({ WORKLOAD_ENTRY: "vm-2" }));
    const proxy = proxyOf({ WORKLOAD_ENTRY: "vm-1" });
    known.registrations.check(proxy);
    known.registrations.connected(proxy);
    known.registrations.connected(proxyOf({ WORKLOAD_ENTRY: "vm-2" }));
    const told = async () => {
      const value = (await store.get(entryKey))?.entry.value;
      return value?.case === "registration" ? value.value : undefined;
    };
    await until("it is told of", async () => (await told())?.group === "");
    known.registrations.healthReported(proxy, undefined);
    await until("its health is told", async () => (await told())?.healthy === true);
    known.registrations.disconnected(proxy);
    await until("its end is told", async () => ((await told())?.disconnectedAtMs ?? 0n) > 0n);
    assert.equal(await store.get(keys.registration("shop", "vm-2")), undefined);
  });
  assert.throws(() => other.registrations.check(proxyOf({ AUTO_REGISTER_GROUP: "vms" })), /proved "other"/);
  const unproven = new Registrations({
    ...{
      store,
      replica: "a",
      logger: silentLogger(),
      declared: () => ({ groups: [group], entries: [checked, unchecked] }),
      identityOf: () => undefined,
    },
  });
  assert.throws(() => unproven.check(proxyOf({ AUTO_REGISTER_GROUP: "vms" })), /prove who it is/);
});

test("what was seen is told: joining, health, leaving", async () => {
  const store = createMemoryStore();
  await using running = registrationsOf(store, "a");
  const { registrations } = running;
  const proxy = proxyOf({ AUTO_REGISTER_GROUP: "vms" });
  registrations.connected(proxy);
  await until("it joined", async () => (await fact(store))?.disconnectedAtMs === 0n);
  const { address, locality, group: name, replica, serviceAccount } = (await fact(store)) ?? {};
  assert.deepEqual([address, locality, name, replica, serviceAccount], ["10.0.0.1", "eu/1", "vms", "a", "legacy"]);
  registrations.healthReported(proxy, "it is ill");
  await until("it is ill", async () => (await fact(store))?.healthy === false);
  registrations.healthReported(proxy, undefined);
  await until("it is well", async () => (await fact(store))?.healthy === true);
  registrations.disconnected(proxy);
  await until("it left", async () => ((await fact(store))?.disconnectedAtMs ?? 0n) > 0n);
});

test("a workload that moved to another replica is not the first one's to tell of", async () => {
  const store = createMemoryStore();
  await using first = registrationsOf(store, "a");
  await using second = registrationsOf(store, "b");
  const now = Date.now();
  const before = proxyOf({ AUTO_REGISTER_GROUP: "vms" }, now);
  const after = proxyOf({ AUTO_REGISTER_GROUP: "vms" }, now + 1);
  first.registrations.connected(before);
  first.registrations.healthReported(before, undefined);
  await until("it is well", async () => (await fact(store))?.healthy === true);
  second.registrations.connected(after);
  await until("it moved", async () => (await fact(store))?.replica === "b");
  assert.equal((await fact(store))?.healthy, true, "it is as well as it was");
  first.registrations.disconnected(before);
  await sleep(100);
  assert.deepEqual([(await fact(store))?.replica, (await fact(store))?.disconnectedAtMs], ["b", 0n]);
});
