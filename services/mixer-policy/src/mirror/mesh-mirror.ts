import { fromBinary } from "@bufbuild/protobuf";
import type { MeshStore, StoreBatch, StoreChange } from "@lateen/mesh-store";
import { RateLimitSchema } from "@lateen/protos/mesh/policy/v1alpha1/rate_limit_pb.js";
import type { ConfigObject } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import { AuthorizationPolicySchema } from "@lateen/protos/security/v1beta1/authorization_policy_pb.js";
import { fields, type HealthCheck, type Logger } from "@lateen/runtime";
import { type LimitedRule, rulesOf } from "../rate-limit/limits.ts";
import { customPolicyOf, type CustomPolicy } from "../authorization/custom-policy.ts";
import { ServiceIndex } from "./service-index.ts";
import { WorkloadIndex } from "./workload-index.ts";

/**
 * What this service knows of the mesh: a copy of the store's keys, kept by one loop. Read by the handlers at any time;
 * they never write. With the store gone, what was last seen stays; with most of its content gone (a server that came
 * back empty, and is being filled), for `heldMs`.
 */
export class MeshMirror {
  workloads = new WorkloadIndex();
  services = new ServiceIndex();
  /** By `<namespace>/<object>/<rule>`. */
  rules: ReadonlyMap<string, LimitedRule> = new Map();
  /** By `<namespace>/<name>`: CUSTOM policies that ask this service. */
  policies: ReadonlyMap<string, CustomPolicy> = new Map();
  revision = 0n;
  /** Changes when anything did: what was looked up before may be stale. */
  generation = 0;
  readonly check: HealthCheck;
  readonly #store: MeshStore;
  readonly #logger: Logger;
  #rulesByKey = new Map<string, readonly LimitedRule[]>();
  #policiesByKey = new Map<string, CustomPolicy>();
  /** Every key that counts here. */
  readonly #keys = new Set<string>();
  #held = new Set<string>();
  #releasing: NodeJS.Timeout | undefined;
  readonly #heldMs: number;

  constructor(store: MeshStore, logger: Logger, heldMs = 30_000) {
    this.#store = store;
    this.#logger = logger;
    this.#heldMs = heldMs;
    this.check = {
      name: "mesh-store",
      check: () =>
        this.generation > 0 ? { ready: true } : { ready: false, detail: "the mesh store has not been read yet" },
    };
  }

  /** Follows the store until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const prefixes = ["config.ratelimit.", "config.authorizationpolicy.", "workload.", "service."];
    try {
      for await (const batch of this.#store.watch(prefixes, signal)) this.apply(batch);
    } finally {
      clearTimeout(this.#releasing);
    }
  }

  apply(batch: StoreBatch): void {
    if (batch.reset) this.#forgetMissing(batch);
    for (const change of batch.changes) this.#change(change);
    this.#index();
    this.revision = batch.revision;
    if (batch.reset) {
      this.#logger.info(
        {
          [fields.revision]: batch.revision.toString(),
          rules: this.rules.size,
          policies: this.policies.size,
          workloads: this.workloads.size,
        },
        "mesh store read",
      );
    }
  }

  #index(): void {
    this.rules = new Map([...this.#rulesByKey.values()].flat().map((rule) => [rule.id, rule]));
    this.policies = new Map([...this.#policiesByKey.values()].map((policy) => [policy.id, policy]));
    this.generation += 1;
  }

  /** What a full state lacks is gone; if it lacks more than half, that is most likely an accident, and waits. */
  #forgetMissing({ changes }: StoreBatch): void {
    const present = new Set(changes.map(({ key }) => key));
    const missing = [...this.#keys].filter((key) => !present.has(key));
    clearTimeout(this.#releasing);
    this.#held = new Set();
    if (missing.length <= this.#keys.size / 2) {
      for (const key of missing) this.#forget(key);
      return;
    }
    this.#held = new Set(missing);
    this.#logger.warn(
      { [fields.count]: missing.length },
      "the mesh store has lost most of its content, the last known counts for a while",
    );
    this.#releasing = setTimeout(() => this.#release(), this.#heldMs);
    this.#releasing.unref();
  }

  #release(): void {
    if (this.#held.size === 0) return;
    for (const key of this.#held) this.#forget(key);
    this.#logger.warn({ [fields.count]: this.#held.size }, "what the mesh store has lost no longer counts");
    this.#held = new Set();
    this.#index();
  }

  #change(change: StoreChange): void {
    this.#forget(change.key);
    this.#held.delete(change.key);
    if (change.type === "delete") return;
    this.#keys.add(change.key);
    const { value } = change.entry;
    if (value.case === "workload") this.workloads.put(change.key, value.value);
    else if (value.case === "service") this.services.put(change.key, value.value);
    else if (value.case === "config") this.#config(change.key, value.value);
  }

  /** Decoded here and not by libs/api: of its kinds this service needs two, and none of its validation. */
  #config(key: string, object: ConfigObject): void {
    try {
      if (object.kind === "RateLimit") {
        this.#rulesByKey.set(key, rulesOf(object, fromBinary(RateLimitSchema, object.spec)));
      } else if (object.kind === "AuthorizationPolicy") {
        const policy = customPolicyOf(object, fromBinary(AuthorizationPolicySchema, object.spec));
        if (policy !== undefined) this.#policiesByKey.set(key, policy);
      }
    } catch (error) {
      this.#logger.warn({ [fields.key]: key, [fields.error]: error }, "configuration object cannot be read, ignored");
    }
  }

  #forget(key: string): void {
    this.#keys.delete(key);
    this.workloads.delete(key);
    this.services.delete(key);
    this.#rulesByKey.delete(key);
    this.#policiesByKey.delete(key);
  }
}
