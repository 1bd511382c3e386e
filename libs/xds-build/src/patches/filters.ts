import type * as ir from "@lateen/ir";
import type { Any } from "@bufbuild/protobuf/wkt";
import { mergeAny, typeName } from "./merge.ts";
import { patchSequence } from "./sequence.ts";
import type { Applied } from "./sequence.ts";
import { isMerge, listRule } from "./values.ts";

/** What HTTP filters, network filters and listener filters have in common. */
export interface AnyFilter {
  name: string;
  configType: { case: string | undefined; value?: unknown };
}

export interface FilterRules<Filter> {
  /** The filter that a patch picks, by name. */
  readonly selected: (patch: ir.Patch) => string | undefined;
  readonly value: (patch: ir.Patch) => Filter;
  /** Message types that end a chain: an addition goes before one of them. */
  readonly terminal: ReadonlySet<string>;
  /** Names of the mesh's own filters, for additions among them. */
  readonly authentication: readonly string[];
  readonly authorization: readonly string[];
  readonly telemetry: readonly string[];
}

/** First what changes the list, in the order of the patches, then merges into what is in it. */
export function patchFilters<Filter extends AnyFilter>(
  filters: Filter[],
  patches: readonly ir.Patch[],
  rules: FilterRules<Filter>,
  applied: Applied,
): void {
  const inserted = new Map<Filter, ir.Patch["place"]>();
  for (const patch of patches) {
    if (isMerge(patch)) continue;
    const selected = rules.selected(patch);
    const changed = patchSequence<Filter>(filters, patch, {
      matches: ({ name }) => name === selected,
      picks: selected !== undefined && patch.operation !== "insert-first",
      value: () => {
        const value = rules.value(patch);
        inserted.set(value, patch.place);
        return value;
      },
      end: (list) => placeFor(list, patch, rules, inserted),
    });
    if (changed) applied(patch);
  }
  for (const filter of filters) {
    for (const patch of patches) {
      if (isMerge(patch) && mergeFilter(filter, rules.value(patch), patch, rules.selected(patch))) applied(patch);
    }
  }
}

/** Unlike Istio's, an addition goes before the filter that ends the chain: Envoy refuses one behind it. */
function placeFor<Filter extends AnyFilter>(
  filters: readonly Filter[],
  { place }: ir.Patch,
  rules: FilterRules<Filter>,
  inserted: ReadonlyMap<Filter, ir.Patch["place"]>,
): number {
  const after = (names: readonly string[]): number =>
    filters.findLastIndex(
      (filter) =>
        (!inserted.has(filter) && names.includes(filter.name)) ||
        (place !== undefined && inserted.get(filter) === place),
    ) + 1;
  if (place === "after-authentication") return after(rules.authentication);
  if (place === "after-authorization") return after([...rules.authentication, ...rules.authorization]);
  const end = filters.findIndex((filter) => isTerminal(filter, rules.terminal));
  const last = end < 0 ? filters.length : end;
  if (place === undefined) return last;
  const telemetry = filters.findIndex((filter) => !inserted.has(filter) && rules.telemetry.includes(filter.name));
  return telemetry < 0 ? last : telemetry;
}

export function isTerminal({ configType }: AnyFilter, terminal: ReadonlySet<string>): boolean {
  return configType.case === "typedConfig" && terminal.has(typeName(configType.value as Any));
}

/**
 * A filter whose configuration comes by discovery has none to merge into. A patch that picks no filter is for those of
 * its own type; Istio reads it as if it were of each filter's type.
 */
function mergeFilter<Filter extends AnyFilter>(
  filter: Filter,
  value: Filter,
  patch: ir.Patch,
  selected: string | undefined,
): boolean {
  const [mine, theirs] = [filter.configType, value.configType];
  if (mine.case !== "typedConfig" || (selected ?? filter.name) !== filter.name) return false;
  const alike = theirs.case !== "typedConfig" || typeName(theirs.value as Any) === typeName(mine.value as Any);
  if (selected === undefined && !alike) return false;
  if (theirs.case === "typedConfig")
    filter.configType = {
      case: "typedConfig",
      value: mergeAny(mine.value as Any, theirs.value as Any, listRule(patch)),
    };
  if (value.name !== "") filter.name = value.name;
  return true;
}
