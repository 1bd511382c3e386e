import { layersOf } from "./layered.ts";
import { memo } from "./memo.ts";
import { emptyResources } from "./resource.ts";
import type { Resource, ResourceMap } from "./resource.ts";
import { inRuns } from "./runs.ts";

export interface Diff {
  /** New or different, in the new map's order. */
  readonly changed: readonly Resource[];
  readonly removed: readonly string[];
}

/** What a client is sent first. */
export type FirstDiff = Pick<Diff, "changed" | "removed">;

const nothing: Diff = { changed: [], removed: [] };

/**
 * Caches belong to whoever serves many proxies: proxies that share resources share the maps, so the work is done
 * once for all of them. Entries go with the maps.
 */
export class DiffCache {
  readonly #diffs = new WeakMap<ResourceMap, WeakMap<ResourceMap, Diff>>();
  readonly #nameSets = new WeakMap<readonly string[], ReadonlySet<string>>();
  readonly #covered = new WeakMap<ReadonlyMap<string, string>, WeakMap<ReadonlySet<string>, boolean>>();
  readonly #firsts = new WeakMap<ResourceMap, WeakMap<object, WeakMap<object, FirstDiffOrNone>>>();
  readonly #unions = new WeakMap<ResourceMap, WeakMap<ResourceMap, ResourceMap>>();

  diff(from: ResourceMap, to: ResourceMap): Diff {
    if (from === to) return nothing;
    return memo(row(this.#diffs, from), to, () => this.#byLayer(from, to) ?? diffMaps(from, to));
  }

  /** Layer by layer, so that maps with layers in common have most of the answer in common. */
  #byLayer(from: ResourceMap, to: ResourceMap): Diff | undefined {
    const after = layersOf(to);
    const before = from.size === 0 ? after.map(() => emptyResources) : layersOf(from);
    if (after.length === 1 || before.length !== after.length) return undefined;
    const diffs = after.map((layer, index) => this.diff(before[index] as ResourceMap, layer));
    if (diffs.every((each) => each === nothing)) return nothing;
    const removed = diffs.flatMap((each) => each.removed);
    // What went from one layer to another was not removed; that it counts as changed there is not quite so.
    if (removed.some((name) => to.has(name))) return undefined;
    return { changed: inRuns(diffs.map(({ changed }) => changed)), removed };
  }

  /** The same set for the same list of names. */
  nameSet(names: readonly string[]): ReadonlySet<string> {
    return memo(this.#nameSets, names, () => new Set(names));
  }

  /** Is a version told only of `names`? */
  covers(names: ReadonlySet<string>, versions: ReadonlyMap<string, string>): boolean {
    const known = memo(this.#covered, versions, () => new WeakMap<ReadonlySet<string>, boolean>());
    return memo(known, names, () => [...versions.keys()].every((name) => names.has(name)));
  }

  /**
   * What a client that comes with `versions` lacks of `names`, or of everything; undefined where it has what is gone:
   * that is told at its own time.
   */
  first(
    goal: ResourceMap,
    names: readonly string[] | undefined,
    versions: ReadonlyMap<string, string>,
  ): FirstDiff | undefined {
    const byNames = memo(this.#firsts, goal, () => new WeakMap<object, WeakMap<object, FirstDiffOrNone>>());
    const byVersions = memo(byNames, names ?? everything, () => new WeakMap<object, FirstDiffOrNone>());
    return memo(byVersions, versions, () => ({ diff: firstDiff(goal, names ?? [...goal.keys()], versions) })).diff;
  }

  /** `to` and what it lacks of `from`; `to` itself when it lacks nothing. */
  union(from: ResourceMap, to: ResourceMap): ResourceMap {
    const { removed } = this.diff(from, to);
    if (removed.length === 0) return to;
    return memo(row(this.#unions, from), to, () => {
      const both = new Map(to);
      for (const name of removed) both.set(name, from.get(name) as Resource);
      return both;
    });
  }
}

interface FirstDiffOrNone {
  readonly diff: FirstDiff | undefined;
}

const everything: object = {};

function firstDiff(
  goal: ResourceMap,
  names: readonly string[],
  versions: ReadonlyMap<string, string>,
): FirstDiff | undefined {
  for (const name of versions.keys()) if (!goal.has(name)) return undefined;
  const [changed, removed]: [Resource[], string[]] = [[], []];
  for (const name of new Set(names)) {
    const resource = goal.get(name);
    if (resource === undefined) removed.push(name);
    else if (versions.get(name) !== resource.version) changed.push(resource);
  }
  return { changed, removed };
}

function row<T>(table: WeakMap<ResourceMap, WeakMap<ResourceMap, T>>, from: ResourceMap): WeakMap<ResourceMap, T> {
  return memo(table, from, () => new WeakMap<ResourceMap, T>());
}

function diffMaps(from: ResourceMap, to: ResourceMap): Diff {
  const changed: Resource[] = [];
  for (const resource of to.values()) {
    const before = from.get(resource.name);
    if (before !== resource && before?.version !== resource.version) changed.push(resource);
  }
  const removed: string[] = [];
  for (const name of from.keys()) if (!to.has(name)) removed.push(name);
  return changed.length === 0 && removed.length === 0 ? nothing : { changed, removed };
}
