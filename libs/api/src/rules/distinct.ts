import type { Cursor } from "../report.ts";

/** Reports values that come twice, each at its second place. Empty and zero values are somebody else's mistake. */
export function checkDistinct(
  values: readonly (string | number)[],
  what: string,
  placeOf: (index: number) => Cursor,
): void {
  const first = new Map<string | number, number>();
  for (const [index, value] of values.entries()) {
    if (value === "" || value === 0) continue;
    const earlier = first.get(value);
    if (earlier === undefined) first.set(value, index);
    else
      placeOf(index).error(
        "duplicate",
        `${what} ${JSON.stringify(value)} is already at [${earlier}]; remove or rename one`,
      );
  }
}
