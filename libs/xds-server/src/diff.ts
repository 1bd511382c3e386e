import { memo } from "./memo.ts";
import type { Resource, ResourceMap } from "./resource.ts";

export interface Diff {
  /** New or different, in the new map's order. */
  readonly changed: readonly Resource[];
  readonly removed: readonly string[];
}

const nothing: Diff = { changed: [], removed: [] };

/**
 * Caches belong to whoever serves many proxies: proxies that share resources share the maps, so the work is done
 * once for all of them. Entries go with the maps.
 */
export class DiffCache {
  readonly #diffs = new WeakMap<ResourceMap, WeakMap<ResourceMap, Diff>>();
  readonly #unions = new WeakMap<ResourceMap, WeakMap<ResourceMap, ResourceMap>>();

  diff(from: ResourceMap, to: ResourceMap): Diff {
    if (from === to) return nothing;
    return memo(row(this.#diffs, from), to, () => diffMaps(from, to));
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
