import { emptyResources } from "./resource.ts";
import type { Resource, ResourceMap } from "./resource.ts";

/** Several maps that share no name, as one and without a copy: what many proxies have in common stays one object. */
class LayeredResources implements ResourceMap {
  readonly layers: readonly ResourceMap[];
  readonly size: number;

  constructor(layers: readonly ResourceMap[]) {
    this.layers = layers;
    this.size = layers.reduce((sum, { size }) => sum + size, 0);
  }

  get(name: string): Resource | undefined {
    for (const layer of this.layers) {
      const resource = layer.get(name);
      if (resource !== undefined) return resource;
    }
    return undefined;
  }

  has(name: string): boolean {
    return this.layers.some((layer) => layer.has(name));
  }

  *entries(): MapIterator<[string, Resource]> {
    for (const layer of this.layers) yield* layer;
  }

  *keys(): MapIterator<string> {
    for (const layer of this.layers) yield* layer.keys();
  }

  *values(): MapIterator<Resource> {
    for (const layer of this.layers) yield* layer.values();
  }

  forEach(visit: (resource: Resource, name: string, map: ResourceMap) => void): void {
    for (const layer of this.layers) for (const [name, resource] of layer) visit(resource, name, this);
  }

  [Symbol.iterator](): MapIterator<[string, Resource]> {
    return this.entries();
  }
}

interface Joined {
  map?: ResourceMap;
  readonly next: WeakMap<ResourceMap, Joined>;
}

const joined: Joined = { next: new WeakMap() };

/**
 * `maps` as one; the same object for the same maps. Of a name that several have, the last one's counts. Differences
 * between layered maps are worked out layer by layer, so what the layers of two proxies have in common costs once.
 */
export function layered(maps: readonly ResourceMap[]): ResourceMap {
  const layers = maps.filter(({ size }) => size > 0);
  const [only = emptyResources, ...others] = layers;
  if (others.length === 0) return only;
  let place = joined;
  for (const layer of layers) {
    const next: Joined = place.next.get(layer) ?? { next: new WeakMap() };
    place.next.set(layer, next);
    place = next;
  }
  place.map ??= overlap(layers) ? new Map(layers.flatMap((layer) => [...layer])) : new LayeredResources(layers);
  return place.map;
}

/** What `map` is made of: itself, unless it came from `layered`. */
export function layersOf(map: ResourceMap): readonly ResourceMap[] {
  return map instanceof LayeredResources ? map.layers : [map];
}

function overlap(layers: readonly ResourceMap[]): boolean {
  const [largest, ...smaller] = [...layers].sort((left, right) => right.size - left.size);
  return smaller.some((layer, index) =>
    [...layer.keys()].some(
      (name) => largest?.has(name) === true || smaller.slice(0, index).some((earlier) => earlier.has(name)),
    ),
  );
}
