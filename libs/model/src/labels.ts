import { compareText } from "./host.ts";
import type { Labels } from "./object.ts";

/** Whether `labels` carries everything in `selector`; an empty selector selects all. */
export function selects(selector: Labels, labels: Labels): boolean {
  for (const key in selector) if (labels[key] !== selector[key]) return false;
  return true;
}

export function isEmptyRecord(record: Readonly<Record<string, unknown>>): boolean {
  for (const _key in record) return false;
  return true;
}

/** The same entries in key order, so that equal records have equal JSON. */
export function sortedRecord<Value>(record: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).sort(([left], [right]) => compareText(left, right)));
}
