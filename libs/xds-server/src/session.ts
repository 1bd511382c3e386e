import type { RawMessage } from "@lateen/rpc";
import type { DiffCache } from "./diff.ts";
import { GoneHosts } from "./gone-hosts.ts";
import { HeldExtensions } from "./held-extensions.ts";
import type { Outcome, Plan, PlanOptions } from "./plan.ts";
import { pushOrder, referringTypes, removalOrder, waitsFor } from "./push-order.ts";
import { emptyResources } from "./resource.ts";
import type { Resource, ResourceMap, ResourceSet } from "./resource.ts";
import { Subscription } from "./subscription.ts";
import {
  clusterType,
  endpointType,
  extensionConfigType,
  fullStateTypes,
  healthInformationType,
  listenerType,
  routeType,
  virtualHostType,
} from "./type-urls.ts";
import { TableChoice, splitIsRefused, tableOf } from "./virtual-hosts.ts";
import type { Forms, FormsCache } from "./virtual-hosts.ts";
import type { DeltaRequest, SotwRequest } from "./wire/request.ts";
import type { ResponseEncoder } from "./wire/response.ts";

const noNames: ReadonlySet<string> = new Set();

/** What all sessions of a server share. */
export interface SessionContext {
  readonly diffs: DiffCache;
  readonly encoder: ResponseEncoder;
  /** Types whose resources come one by one, when a proxy names them. */
  readonly onDemandTypes: ReadonlySet<string>;
  /** How long listeners and routes, or a newer answer of one type, wait for an acknowledgement. */
  readonly ackWaitMs: number;
  /** Route tables in parts, for the sessions that take them. */
  readonly forms?: FormsCache | undefined;
}

export interface SessionOptions {
  readonly delta: boolean;
  readonly noncePrefix: string;
  /** The proxy takes virtual hosts one by one. */
  readonly splitTables?: boolean;
}

/** One answer to be written to the stream. */
export interface Push {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly revision: bigint;
  readonly resources: number;
  readonly bytes: RawMessage;
}

export type TypeState = "SYNCED" | "STALE" | "NOT SENT" | "ERROR";

export interface TypeStatus {
  readonly typeUrl: string;
  readonly state: TypeState;
  readonly sentNonce: string;
  readonly acknowledgedNonce: string;
  readonly acknowledgedRevision: bigint;
  /** Asked for by name; all there are, too, when `wildcard`. */
  readonly names: ReadonlySet<string>;
  readonly wildcard: boolean;
  readonly error?: string;
}

interface OnDemandResources {
  readonly resources: ResourceMap;
  readonly absent: ReadonlySet<string>;
}

/**
 * One proxy's stream without the stream: requests and resource sets go in, answers come out of `next`. Decides
 * what is sent when; no I/O, and time is an argument. The newest set wins: what was not sent of an older one
 * never is.
 */
export class ProxySession {
  readonly #context: SessionContext;
  readonly #delta: boolean;
  readonly #noncePrefix: string;
  readonly #subscriptions = new Map<string, Subscription>();
  /** Types that nothing is known of the order of come first. */
  #inOrder: readonly Subscription[] = [];
  readonly #onDemand = new Map<string, OnDemandResources>();
  readonly #acknowledged = new Map<string, bigint>();
  readonly #goneHosts: GoneHosts;
  readonly #heldExtensions = new HeldExtensions();
  #tables: TableChoice | undefined;
  #set: ResourceSet | undefined;
  #nonces = 0;

  constructor(context: SessionContext, options: SessionOptions) {
    this.#context = context;
    this.#delta = options.delta;
    this.#noncePrefix = options.noncePrefix;
    this.#goneHosts = new GoneHosts(context.forms?.source);
    if (context.forms !== undefined && options.delta && options.splitTables === true)
      this.#tables = new TableChoice(context.forms);
  }

  get resources(): ResourceSet | undefined {
    return this.#set;
  }

  receiveSotw(request: SotwRequest): Outcome {
    return (
      this.#subscription(request.typeUrl, request.versionInfo !== "")?.receiveSotw(request) ?? { kind: "subscribed" }
    );
  }

  receiveDelta(received: DeltaRequest): Outcome {
    const request = received.typeUrl === virtualHostType ? this.#goneHosts.takenOut(received) : received;
    if (request.typeUrl === routeType) this.#followTables(request);
    const subscription = this.#subscription(request.typeUrl, request.initialVersions.size > 0);
    const outcome = subscription?.receiveDelta(request) ?? { kind: "subscribed" };
    if (outcome.kind === "rejected" && request.typeUrl === routeType && splitIsRefused(outcome.message))
      this.#tables = undefined;
    return outcome;
  }

  update(set: ResourceSet): void {
    this.#recordSync();
    this.#set = set;
  }

  updateOnDemand(typeUrl: string, resources: ResourceMap, absent: ReadonlySet<string>): void {
    this.#onDemand.set(typeUrl, { resources, absent });
  }

  /** The names of `typeUrl` that the proxy wants. */
  wantedNames(typeUrl: string): ReadonlySet<string> {
    return this.#subscriptions.get(typeUrl)?.names ?? noNames;
  }

