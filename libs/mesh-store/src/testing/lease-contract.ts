import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { EntrySchema, LeaseSchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import { setTimeout as sleep } from "node:timers/promises";
import type { Check } from "./contract.ts";
import { keys } from "../keys.ts";
import { holdLease, Lease } from "../lease.ts";
import type { MeshStore } from "../store.ts";

/** Long enough for a holder that is held up to renew it in time. */
const options = { durationMs: 3_000 };

/** Leases need nothing of a store but compare-and-swap; they are part of its contract. */
export function leaseContract(check: Check): void {
  check("one holder at a time; the next follows at once when it is let go", async (store) => {
    const holders = ["a", "b", "c"].map((name) => contend(store, name));
    await until("a first holder", () => holders.some((holder) => holder.holding));
    await sleep(3_500); // longer than the lease: it must be renewed
    assert.equal(holders.filter((holder) => holder.holding).length, 1);
    const first = holders.find((holder) => holder.holding);
    await first?.stop();
    await until("the next holder", () => holders.some((holder) => holder.holding));
    await Promise.all(holders.map((holder) => holder.stop()));
    assert.equal(most, 1);
  });
  check("a holder that vanished is followed after the lease expired", async (store) => {
    assert.ok(
      (await new Lease(store, { ...options, name: "leader", holder: "dead" }).acquire(new AbortController().signal)) !==
        undefined,
    );
    const startedAt = performance.now();
    const next = contend(store, "next");
    await until("the next holder", () => next.holding);
    assert.ok(performance.now() - startedAt >= 2_750);
    await next.stop();
  });
  check("a holder that was killed has its lease back at once when it comes again under its name", async (store) => {
    const signal = new AbortController().signal;
    assert.ok(
      (await new Lease(store, { durationMs: 60_000, name: "leader", holder: "a" }).acquire(signal)) !== undefined,
    );
    const again = contend(store, "a");
    await until("the same holder", () => again.holding);
    await again.stop();
  });
  check("a lease that someone took away ends the term", async (store) => {
    const holder = contend(store, "a");
    await until("holder", () => holder.holding);
    await store.put(
      keys.lease("leader"),
      create(EntrySchema, {
        value: { case: "lease", value: create(LeaseSchema, { holder: "b", durationMs: 60_000 }) },
      }),
    );
    await until("term over", () => !holder.holding);
    await holder.stop();
  });
  check("a failure of the leader's work is the caller's", async (store) => {
    await assert.rejects(
      holdLease(
        store,
        "leader",
        "a",
        new AbortController().signal,
        async () => {
          throw new Error("work failed");
        },
        options,
      ),
      /work failed/,
    );
  });
}

let current = 0;
let most = 0;

/** A replica that wants to lead until it is stopped. */
function contend(store: MeshStore, name: string) {
  const stop = new AbortController();
  const contender = {
    holding: false,
    stop: async () => {
      stop.abort();
      await ended;
    },
  };
  const ended = holdLease(
    store,
    "leader",
    name,
    stop.signal,
    async (signal) => {
      contender.holding = true;
      current += 1;
      most = Math.max(most, current);
      await new Promise<void>((resolve) =>
        signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true }),
      );
      contender.holding = false;
      current -= 1;
    },
    options,
  );
  return contender;
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 60_000; !condition(); await sleep(5)) {
    if (performance.now() > deadline) throw new Error(`not within a minute: ${what}`);
  }
}
