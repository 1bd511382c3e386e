import { exceptionsOf, once, versionOf } from "./beginning.ts";
import type { Beginning, Exception, Held } from "./beginning.ts";
import type { DiffCache } from "./diff.ts";
import type { Outcome, Plan, PlanOptions } from "./plan.ts";
import { Quarantine } from "./quarantine.ts";
import { emptyResources } from "./resource.ts";
import type { Resource, ResourceMap } from "./resource.ts";
import { fullStateTypes, namedTypes } from "./type-urls.ts";
import type { DeltaRequest, SotwRequest } from "./wire/request.ts";

interface InFlight {
  readonly nonce: string;
  readonly plan: Plan;
  /** Exceptions that this answer resolves; they return if it is refused. */
  readonly settled: () => ReadonlyMap<string, Exception>;
  readonly sentAtMs: number;
}

/**
 * One type's conversation on one stream: what the client asked for, has, was sent and refused. No I/O, no clock;
 * state-of-the-world and delta are two ways to fill and empty the same state.
 *
 * What the client has is `base`, a map shared by all clients like it, for every subscribed name but those in
 * `exceptions`. One answer is in flight at most. A refused resource is in quarantine, and whole-state answers carry the
 * last accepted one in its place.
 */
export class Subscription {
  readonly typeUrl: string;
  readonly #diffs: DiffCache;
  readonly #exceptions = new Map<string, Exception>();
  readonly #quarantine = new Quarantine();
  /** Shared until it has to change. */
  #names: ReadonlySet<string> = noNames;
  #ownNames: Set<string> | undefined;
  /** Stands for the exceptions it implies: see `#unfold`. */
  #beginning: Beginning | undefined;
  #wildcard = false;
  #legacyWildcard = false;
  #started = false;
  #due = false;
  #base: ResourceMap = emptyResources;
  #inFlight: InFlight | undefined;
  #sentNonce = "";
  #acknowledgedNonce = "";

  constructor(typeUrl: string, diffs: DiffCache) {
    this.typeUrl = typeUrl;
    this.#diffs = diffs;
  }

  get names(): ReadonlySet<string> {
    return this.#names;
  }
  get sentNonce(): string {
    return this.#sentNonce;
  }
  get acknowledgedNonce(): string {
    return this.#acknowledgedNonce;
  }
  get sentAtMs(): number | undefined {
    return this.#inFlight?.sentAtMs;
  }
  get wildcard(): boolean {
    return this.#wildcard;
  }
  /** The client's last refusal while any of it stands; else undefined. */
  get rejection(): string | undefined {
    return this.#quarantine.message;
  }

  subscribed(name: string): boolean {
    return this.#wildcard || this.#names.has(name);
  }