  /** What the proxy should have by now, by type: of what it asked for, in the form it gets it. */
  offered(): ReadonlyMap<string, ResourceMap> {
    return new Map(
      [...this.#subscriptions].map(([typeUrl, subscription]) => {
        const all = [...(this.#goal(typeUrl) ?? emptyResources)].filter(([name]) => subscription.subscribed(name));
        const gone = typeUrl === virtualHostType ? [...this.#goneHosts.values()] : [];
        return [typeUrl, new Map([...all, ...gone.map((host) => [host.name, host] as const)])];
      }),
    );
  }

  /** The next answer, if one may go out now; it counts as sent. */
  next(nowMs: number): Push | undefined {
    return this.#nextUpdate(nowMs) ?? this.#nextRemoval(nowMs) ?? this.#recordSync();
  }

  /** When `next` may give something although nothing has happened. */
  deadlineMs(nowMs: number): number | undefined {
    let earliest: number | undefined;
    for (const { sentAtMs } of this.#subscriptions.values()) {
      if (sentAtMs === undefined) continue;
      const deadline = sentAtMs + this.#context.ackWaitMs;
      if (deadline > nowMs && (earliest === undefined || deadline < earliest)) earliest = deadline;
    }
    return earliest;
  }

  /** The proxy has accepted everything up to this revision; undefined while it asks for nothing that has one. */
  get acknowledgedRevision(): bigint | undefined {
    let lowest: bigint | undefined;
    for (const typeUrl of this.#acknowledged.keys()) {
      const revision = this.#acknowledgedOf(typeUrl);
      if (lowest === undefined || revision < lowest) lowest = revision;
    }
    return lowest;
  }

  /** Clusters, listeners and all that was asked for with them are accepted: the proxy can do its work. */
  get hasEverything(): boolean {
    const revision = this.#set?.revision;
    const asked = [clusterType, listenerType].every((typeUrl) => this.#subscriptions.has(typeUrl));
    return (
      asked &&
      revision !== undefined &&
      this.#acknowledged.keys().every((typeUrl) => this.#acknowledgedOf(typeUrl) === revision)
    );
  }

  types(): TypeStatus[] {
    return [...this.#subscriptions.values()].map((subscription) => {
      const { typeUrl, sentNonce, acknowledgedNonce, rejection } = subscription;
      const state: TypeState =
        rejection !== undefined
          ? "ERROR"
          : subscription.sentAtMs !== undefined
            ? "STALE"
            : sentNonce === ""
              ? this.#isInSync(subscription)
                ? "SYNCED"
                : "NOT SENT"
              : "SYNCED";
      const base = {
        typeUrl,
        state,
        sentNonce,
        acknowledgedNonce,
        acknowledgedRevision: this.#acknowledgedOf(typeUrl),
        names: subscription.names,
        wildcard: subscription.wildcard,
      };
      return rejection === undefined ? base : { ...base, error: rejection };
    });
  }

  #subscription(typeUrl: string, reconnecting: boolean): Subscription | undefined {
    if (typeUrl === healthInformationType) return undefined;
    const known = this.#subscriptions.get(typeUrl);
    if (known !== undefined) return known;
    const subscription = new Subscription(typeUrl, this.#context.diffs);
    this.#subscriptions.set(typeUrl, subscription);
    const placeOf = (each: Subscription): number => pushOrder.indexOf(each.typeUrl);
    this.#inOrder = [...this.#subscriptions.values()].sort((left, right) => placeOf(left) - placeOf(right));
    if (!this.#context.onDemandTypes.has(typeUrl)) {
      // A new proxy lacks nothing but the present; one that comes back may have any older state.
      const before = (this.#set?.revision ?? 1n) - 1n;
      this.#acknowledged.set(typeUrl, reconnecting || before < 0n ? 0n : before);
    }
    return subscription;
  }

  #nextUpdate(nowMs: number): Push | undefined {
    for (const subscription of this.#inOrder) {
      if (this.#mustWait(subscription.typeUrl, nowMs)) continue;
      const push = this.#trySend(subscription, { removals: !removalOrder.includes(subscription.typeUrl) }, nowMs);
      if (push !== undefined) return push;
    }
    return undefined;
  }

  #nextRemoval(nowMs: number): Push | undefined {
    if (pushOrder.some((typeUrl) => this.#subscriptions.get(typeUrl)?.sentAtMs !== undefined)) return undefined;
    if (referringTypes.some((typeUrl) => this.#subscriptions.get(typeUrl)?.rejection !== undefined)) return undefined;
    for (const typeUrl of removalOrder) {
      const subscription = this.#subscriptions.get(typeUrl);
      const push = subscription && this.#trySend(subscription, { removals: true }, nowMs);
      if (push !== undefined) return push;
    }
    return undefined;
  }

  /** A proxy that never answers must not lose its routes for ever, so the wait is bounded. */
  #mustWait(typeUrl: string, nowMs: number): boolean {
    return (waitsFor.get(typeUrl) ?? []).some((first) => {
      const sentAtMs = this.#subscriptions.get(first)?.sentAtMs;
      return sentAtMs !== undefined && nowMs - sentAtMs < this.#context.ackWaitMs;
    });
  }

  #trySend(subscription: Subscription, { removals }: { removals: boolean }, nowMs: number): Push | undefined {
    const goal = this.#goal(subscription.typeUrl);
    if (goal === undefined || subscription.inSync(goal)) return undefined;
    subscription.release(goal);
    const options: PlanOptions = { removals, absent: this.#absent(subscription.typeUrl) };
    const { sentAtMs } = subscription;
    if (sentAtMs !== undefined) {
      const overdue = nowMs - sentAtMs >= this.#context.ackWaitMs;
      if (!overdue || !subscription.outdatesInFlight(subscription.plan(goal, options))) return undefined;
      subscription.supersede();
    }
    const plan = subscription.plan(goal, options);
    if (subscription.needs(plan, this.#delta)) return this.#send(subscription, plan, nowMs);
    subscription.skip(plan);
    return undefined;
  }

  #send(subscription: Subscription, plan: Plan, nowMs: number): Push {
    const { typeUrl } = subscription;
    const { encoder } = this.#context;
    const nonce = `${this.#noncePrefix}${++this.#nonces}`;
    const revision = this.#set?.revision ?? 0n;
    const head = { typeUrl, nonce, version: String(revision) };
    let bytes: RawMessage;
    let resources = plan.changed.length;
    if (this.#delta) {
      const { changed, removed } = typeUrl === virtualHostType ? this.#goneHosts.inPlaceOfRemoved(plan) : plan;
      bytes = encoder.delta(head, changed, removed);
    } else if (fullStateTypes.has(typeUrl)) {
      const all = subscription.wholeState(plan);
      resources = "size" in all ? all.size : all.length;
      bytes = encoder.sotw(head, all);
    } else {
      bytes = encoder.sotw(head, plan.changed);
    }
    subscription.sent(plan, nonce, nowMs);
    if (typeUrl === clusterType) this.#warm(plan.changed);
    return { typeUrl, nonce, revision, resources, bytes };
  }

  /**
   * Envoy warms a changed cluster only when it hears of its endpoints again, and does not ask.
   * https://github.com/envoyproxy/envoy/issues/13009
   */
  #warm(clusters: readonly Resource[]): void {
    this.#subscriptions.get(endpointType)?.forget(clusters.map(({ name }) => name));
  }

  /** Envoy forgets a table's hosts with the table, and does not ask for them when it asks for the table again. */
  #followTables({ subscribe, initialVersions }: DeltaRequest): void {
    this.#tables?.adopt(initialVersions);
    const hosts = this.#subscriptions.get(virtualHostType);
    if (hosts === undefined || subscribe.length === 0) return;
    const again = new Set(subscribe);
    this.#goneHosts.forgetOf(again);
    hosts.forget([...(this.#forms()?.hosts.keys() ?? [])].filter((name) => again.has(tableOf(name))));
  }

  #forms(): Forms | undefined {
    const tables = this.#set?.byType.get(routeType);
    if (tables === undefined || this.#tables === undefined) return undefined;
    this.#tables.decide(this.wantedNames(routeType), tables);
    return this.#tables.forms(tables);
  }

  #goal(typeUrl: string): ResourceMap | undefined {
    if (this.#tables !== undefined && typeUrl === routeType) return this.#forms()?.tables;
    if (this.#tables !== undefined && typeUrl === virtualHostType) return this.#forms()?.hosts;
    if (typeUrl === extensionConfigType) return this.#extensions();
    if (this.#context.onDemandTypes.has(typeUrl)) return this.#onDemand.get(typeUrl)?.resources ?? emptyResources;
    return this.#set?.byType.get(typeUrl);
  }

  #extensions(): ResourceMap | undefined {
    const goal = this.#set?.byType.get(extensionConfigType);
    return goal && this.#heldExtensions.with(goal, this.wantedNames(extensionConfigType));
  }

  /** Of a type that comes on demand, a name that nothing is known of yet is neither there nor absent. */
  #absent(typeUrl: string): ReadonlySet<string> | undefined {
    return this.#context.onDemandTypes.has(typeUrl) ? (this.#onDemand.get(typeUrl)?.absent ?? noNames) : undefined;
  }

  #isInSync(subscription: Subscription): boolean {
    const goal = this.#goal(subscription.typeUrl);
    return goal === undefined ? this.#set !== undefined : subscription.inSync(goal);
  }

  /** A proxy that has all of a set has whatever later revision the set stands for. */
  #acknowledgedOf(typeUrl: string): bigint {
    const known = this.#acknowledged.get(typeUrl) ?? 0n;
    const revision = this.#set?.revision ?? 0n;
    const subscription = this.#subscriptions.get(typeUrl);
    if (known >= revision || subscription === undefined) return known;
    return this.#isInSync(subscription) ? revision : known;
  }

  /** What was reached counts although a later set asks for more. */
  #recordSync(): undefined {
    for (const [typeUrl, known] of this.#acknowledged) {
      const revision = this.#acknowledgedOf(typeUrl);
      if (revision !== known) this.#acknowledged.set(typeUrl, revision);
    }
  }
}
