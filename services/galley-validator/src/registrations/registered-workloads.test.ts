import { create } from "@bufbuild/protobuf";
import { decodeObject, fromConfigObject, toConfigObject } from "@lateen/api";
import type { WorkloadEntry } from "@lateen/api";
import { createMemoryStore, keys } from "@lateen/mesh-store";
import type { MeshObject } from "@lateen/model";
import { EntrySchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import type { Registration } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import { silentLogger } from "@lateen/runtime";
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Intake } from "../intake/claim.ts";
import { RegisteredWorkloads } from "./registered-workloads.ts";

const entryKey = keys.config("WorkloadEntry", "shop", "vms-10.0.0.1");
const factKey = keys.registration("shop", "vms-10.0.0.1");

function groupEntry() {
  const decoded = decodeObject(
    {
      apiVersion: "networking.istio.io/v1",
      kind: "WorkloadGroup",
      metadata: { name: "vms", namespace: "shop" },
      spec: {
        metadata: { labels: { app: "legacy", tier: "group" }, annotations: { owner: "me" } },
        template: { ports: { http: 8080 }, serviceAccount: "legacy", weight: 2 },
      },
    },
    { origin: { kind: "WorkloadGroup", namespace: "shop", name: "vms" } },
  );
  assert.ok(decoded.ok);
  return create(EntrySchema, { value: { case: "config", value: toConfigObject(decoded.object) } });
}

function factEntry(more: Partial<Omit<Registration, "$typeName" | "$unknown">> = {}) {
  const value = {
    ...{ namespace: "shop", name: "vms-10.0.0.1", group: "vms", address: "10.0.0.1", replica: "pilot-1" },
    ...{ locality: "eu/1", labels: { tier: "proxy" }, connectedAtMs: BigInt(Date.now()), ...more },
  };
  return create(EntrySchema, { value: { case: "registration", value } });
}

/** Follows `store`; what is wanted of it now. */
function follow(store = createMemoryStore(), options: { graceMs?: number; silenceMs?: number } = {}) {
  const stop = new AbortController();
  const wanted = new Map<string, MeshObject<WorkloadEntry>>();
  const registered = new RegisteredWorkloads({ store, logger: silentLogger(), ...options });
  const synced = Promise.withResolvers<void>();
  const take = (changes: ReadonlyMap<string, Intake | undefined>): void => {
    for (const [unit, intake] of changes) {
      const [claim] = intake?.claims ?? [];
      if (claim === undefined) wanted.delete(entryKey);
      else if (claim.verdict.is === "accepted" && claim.verdict.entry.value.case === "config") {
        assert.ok(unit.startsWith("registration/"));
        wanted.set(
          claim.key,
          fromConfigObject(claim.verdict.entry.value.value) as unknown as MeshObject<WorkloadEntry>,
        );
      }
    }
  };
  const running = [registered.run({ take, synced: () => synced.resolve() }, stop.signal)];
  return {
    store,
    synced: synced.promise,
    wanted: () => wanted.get(entryKey),
    lead: () => void running.push(registered.lead().run(stop.signal)),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(running);
    },
  };
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 3_000; tries++) {
    if (await holds()) return;
    await sleep(20);
  }
  assert.fail(what);
}

test("a fact and its group make a WorkloadEntry; without the group there is none", async () => {
  await using following = follow();
  const { store } = following;
  await store.put(factKey, factEntry());
  await following.synced;
  assert.equal(following.wanted(), undefined);
  await store.put(keys.config("WorkloadGroup", "shop", "vms"), groupEntry());
  await until("the entry is wanted", () => following.wanted() !== undefined);
  const object = following.wanted();
  assert.ok(object);
  const { spec, meta, state } = object;
  assert.deepEqual(
    [spec.address, spec.ports, spec.labels, spec.serviceAccount, spec.locality, spec.weight],
    ["10.0.0.1", { http: 8080 }, { app: "legacy", tier: "proxy" }, "legacy", "eu/1", 2],
  );
  assert.deepEqual(meta.annotations, { "istio.io/autoRegistrationGroup": "vms", owner: "me" });
  assert.equal(state, undefined, "nobody checks its health");
  await store.delete(keys.config("WorkloadGroup", "shop", "vms"));
  await until("the entry is gone with its group", () => following.wanted() === undefined);
});

test("where health is checked the workload is unwell until it was said to be well", async () => {
  await using following = follow();
  const { store } = following;
  await store.put(keys.config("WorkloadGroup", "shop", "vms"), groupEntry());
  await store.put(factKey, factEntry({ healthChecked: true }));
  await until("it is unwell", () => following.wanted()?.state?.healthy === false);
  await store.put(factKey, factEntry({ healthChecked: true, healthy: true }));
  await until("it is well", () => following.wanted()?.state?.healthy === true);
});

test("who stays away is forgotten after the grace period, not before, and only by who leads", async () => {
  await using following = follow(createMemoryStore(), { graceMs: 700 });
  const { store } = following;
  await store.put(keys.config("WorkloadGroup", "shop", "vms"), groupEntry());
  await store.put(factKey, factEntry({ disconnectedAtMs: BigInt(Date.now() - 5_000) }));
  await until("the entry is wanted", () => following.wanted() !== undefined);
  await sleep(600);
  assert.ok(following.wanted(), "a follower forgets nobody");
  const leftAt = Date.now();
  await store.put(factKey, factEntry({ disconnectedAtMs: BigInt(leftAt) }));
  following.lead();
  await until("the entry is gone", () => following.wanted() === undefined);
  assert.ok(Date.now() - leftAt >= 700);
  assert.equal(await store.get(factKey), undefined);
});

test("a replica of pilot that says nothing any more takes its workloads along", async () => {
  await using following = follow(createMemoryStore(), { graceMs: 100, silenceMs: 300 });
  const { store } = following;
  await store.put(keys.config("WorkloadGroup", "shop", "vms"), groupEntry());
  await store.put(factKey, factEntry());
  await until("the entry is wanted", () => following.wanted() !== undefined);
  const heartbeat = async (updatedAtMs: number): Promise<void> => {
    const status = { service: "pilot", replica: "pilot-1", updatedAtMs: BigInt(updatedAtMs) };
    const value = { case: "status" as const, value: status };
    await store.put(keys.status("pilot", "pilot-1"), create(EntrySchema, { value }));
  };
  await heartbeat(Date.now() + 3_600_000);
  following.lead();
  await sleep(900);
  assert.ok(following.wanted(), "it has spoken");
  await heartbeat(Date.now());
  await until("the entry is gone", () => following.wanted() === undefined);
});
