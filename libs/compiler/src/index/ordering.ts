import { compareText } from "@lateen/model";
import type { MeshObject } from "@lateen/model";

/** Istio's order of precedence: the oldest first, then by namespace, then by name. */
export function byAge(left: MeshObject<unknown>, right: MeshObject<unknown>): number {
  return (
    left.meta.createdAtMs - right.meta.createdAtMs ||
    compareText(left.meta.namespace, right.meta.namespace) ||
    compareText(left.meta.name, right.meta.name)
  );
}

/** Whether both lists hold the same elements, in any order; the cheap test behind incremental snapshots. */
export function sameElements<Element>(left: readonly Element[], right: readonly Element[]): boolean {
  if (left === right) return true;
  if (left.length !== right.length) return false;
  if (left.every((element, index) => element === right[index])) return true;
  const known = new Set(left);
  return right.every((element) => known.has(element));
}

/** Whether both lists hold the same elements in the same order. */
export function sameList(left: readonly unknown[], right: readonly unknown[]): boolean {
  return left.length === right.length && left.every((element, index) => element === right[index]);
}

/** Adds to the list under `key`. */
export function append<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
