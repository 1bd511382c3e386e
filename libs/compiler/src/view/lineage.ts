import { sameList } from "../index/ordering.ts";

/**
 * Values that live from one snapshot to the next as long as what they were made of is the same, element by element and
 * by identity. A value nobody asked for in a snapshot is forgotten with it.
 */
export class Lineage<Value> {
  readonly #now = new Map<string, Entry<Value>>();
  readonly #earlier: ReadonlyMap<string, Entry<Value>>;

  constructor(previous?: Lineage<Value>) {
    this.#earlier = previous === undefined ? new Map() : previous.#now;
  }

  /** What is already known of this snapshot. */
  get(key: string): Value | undefined {
    return this.#now.get(key)?.value;
  }

  /** The earlier value if it was made of the same elements, else what `make` gives. */
  take(key: string, elements: readonly unknown[], make: () => Value): Value {
    const earlier = this.#earlier.get(key);
    const entry = earlier !== undefined && sameList(earlier.elements, elements) ? earlier : { elements, value: make() };
    this.#now.set(key, entry);
    return entry.value;
  }
}

interface Entry<Value> {
  readonly elements: readonly unknown[];
  readonly value: Value;
}
