import { setTimeout as sleep } from "node:timers/promises";
import { fromConfigObject } from "@lateen/api";
import type { WorkloadGroup } from "@lateen/api";
import { keys } from "@lateen/mesh-store";
import type { MeshStore, StoreBatch } from "@lateen/mesh-store";
import type { MeshObject } from "@lateen/model";
import type { Registration } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import { fields, toError } from "@lateen/runtime";
import type { Logger } from "@lateen/runtime";
import type { Intake } from "../intake/claim.ts";
import type { Sink } from "../source.ts";
import { workloadEntryOf } from "./workload-entry.ts";

export interface RegisteredWorkloadsOptions {
  readonly store: MeshStore;
  readonly logger: Logger;
  /** How long a workload may be away before it is forgotten; default 10 s. */
  readonly graceMs?: number;
  /** How long a replica of pilot may say nothing before its workloads count as gone; default 60 s. */
  readonly silenceMs?: number;
  /** Told of WorkloadEntries, by key, whose workloads say something else of their health. */
  readonly onHealth?: (keys: readonly string[]) => void;
}

const sweepMs = 500;

/**
 * Workloads that pilot saw joining a WorkloadGroup, as a source of WorkloadEntries beside what users write, and the health
 * of those that are somebody's WorkloadEntry; docs/adr/0012.
 * Every replica follows; the one that leads forgets those that stay away.
 */
export class RegisteredWorkloads {
  readonly #options: RegisteredWorkloadsOptions;
  readonly #registrations = new Map<string, Registration>();
  readonly #groups = new Map<string, MeshObject<WorkloadGroup>>();
  /** Replicas of pilot that there are, with the time of their last word. */
  readonly #replicas = new Map<string, number>();
  #told = new Set<string>();
  #health: ReadonlyMap<string, boolean> = new Map();

  constructor(options: RegisteredWorkloadsOptions) {
    this.#options = options;
  }

  /** Tells the sink of every registered workload whose group there is; `synced` once all is known. */
  async run(sink: Pick<Sink, "take" | "synced">, signal: AbortSignal): Promise<void> {
    const prefixes = [
      keys.prefix("registration"),
      keys.prefix("config", "workloadgroup"),
      keys.prefix("status", "pilot"),
    ];
    let first = true;
    for await (const batch of this.#options.store.watch(prefixes, signal)) {
      if (this.#apply(batch)) {
        sink.take(this.#intakes(), Date.now());
        this.#tellHealth();
      }
      if (first) sink.synced();
      first = false;
    }
  }

  /** How the workload of a user's WorkloadEntry says it is; undefined: nobody says. */
  healthOf(key: string): boolean | undefined {
    return this.#health.get(key);
  }

  #tellHealth(): void {
    const before = this.#health;
    const named = [...this.#registrations.values()].filter(({ group }) => group === "");
    this.#health = new Map(
      named.flatMap(({ namespace, name, healthy }) =>
        healthy === undefined ? [] : [[keys.config("WorkloadEntry", namespace, name), healthy] as const],
      ),
    );
    const all = new Set([...before.keys(), ...this.#health.keys()]);
    const changed = [...all].filter((key) => before.get(key) !== this.#health.get(key));
    if (changed.length > 0) this.#options.onHealth?.(changed);
  }

  /** Forgets who stays away. Only for the replica that leads. */
  lead(): { run(signal: AbortSignal): Promise<void> } {
    return {
      run: async (signal) => {
        const startedAtMs = Date.now();
        while (!signal.aborted) {
          await sleep(sweepMs, undefined, { signal }).catch(() => undefined);
          await this.#sweep(startedAtMs).catch((error: unknown) =>
            this.#options.logger.warn({ [fields.error]: toError(error) }, "cannot forget a workload, trying again"),
          );
        }
      },
    };
  }

  /** Whether any WorkloadEntry may differ now; a replica's heartbeat changes none. */
  #apply({ reset, changes }: StoreBatch): boolean {
    if (reset) for (const known of [this.#registrations, this.#groups, this.#replicas]) known.clear();
    for (const change of changes) {
      const value = change.type === "put" ? change.entry.value : undefined;
      if (value?.case === "registration") this.#registrations.set(change.key, value.value);
      else this.#registrations.delete(change.key);
      if (value?.case === "status") this.#replicas.set(change.key, Number(value.value.updatedAtMs));
      else this.#replicas.delete(change.key);
      const group = value?.case === "config" ? fromConfigObject(value.value) : undefined;
      if (group === undefined) this.#groups.delete(change.key);
      else this.#groups.set(change.key, group as unknown as MeshObject<WorkloadGroup>);
    }
    return reset || changes.some(({ key }) => !key.startsWith(keys.prefix("status")));
  }

  #intakes(): Map<string, Intake | undefined> {
    const units = new Map<string, Intake | undefined>();
    for (const registration of this.#registrations.values()) {
      const { namespace, name } = registration;
      if (registration.group === "") continue;
      const group = this.#groups.get(keys.config("WorkloadGroup", namespace, registration.group));
      if (group === undefined) continue;
      const claim = {
        key: keys.config("WorkloadEntry", namespace, name),
        origin: { kind: "WorkloadEntry", namespace, name },
        verdict: { is: "accepted", entry: workloadEntryOf(registration, group) },
        violations: [],
      } as const;
      units.set(`registration/${namespace}/${name}`, { claims: [claim], violations: [], broken: false });
    }
    const gone = [...this.#told].filter((unit) => !units.has(unit));
    this.#told = new Set(units.keys());
    for (const unit of gone) units.set(unit, undefined);
    return units;
  }

  async #sweep(startedAtMs: number): Promise<void> {
    const { store, logger, graceMs = 10_000, silenceMs = 60_000 } = this.#options;
    const now = Date.now();
    for (const [key, registration] of this.#registrations) {
      const spoke = this.#replicas.get(keys.status("pilot", registration.replica)) ?? 0;
      const silentSince = Math.max(spoke, startedAtMs, Number(registration.connectedAtMs));
      const awaySince =
        registration.disconnectedAtMs > 0n ? Number(registration.disconnectedAtMs) : silentSince + silenceMs;
      if (now - awaySince < graceMs) continue;
      await store.delete(key);
      logger.info({ [fields.key]: key }, "workload stayed away, what it registered is removed");
    }
  }
}
