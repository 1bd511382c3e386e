import type * as ir from "@lateen/ir";
import type { Labels, Locality } from "@lateen/model";
import { nowhere } from "../index/locality.ts";
import type { Vantage } from "./vantage.ts";

/** One place's endpoints; `labels` has an entry for each of them. */
export interface Placed<Endpoint> extends Locality {
  readonly endpoints: readonly Endpoint[];
  readonly labels: readonly Labels[];
  readonly priority?: number;
  /** Of the whole locality; absent: the sum of its endpoints' weights. */
  readonly weight?: number;
}

interface Weighted {
  readonly weight: number;
}

/**
 * Sorts localities by how much a proxy at `vantage` wants them: with priorities, all of the first before any of the
 * second, or with weights. Envoy wants priorities without gaps.
 */
export function spreadOut<Endpoint extends Weighted>(
  localities: readonly Placed<Endpoint>[],
  spread: ir.Spread,
  vantage: Vantage,
): readonly Placed<Endpoint>[] {
  const from = vantage.locality ?? nowhere;
  if (spread.kind === "distribute") return distribute(localities, spread.rules, from);
  const tiers = spread.labels.length === 0 ? localities : byLabels(localities, spread.labels, vantage.labels ?? {});
  if (spread.by === "labels") return withoutGaps(tiers);
  const tierOf = (locality: Locality): number =>
    tier(from, locality, { regions: spread.regions, within: spread.by === "locality" });
  return withoutGaps(tiers.map((each) => ({ ...each, priority: (each.priority ?? 0) * 5 + tierOf(each) })));
}

/** 0: the same place, then the same zone, then the same region, then elsewhere; where to fail over to comes before the rest. */
function tier(
  from: Locality,
  to: Locality,
  { regions, within }: { regions: readonly ir.RegionFailover[]; within: boolean },
): number {
  if (from.region !== to.region) {
    const failover = regions.find((region) => region.from === from.region);
    return failover === undefined || failover.to === to.region ? 3 : 4;
  }
  if (!within) return 0;
  if (from.zone !== to.zone) return 2;
  return from.subzone === to.subzone ? 0 : 1;
}

function withoutGaps<Endpoint>(localities: readonly Placed<Endpoint>[]): readonly Placed<Endpoint>[] {
  const priorities = [...new Set(localities.map(({ priority = 0 }) => priority))].sort((left, right) => left - right);
  return localities.map(({ priority = 0, ...rest }) => {
    const index = priorities.indexOf(priority);
    return index === 0 ? rest : { ...rest, priority: index };
  });
}

/** The first label that differs decides; a locality is split where its endpoints differ. */
function byLabels<Endpoint>(
  localities: readonly Placed<Endpoint>[],
  preferences: readonly ir.LabelPreference[],
  own: Labels,
): readonly Placed<Endpoint>[] {
  return localities.flatMap((locality) => {
    const byPriority = new Map<number, { endpoints: Endpoint[]; labels: Labels[] }>();
    for (const [index, endpoint] of locality.endpoints.entries()) {
      const labels = locality.labels[index] ?? {};
      const differing = preferences.findIndex(({ name, value = own[name] ?? "" }) => value !== (labels[name] ?? ""));
      const priority = differing < 0 ? 0 : preferences.length - differing;
      const group = byPriority.get(priority) ?? { endpoints: [], labels: [] };
      byPriority.set(priority, group);
      group.endpoints.push(endpoint);
      group.labels.push(labels);
    }
    return [...byPriority]
      .sort(([left], [right]) => left - right)
      .map(([priority, group]) => ({ ...locality, ...group, priority }));
  });
}

/** Shares are of the localities that are there: each pattern's share is divided by the weights of what it covers. */
function distribute<Endpoint extends Weighted>(
  localities: readonly Placed<Endpoint>[],
  rules: readonly ir.DistributeRule[],
  from: Locality,
): readonly Placed<Endpoint>[] {
  const rule = rules.find((candidate) => covers(candidate.from, from));
  if (rule === undefined) return localities;
  const targets = rule.to.toSorted((left, right) => specificity(right.locality) - specificity(left.locality));
  const chosen = Map.groupBy(localities, (locality) => targets.find((target) => covers(target.locality, locality)));
  return localities.flatMap((locality) => {
    const target = targets.find((candidate) => covers(candidate.locality, locality));
    if (target === undefined) return [];
    const sum = (chosen.get(target) ?? []).reduce((total, each) => total + weightOf(each), 0);
    return [{ ...locality, weight: Math.ceil((weightOf(locality) * target.weight) / sum) }];
  });
}

function weightOf({ endpoints }: Placed<Weighted>): number {
  return endpoints.reduce((sum, { weight }) => sum + weight, 0);
}

function specificity(pattern: string): number {
  return pattern.split("/").filter((part) => part !== "*").length;
}

/** Whether `region/zone/subzone`, with `*` or nothing for any, covers a place. */
export function covers(pattern: string, { region, zone, subzone }: Locality): boolean {
  const [ofRegion = "", ofZone = "", ofSubzone = ""] = pattern.split("/");
  const fits = (part: string, value: string): boolean => part === "*" || part === value;
  return (
    fits(ofRegion, region) && (ofZone === "" || fits(ofZone, zone)) && (ofSubzone === "" || fits(ofSubzone, subzone))
  );
}
