import { emptyResources } from "./resource.ts";
import type { ResourceMap } from "./resource.ts";

/**
 * Connections of a listener that is draining still pass what its successor does not have: an extension goes when the
 * proxy lets go of it, and not before. https://github.com/envoyproxy/envoy/issues/32823
 */
export class HeldExtensions {
  #held: ResourceMap = emptyResources;

  /** `goal`, with what the proxy still wants of earlier ones; the same object while it holds the same. */
  with(goal: ResourceMap, wanted: ReadonlySet<string>): ResourceMap {
    const kept = [...this.#held.values()].filter(({ name }) => !goal.has(name) && wanted.has(name));
    const all =
      kept.length === 0 ? goal : new Map([...goal, ...kept.map((resource) => [resource.name, resource] as const)]);
    if (!sameResources(this.#held, all)) this.#held = all;
    return this.#held;
  }
}

function sameResources(left: ResourceMap, right: ResourceMap): boolean {
  return left === right || (left.size === right.size && [...right].every(([name, each]) => left.get(name) === each));
}
