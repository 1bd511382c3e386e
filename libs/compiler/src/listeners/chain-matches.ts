import type * as ir from "@lateen/ir";

/** What of a match is left to a chain, and what others have already. */
export interface Claim<Owner> {
  /** Absent: nothing is left. */
  readonly match?: ir.ChainMatch;
  readonly lost: readonly { readonly what: string; readonly owner: Owner }[];
}

/**
 * Envoy refuses a listener in which two chains match the same, so of each server name and address range the chain that
 * comes first keeps it. `taken` is what the listener's chains have, and gets what this one is left with.
 */
export function claim<Owner>(match: ir.ChainMatch, taken: Map<string, Owner>, owner: Owner): Claim<Owner> {
  const { serverNames, destinationRanges, ...rest } = match;
  const names = serverNames ?? [undefined];
  const ranges = destinationRanges ?? [undefined];
  const keyOf = (name: unknown, range: unknown): string => JSON.stringify([name ?? "", range ?? "", rest]);
  const freeNames = names.filter((name) => ranges.some((range) => !taken.has(keyOf(name, range))));
  const freeRanges = ranges.filter((range) => freeNames.every((name) => !taken.has(keyOf(name, range))));
  const lost = names.flatMap((name) =>
    ranges.flatMap((range) => {
      const rival = taken.get(keyOf(name, range));
      return rival === undefined ? [] : [{ what: whatOf(name, range), owner: rival }];
    }),
  );
  if (freeNames.length === 0 || freeRanges.length === 0) return { lost };
  for (const name of freeNames) for (const range of freeRanges) taken.set(keyOf(name, range), owner);
  const kept = <Value>(values: readonly (Value | undefined)[]): readonly Value[] =>
    values.filter((value) => value !== undefined);
  return {
    lost,
    match: {
      ...rest,
      ...(destinationRanges === undefined ? {} : { destinationRanges: kept(freeRanges) }),
      ...(serverNames === undefined ? {} : { serverNames: kept(freeNames) }),
    },
  };
}

/** Chains of one owner: what two of them match, the first one gets. */
export function distinct(chains: readonly ir.FilterChain[]): readonly ir.FilterChain[] {
  const taken = new Map<string, true>();
  return chains.flatMap((chain) => {
    const { match } = claim(chain.match, taken, true);
    return match === undefined ? [] : [{ ...chain, match }];
  });
}

function whatOf(
  name: NonNullable<ir.ChainMatch["serverNames"]>[number] | undefined,
  range: NonNullable<ir.ChainMatch["destinationRanges"]>[number] | undefined,
): string {
  const byName =
    name === undefined ? "all connections" : `server name "${typeof name === "string" ? name : name.host}"`;
  return range === undefined ? byName : `${byName} to ${range.address}/${range.length}`;
}
