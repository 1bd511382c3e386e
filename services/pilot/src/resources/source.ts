import { sameScopes } from "@lateen/compiler";
import type { MeshSnapshot } from "@lateen/compiler";
import type { Workload } from "@lateen/model";
import { RpcCode, RpcError } from "@lateen/rpc";
import { withSpan } from "@lateen/runtime";
import type { ConnectedProxy, ResourceSet, ResourceSource } from "@lateen/xds-server";
import type { Publication } from "../mesh/feed.ts";
import type { Latest } from "../mesh/latest.ts";
import { orAborted } from "../mesh/or-aborted.ts";
import { nodeOf } from "../proxies/connected-node.ts";
import { expectedNode } from "./expected-node.ts";
import { Follower } from "./follower.ts";
import type { ResourceLibrary } from "./library.ts";
import { Turns } from "./turns.ts";

/** Of a replica's time after its start. */
const mostPreparedMs = 3_000;

/** The connected proxies of one scope. */
interface Group {
  readonly key: string;
  readonly followers: Set<Follower>;
}

export interface MeshResourcesOptions {
  readonly published: Latest<Publication>;
  readonly library: Pick<ResourceLibrary, "enter" | "resources" | "endpointsAhead" | "retain" | "prepare">;
  /** Tests put in their own. */
  readonly sameScopes?: typeof sameScopes;
  /** Told when every group has been given what the newest publication says. */
  readonly onCaughtUp?: (snapshot: MeshSnapshot) => void;
}

/**
 * What xds-server serves: for each proxy the resources of its scope. A publication is looked at once for each scope, and
 * only proxies whose resources it changes hear of it, so that a change costs what it touches, however large the fleet.
 * After the start, what the namespaces' proxies will ask for is made before they come, as far as there is time.
 * Configuration that must not be published leaves a proxy with what it has, and its revision behind, so that nobody takes
 * the change for live.
 */
export class MeshResources implements ResourceSource {
  readonly #options: MeshResourcesOptions;
  readonly #groups = new Map<string, Group>();
  readonly #byNamespace = new Map<string, Set<Follower>>();
  /** Groups that have not seen the newest snapshot, those that have waited longest first. */
  readonly #waiting = new Set<Group>();
  readonly #turns = new Turns();
  #work = Promise.withResolvers<void>();
  #snapshot: MeshSnapshot | undefined;
  #caughtUp = false;
  /** A workload of each namespace that had sidecars when the mesh was loaded. */
  #expected: Workload[] = [];
  #preparedMs = 0;

  constructor(options: MeshResourcesOptions) {
    this.#options = options;
  }

  /** Follows publications until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#follow(signal), this.#update(signal)]);
  }

  async *watch(proxy: ConnectedProxy, signal: AbortSignal): AsyncGenerator<ResourceSet> {
    const follower = new Follower(nodeOf(proxy));
    const { namespace } = follower.node;
    const here = this.#byNamespace.get(namespace) ?? new Set();
    this.#byNamespace.set(namespace, here.add(follower));
    if (this.#snapshot !== undefined) this.#join(follower, this.#snapshot);
    try {
      yield* follower.sets(signal);
    } finally {
      this.#leave(follower);
      here.delete(follower);
      if (here.size === 0) this.#byNamespace.delete(namespace);
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    for await (const { snapshot } of this.#options.published.watch(signal)) {
      if (this.#snapshot === undefined) this.#expected = workloadsWithSidecars(snapshot);
      this.#regroup(snapshot);
      this.#snapshot = snapshot;
      for (const group of this.#groups.values()) {
        const ahead = this.#options.library.endpointsAhead(group.key, snapshot);
        if (ahead !== undefined) for (const follower of group.followers) follower.offer(ahead);
        this.#await(group);
      }
      this.#options.library.retain(this.#groups.keys());
      this.#caughtUp = false;
      this.#wake();
    }
  }

  /** Of the groups that wait one after the other, with the newest snapshot at its turn. */
  async #update(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const [group] = this.#waiting;
      if (group === undefined) {
        this.#tellCaughtUp();
        if (!(await this.#prepareOne())) await orAborted(this.#work.promise, signal);
        continue;
      }
      this.#waiting.delete(group);
      if (group.followers.size > 0) await this.#turns.take(() => this.#serve(group));
    }
  }

  /** While nobody waits: for a namespace whose proxies have not come yet. False: there is none left, or it took enough. */
  async #prepareOne(): Promise<boolean> {
    const snapshot = this.#snapshot;
    const workload = this.#expected.shift();
    if (snapshot === undefined || workload === undefined || this.#preparedMs > mostPreparedMs) return false;
    if (this.#byNamespace.has(workload.namespace)) return true;
    await this.#turns.take(() => {
      const startedAtMs = performance.now();
      try {
        this.#options.library.prepare(snapshot, expectedNode(workload, snapshot.settings.domain));
      } catch {
        this.#expected = []; // what cannot be built is told when a proxy asks for it
      }
      this.#preparedMs += performance.now() - startedAtMs;
    });
    return true;
  }

  async #serve({ key, followers }: Group): Promise<void> {
    const snapshot = this.#snapshot;
    if (snapshot === undefined) return;
    try {
      const { set, good } = await withSpan("pilot.resources", { revision: snapshot.revision }, () =>
        this.#options.library.resources(key, snapshot),
      );
      // A proxy with nothing is better off with all that does work; any other keeps what it has.
      for (const follower of followers) if (good || !follower.served) follower.offer(set);
    } catch (error) {
      const reason = new RpcError(RpcCode.INTERNAL, "the proxy's configuration cannot be built", { cause: error });
      for (const follower of followers) if (!follower.served) follower.fail(reason);
    }
  }

  /** Proxies whose scope is another one now go to its group. */
  #regroup(snapshot: MeshSnapshot): void {
    const { sameScopes: same = sameScopes } = this.#options;
    for (const [namespace, followers] of this.#byNamespace) {
      if (this.#snapshot !== undefined && same(this.#snapshot, snapshot, namespace)) continue;
      for (const follower of followers) this.#join(follower, snapshot);
    }
  }

  #join(follower: Follower, snapshot: MeshSnapshot): void {
    const key = this.#options.library.enter(snapshot, follower.node);
    if (follower.scope === key) return;
    this.#leave(follower);
    const group: Group = this.#groups.get(key) ?? { key, followers: new Set() };
    this.#groups.set(key, group);
    group.followers.add(follower);
    follower.scope = key;
    this.#await(group);
  }

  #leave(follower: Follower): void {
    const { scope } = follower;
    const group = scope === undefined ? undefined : this.#groups.get(scope);
    if (group === undefined) return;
    group.followers.delete(follower);
    if (group.followers.size > 0) return;
    this.#groups.delete(group.key);
    this.#waiting.delete(group);
  }

  #await(group: Group): void {
    this.#waiting.add(group);
    this.#wake();
  }

  #wake(): void {
    this.#work.resolve();
    this.#work = Promise.withResolvers();
  }

  #tellCaughtUp(): void {
    if (this.#caughtUp || this.#snapshot === undefined) return;
    this.#caughtUp = true;
    this.#options.onCaughtUp?.(this.#snapshot);
  }
}

/** One of each namespace that has any, of those with the most first. */
function workloadsWithSidecars({ state }: MeshSnapshot): Workload[] {
  const all = Map.groupBy(
    state.workloads.filter(({ mutualTls }) => mutualTls),
    ({ namespace }) => namespace,
  );
  return [...all.values()].sort((left, right) => right.length - left.length).flatMap(([first]) => first ?? []);
}
