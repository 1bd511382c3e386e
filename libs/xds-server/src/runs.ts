import type { Resource } from "./resource.ts";

export type Run = readonly Resource[];

const made = new WeakMap<Run, readonly Run[]>();

/** `runs` one after the other, as one list of which `runsOf` knows the parts. */
export function inRuns(runs: readonly Run[]): Run {
  const filled = runs.filter(({ length }) => length > 0);
  const [only = [], ...others] = filled;
  if (others.length === 0) return only;
  const list = filled.flat();
  made.set(list, filled);
  return list;
}

/** The lists that `list` was made of, which other lists may share; `list` itself when it was not made of any. */
export function runsOf(list: Run): readonly Run[] {
  return made.get(list) ?? [list];
}
