import type { Cursor } from "../report.ts";

/** Reports values that come twice, each at its second place. Empty and zero values are somebody else's mistake. */
export function checkDistinct(
  values: readonly (string | number)[],
  what: string,
  placeOf: (index: number) => Cursor,
): void {
  for (const [index, earlier] of repeated(values))
    placeOf(index).error(
      "duplicate",
      `${what} ${JSON.stringify(values[index])} is already at [${earlier}]; remove or rename one`,
    );
}

/** Of what may be said twice without harm. */
export function warnOfRepeats(values: readonly string[], what: string, at: Cursor): void {
  for (const [index, earlier] of repeated(values))
    at.at(index).warning("duplicate", `${what} ${JSON.stringify(values[index])} is already at [${earlier}]; remove it`);
}

/** Places of values that were there before, with the first place of each. */
function repeated(values: readonly (string | number)[]): readonly (readonly [number, number])[] {
  const first = new Map<string | number, number>();
  const found: (readonly [number, number])[] = [];
  for (const [index, value] of values.entries()) {
    if (value === "" || value === 0) continue;
    const earlier = first.get(value);
    if (earlier === undefined) first.set(value, index);
    else found.push([index, earlier]);
  }
  return found;
}
