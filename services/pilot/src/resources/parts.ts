import { hash } from "node:crypto";
import { compileEndpoints, endpointQueries, endpointsKey, sameEndpoints } from "@lateen/compiler";
import type { MeshSnapshot, ProxyScope } from "@lateen/compiler";
import type * as ir from "@lateen/ir";
import type { Finding } from "@lateen/model";
import { builtTypes, createBuilder } from "@lateen/xds-build";
import type { Beside, Builder } from "@lateen/xds-build";
import { emptyResources, layered, layersOf } from "@lateen/xds-server";
import type { Resource, ResourceMap } from "@lateen/xds-server";
import { memo } from "../memo.ts";
import { encodeResource } from "./encode.ts";

/** One part of an IR as resources. Made once, however many scopes have the part. */
export interface ResourcePart {
  readonly byType: ReadonlyMap<string, ResourceMap>;
  readonly queries: readonly ir.EndpointQuery[];
  /** What of its patches could not be applied. */
  readonly findings: readonly Finding[];
}

export interface EndpointsOptions {
  readonly snapshot: MeshSnapshot;
  readonly scope: ProxyScope;
  /** A cluster that would be left without endpoints keeps what it had last. */
  readonly keepLast: boolean;
}

interface Endpoints {
  /** What it was last found to be true for. */
  readonly snapshot: MeshSnapshot;
  readonly sets: readonly ir.EndpointSet[];
  readonly map: ResourceMap;
}

/**
 * How long a part is held although no compilation may need it again, as those of a storm follow each other, and as those
 * made ahead wait for their proxies; and how many at most, as each of many changes in a row makes new ones.
 */
const heldMs = 5_000;
const heldAheadMs = 30_000;
const mostHeld = 128;

export class ResourceParts {
  readonly #builder: Builder;
  readonly #parts = new WeakMap<ir.ProxyIr, ResourcePart>();
  readonly #endpoints = new WeakMap<ResourcePart, Map<string, Endpoints>>();
  readonly #kept = new WeakMap<ResourcePart, Map<string, Endpoints>>();
  readonly #endpointResources = new WeakMap<ir.EndpointSet, Resource>();
  /** And until when, by the clock of `performance`. */
  readonly #held = new Map<ir.ProxyIr, number>();
  #release: NodeJS.Timeout | undefined;

  constructor(capacity: number) {
    this.#builder = createBuilder({
      capacity,
      hashOf: (text) => hash("sha1", text, "base64"),
    });
  }

  of(part: ir.ProxyIr, beside: Beside & { readonly ahead?: boolean }): ResourcePart {
    this.#hold(part, beside.ahead === true ? heldAheadMs : heldMs);
    return memo(this.#parts, part, () => {
      const byType = new Map<string, Map<string, Resource>>(builtTypes.map((typeUrl) => [typeUrl, new Map()]));
      const { resources, findings } = this.#builder.build(part, beside);
      for (const built of resources) {
        memo(byType, built.typeUrl, () => new Map()).set(built.name, encodeResource(built));
      }
      return { byType, queries: endpointQueries(part), findings };
    });
  }

  /** The same map as long as no endpoint of it changed. */
  endpointsOf(part: ResourcePart, { snapshot, scope, keepLast }: EndpointsOptions): ResourceMap {
    if (part.queries.length === 0) return emptyResources;
    const key = endpointsKey(scope);
    const memory = memo(keepLast ? this.#kept : this.#endpoints, part, () => new Map<string, Endpoints>());
    const known = memory.get(key);
    if (known?.snapshot === snapshot) return known.map;
    if (known !== undefined && sameEndpoints(known.snapshot, snapshot)) {
      memory.set(key, { ...known, snapshot });
      return known.map;
    }
    const sets = part.queries.map((query) => compileEndpoints(snapshot, scope, query));
    const last = this.#endpoints.get(part)?.get(key);
    const same = [known, last].find((earlier) => earlier && sets.every((set, index) => set === earlier.sets[index]));
    const map = same?.map ?? this.#endpointMap(sets, keepLast ? last?.map : undefined);
    const made = { snapshot, sets, map: sameOr(last?.map, map) };
    memory.set(key, made);
    return made.map;
  }

  #endpointMap(sets: readonly ir.EndpointSet[], kept: ResourceMap | undefined): ResourceMap {
    const map = new Map<string, Resource>();
    for (const set of sets) {
      const resource = memo(this.#endpointResources, set, () => encodeResource(this.#builder.buildEndpoints(set)));
      const held = set.localities.length === 0 ? kept?.get(resource.name) : undefined;
      map.set(resource.name, held ?? resource);
    }
    return map;
  }

  #hold(part: ir.ProxyIr, forMs: number): void {
    const until = Math.max(performance.now() + forMs, this.#held.get(part) ?? 0);
    this.#held.delete(part);
    this.#held.set(part, until);
    const [oldest] = this.#held.keys();
    if (this.#held.size > mostHeld && oldest !== undefined) this.#held.delete(oldest);
    if (this.#release === undefined) this.#letGoLater();
  }

  #letGoLater(): void {
    this.#release = setTimeout(() => this.#letGo(), heldMs).unref();
  }

  #letGo(): void {
    const now = performance.now();
    for (const [part, until] of this.#held) if (until <= now) this.#held.delete(part);
    this.#release = undefined;
    if (this.#held.size > 0) this.#letGoLater();
  }
}

/** Whether one of `parts` has a resource of a type and name. */
export function hasAny(parts: readonly ResourcePart[]): Beside["has"] {
  return (typeUrl, name) => parts.some(({ byType }) => byType.get(typeUrl)?.has(name) === true);
}

/** The resources of all parts, type by type; `before` where that holds the same. */
export function together(
  parts: readonly ResourcePart[],
  before: ReadonlyMap<string, ResourceMap> | undefined,
): ReadonlyMap<string, ResourceMap> {
  const types = new Set([...builtTypes, ...parts.flatMap(({ byType }) => [...byType.keys()])]);
  const maps = [...types].map((typeUrl) => {
    const all = layered(parts.map(({ byType }) => byType.get(typeUrl) ?? emptyResources));
    return [typeUrl, sameOr(before?.get(typeUrl), all)] as const;
  });
  return before !== undefined && maps.every(([typeUrl, map]) => before.get(typeUrl) === map) ? before : new Map(maps);
}

/** `before` where it holds the same: the same map is what tells everyone downstream that there is nothing to do. */
export function sameOr(before: ResourceMap | undefined, after: ResourceMap): ResourceMap {
  if (before === undefined || before === after) return after;
  const [earlier, layers] = [layersOf(before), layersOf(after)];
  if (earlier.length !== layers.length) return sameLayerOr(before, after);
  return layered(layers.map((layer, index) => sameLayerOr(earlier[index] as ResourceMap, layer)));
}

const compared = new WeakMap<ResourceMap, WeakMap<ResourceMap, ResourceMap>>();

/** A layer is in the resources of many scopes, and the next one replaces it in all of them: they are compared once. */
function sameLayerOr(before: ResourceMap, after: ResourceMap): ResourceMap {
  if (before === after || before.size !== after.size) return after;
  return memo(
    memo(compared, before, () => new WeakMap()),
    after,
    () => (haveSame(before, after) ? before : after),
  );
}

function haveSame(before: ResourceMap, after: ResourceMap): boolean {
  for (const [name, { version }] of after) if (before.get(name)?.version !== version) return false;
  return true;
}
