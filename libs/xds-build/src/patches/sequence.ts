import type * as ir from "@lateen/ir";

/** Notes that a patch changed something. */
export type Applied = (patch: ir.Patch) => void;

export interface SequenceOptions<Item> {
  readonly matches: (item: Item) => boolean;
  /** Whether the patch picks one item; without, "before" is the front and "after" the end. */
  readonly picks: boolean;
  readonly value: () => Item;
  /** Where an addition goes. */
  readonly end: (items: readonly Item[]) => number;
}

/** Applies anything but a merge to a list whose order matters; the first item that matches is the one meant. */
export function patchSequence<Item>(
  items: Item[],
  { operation }: ir.Patch,
  { matches, picks, value, end }: SequenceOptions<Item>,
): boolean {
  const found = items.findIndex(matches);
  switch (operation) {
    case "add":
      items.splice(end(items), 0, value());
      return true;
    case "insert-first":
      if (picks && found < 0) return false;
      items.unshift(value());
      return true;
    case "insert-before":
    case "insert-after": {
      if (picks && found < 0) return false;
      const front = operation === "insert-before";
      items.splice(picks ? found + (front ? 0 : 1) : front ? 0 : end(items), 0, value());
      return true;
    }
    case "replace":
      if (!picks || found < 0) return false;
      items[found] = value();
      return true;
    case "remove": {
      if (!picks) return false;
      const before = items.length;
      items.splice(0, before, ...items.filter((item) => !matches(item)));
      return items.length < before;
    }
    default:
      return false;
  }
}