  receiveSotw(request: SotwRequest): Outcome {
    const first = !this.#started;
    // A nonce but the last one: sent before the client saw our last answer, and repeated when it has.
    if (!first && request.nonce !== this.#sentNonce) return { kind: "stale" };
    this.#started = true;
    const outcome = first ? subscribedOutcome : this.#settle(request, false);
    this.#subscribeExactly(request.names, first);
    return outcome;
  }

  receiveDelta(request: DeltaRequest): Outcome {
    const first = !this.#started;
    this.#started = true;
    const outcome = first ? subscribedOutcome : this.#settle(request, true);
    if (first && this.#begin(request)) return outcome;
    const empty = request.subscribe.length === 0 && request.unsubscribe.length === 0;
    if (!empty || request.initialVersions.size > 0) this.#unfold();
    if (first && empty && !namedTypes.has(this.typeUrl)) this.#startWildcard({ legacy: true });
    for (const name of request.subscribe) this.#subscribe(name);
    for (const name of request.unsubscribe) this.#unsubscribe(name);
    for (const [name, version] of request.initialVersions) this.#adopt(name, version);
    return outcome;
  }

  /** The client must be told of these names again although it has them. */
  forget(names: Iterable<string>): void {
    this.#unfold();
    for (const name of names)
      if (this.subscribed(name)) this.#exceptions.set(name, { held: this.#heldOf(name), tell: true });
  }

  /** Ends the quarantine of what has changed or gone since it was refused; call it before `plan` for a new goal. */
  release(goal: ResourceMap): void {
    if (!this.#quarantine.some) return;
    for (const [name, good] of this.#quarantine.release(goal))
      this.#exceptions.set(name, { held: good, tell: this.#exceptions.get(name)?.tell ?? false });
  }

  /** What separates the client from `goal`. Changes nothing. */
  plan(goal: ResourceMap, { removals, absent }: PlanOptions): Plan {
    const first = absent === undefined ? this.#firstPlan(goal) : undefined;
    if (first !== undefined) return first;
    this.#unfold();
    const target = removals ? goal : this.#diffs.union(this.#base, goal);
    const diff = this.#diffs.diff(this.#base, goal);
    const plain = this.#wildcard && this.#exceptions.size === 0 && !this.#quarantine.some;
    if (plain) return { goal, target, changed: diff.changed, removed: removals ? diff.removed : none, due: this.#due };
    const changed = diff.changed.filter((resource) => !this.#exceptions.has(resource.name) && this.#wants(resource));
    const removed = removals ? diff.removed.filter((name) => !this.#exceptions.has(name) && this.subscribed(name)) : [];
    for (const [name, { held, tell }] of this.#exceptions) {
      const resource = goal.get(name);
      if (resource === undefined) {
        const mayTell = held === undefined ? tell : removals;
        if (mayTell && (absent?.has(name) ?? true)) removed.push(name);
      } else if ((tell || resource.version !== versionOf(held)) && this.#wants(resource)) changed.push(resource);
    }
    const { now, later } = this.#quarantine.split(changed);
    return { goal, target, changed: now, later, removed, due: this.#due };
  }

  /** Must `plan` be sent? State-of-the-world cannot say that a single resource is gone. */
  needs(plan: Plan, delta: boolean): boolean {
    return (
      plan.due || plan.changed.length > 0 || (plan.removed.length > 0 && (delta || fullStateTypes.has(this.typeUrl)))
    );
  }

  /** Does `plan` say more than the answer in flight? */
  outdatesInFlight(plan: Plan): boolean {
    if (this.#inFlight === undefined) return false;
    return plan.target !== this.#inFlight.plan.target || this.#exceptions.size > 0 || this.#beginning !== undefined;
  }

  /** `plan` need not be sent: the client is there already. */
  skip(plan: Plan): void {
    if (this.#inFlight !== undefined) return;
    this.#resolveExceptions(plan);
    this.#base = plan.target;
  }

  sent(plan: Plan, nonce: string, nowMs: number): void {
    this.#inFlight = { nonce, plan, settled: this.#resolveExceptions(plan), sentAtMs: nowMs };
    this.#sentNonce = nonce;
    this.#due = false;
  }

  /** Stops waiting for the answer in flight; all it carried is to be told again, whatever became of it. */
  supersede(): void {
    if (this.#inFlight === undefined) return;
    const { plan, settled } = this.#inFlight;
    this.#inFlight = undefined;
    this.#restore(settled());
    this.forget(plan.removed);
    for (const { name, version } of plan.changed) {
      if (this.subscribed(name)) this.#exceptions.set(name, { held: this.#heldOf(name) ?? version, tell: true });
    }
  }

  /** What a whole-state answer for `plan` carries. */
  wholeState({ goal, target }: Plan): readonly Resource[] | ResourceMap {
    if (this.#wildcard && this.#quarantine.empty && this.#exceptions.size === 0) return target;
    const all: Resource[] = [];
    for (const resource of target.values()) {
      const { name } = resource;
      if (!this.subscribed(name)) continue;
      const accepted = this.#quarantine.holds(resource)
        ? this.#quarantine.of(name)?.good
        : goal.has(name) || !this.#exceptions.has(name)
          ? resource
          : this.#exceptions.get(name)?.held;
      if (typeof accepted === "object") all.push(accepted);
    }
    return all;
  }

  /** The client has accepted all of `goal` that it asked for, and nothing else. */
  inSync(goal: ResourceMap): boolean {
    return (
      this.#inFlight === undefined &&
      this.#base === goal &&
      !this.#due &&
      this.#exceptions.size === 0 &&
      this.#beginning === undefined &&
      this.#quarantine.empty
    );
  }

  /** Takes down how the conversation begins without looking at every name, where that is all there is to it. */
  #begin({ subscribe, unsubscribe, initialVersions: versions }: DeltaRequest): boolean {
    if (unsubscribe.length > 0 || subscribe.includes("*")) return false;
    if (!namedTypes.has(this.typeUrl)) {
      if (subscribe.length > 0 || versions.size === 0) return false;
      this.#startWildcard({ legacy: true });
      this.#due = false;
      this.#beginning = { names: subscribe, versions };
      return true;
    }
    const names = this.#diffs.nameSet(subscribe);
    if (subscribe.length === 0 || (versions.size > 0 && !this.#diffs.covers(names, versions))) return false;
    this.#names = names;
    this.#beginning = { names: subscribe, versions };
    return true;
  }

  /** The first plan of all clients that began alike is one object's worth of work. */
  #firstPlan(goal: ResourceMap): Plan | undefined {
    if (this.#beginning === undefined || this.#due) return undefined;
    const { names, versions } = this.#beginning;
    const first = this.#diffs.first(goal, this.#wildcard ? undefined : names, versions);
    if (first === undefined) return undefined;
    return { goal, target: goal, changed: first.changed, removed: first.removed, due: false };
  }

  /** From here on every name of the beginning is an exception of its own. */
  #unfold(): void {
    const beginning = this.#beginning;
    if (beginning === undefined) return;
    this.#beginning = undefined;
    for (const [name, exception] of exceptionsOf(beginning)) this.#exceptions.set(name, exception);
  }

  #changeNames(): Set<string> {
    this.#ownNames ??= new Set(this.#names);
    this.#names = this.#ownNames;
    return this.#ownNames;
  }

  #settle(request: SotwRequest | DeltaRequest, delta: boolean): Outcome {
    const inFlight = this.#inFlight;
    if (request.nonce === "") return subscribedOutcome;
    if (inFlight === undefined || request.nonce !== inFlight.nonce) {
      return request.nonce === this.#sentNonce ? subscribedOutcome : { kind: "stale" };
    }
    this.#inFlight = undefined;
    if (request.error !== undefined && inFlight.plan.changed.length > 0)
      return this.#reject(inFlight, request.error, delta);
    this.#acknowledgedNonce = inFlight.nonce;
    this.#quarantine.accepted(inFlight.plan.changed);
    for (const { name } of inFlight.plan.later ?? [])
      if (!this.#exceptions.has(name)) this.#exceptions.set(name, { held: this.#base.get(name), tell: false });
    this.#base = inFlight.plan.target;
    return { kind: "acknowledged", plan: inFlight.plan };
  }

  /** Nothing of a refused answer counts as accepted; what is not to blame is told again. */
  #reject({ plan, settled }: InFlight, message: string, delta: boolean): Outcome {
    const guilty = this.#quarantine.guilty(plan.changed, message, delta);
    this.#restore(settled());
    for (const resource of guilty) {
      if (!this.subscribed(resource.name)) continue;
      const held = this.#heldOf(resource.name);
      this.#quarantine.add(resource, typeof held === "object" ? held : undefined);
    }
    return { kind: "rejected", message, resources: guilty.length > 0 ? guilty : plan.changed };
  }

  /** What the client has accepted under `name`, whatever is in flight. */
  #heldOf(name: string): Held {
    const quarantined = this.#quarantine.of(name);
    if (quarantined !== undefined) return quarantined.good;
    const exception = this.#exceptions.get(name) ?? this.#inFlight?.settled().get(name);
    return exception === undefined ? this.#base.get(name) : exception.held;
  }

  /** Takes out the exceptions that `plan` deals with. A name whose removal waits, or nothing is known of, stays. */
  #resolveExceptions(plan: Plan): () => ReadonlyMap<string, Exception> {
    const beginning = this.#beginning;
    this.#beginning = undefined;
    if (beginning !== undefined) return once(() => exceptionsOf(beginning));
    if (this.#exceptions.size === 0) return () => noExceptions;
    const settled = new Map<string, Exception>();
    const told = new Set(plan.removed);
    const later = new Set(plan.later?.map(({ name }) => name));
    for (const [name, exception] of this.#exceptions) {
      const { held, tell } = exception;
      if (later.has(name)) continue;
      if (plan.goal.has(name) || told.has(name) || (held === undefined && !tell && !plan.target.has(name)))
        settled.set(name, exception);
    }
    for (const name of settled.keys()) this.#exceptions.delete(name);
    return () => settled;
  }

  #restore(settled: ReadonlyMap<string, Exception>): void {
    for (const [name, exception] of settled) {
      if (!this.#exceptions.has(name) && this.subscribed(name)) this.#exceptions.set(name, exception);
    }
  }

  #wants(resource: Resource): boolean {
    return this.subscribed(resource.name) && !this.#quarantine.holds(resource);
  }

  #subscribeExactly(names: readonly string[], first: boolean): void {
    if (names.includes("*")) this.#startWildcard({ legacy: false });
    else if (first && names.length === 0 && !namedTypes.has(this.typeUrl)) this.#startWildcard({ legacy: true });
    else if (names.length > 0 || !this.#legacyWildcard) this.#stopWildcard();
    const wanted = new Set(names);
    wanted.delete("*");
    const before = this.#names.size;
    let added = 0;
    for (const name of wanted) if (!this.#names.has(name) && ++added > 0) this.#subscribe(name);
    for (const name of [...this.#names]) if (!wanted.has(name)) this.#unsubscribe(name);
    const changed = added > 0 || this.#names.size !== before;
    if (changed && fullStateTypes.has(this.typeUrl)) this.#due = true; // only an answer tells that a name is unknown
  }

  #subscribe(name: string): void {
    if (name !== "*") {
      this.#exceptions.set(name, { held: this.subscribed(name) ? this.#heldOf(name) : undefined, tell: true });
      this.#changeNames().add(name);
      this.#quarantine.forget(name);
    } else if (this.#wildcard) {
      this.forget(this.#base.keys());
    } else {
      this.#startWildcard({ legacy: false });
    }
  }

  #unsubscribe(name: string): void {
    if (name === "*") {
      this.#stopWildcard();
      return;
    }
    this.#changeNames().delete(name);
    if (this.#wildcard) {
      this.forget([name]); // still covered: the client must be told what it is
    } else {
      this.#exceptions.delete(name);
      this.#quarantine.forget(name);
    }
  }

  /** What a client brings from an earlier stream. */
  #adopt(name: string, version: string): void {
    if (!this.#wildcard) this.#changeNames().add(name);
    this.#exceptions.set(name, { held: version, tell: false });
    this.#due = false;
  }

  #startWildcard({ legacy }: { legacy: boolean }): void {
    if (this.#wildcard) return;
    this.supersede(); // it was made for fewer names
    for (const name of this.#names)
      if (!this.#exceptions.has(name)) this.#exceptions.set(name, { held: this.#heldOf(name), tell: false });
    this.#base = emptyResources;
    this.#wildcard = true;
    this.#legacyWildcard = legacy;
    this.#due = true;
  }

  #stopWildcard(): void {
    if (!this.#wildcard) return;
    this.#wildcard = false;
    this.#legacyWildcard = false;
    this.#due = false;
    for (const name of [...this.#exceptions.keys()]) if (!this.#names.has(name)) this.#exceptions.delete(name);
    this.#quarantine.forgetAllBut(this.#names);
  }
}

const none: readonly string[] = [];
const subscribedOutcome: Outcome = { kind: "subscribed" };
const noNames: ReadonlySet<string> = new Set();
const noExceptions: ReadonlyMap<string, Exception> = new Map();
