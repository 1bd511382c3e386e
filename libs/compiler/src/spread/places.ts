import type * as ir from "@lateen/ir";
import { compareText } from "@lateen/model";
import type { Labels } from "@lateen/model";
import type { EndpointRecord } from "../index/endpoints.ts";
import { localityKey } from "../index/locality.ts";
import { spreadOut } from "./apply.ts";
import type { Placed } from "./apply.ts";
import { comparedLabels } from "./vantage.ts";
import type { Vantage } from "./vantage.ts";

/** Endpoints by locality, localities sorted. */
export function inPlaces<Endpoint>(
  members: readonly {
    readonly record: Pick<EndpointRecord, "labels" | "locality" | "network" | "workload">;
    readonly endpoint: Endpoint;
  }[],
): readonly Placed<Endpoint>[] {
  const places = new Map<string, Placed<Endpoint> & { endpoints: Endpoint[]; labels: Labels[] }>();
  for (const { record, endpoint } of members) {
    const { region, zone, subzone } = record.locality;
    const key = localityKey(record.locality);
    const place = places.get(key) ?? { region, zone, subzone, endpoints: [], labels: [] };
    places.set(key, place);
    place.endpoints.push(endpoint);
    place.labels.push(comparedLabels(record));
  }
  return [...places].sort(([left], [right]) => compareText(left, right)).map(([, place]) => place);
}

/** As a proxy at `vantage` is told of them. */
export function localitiesOf<Endpoint extends ir.FixedEndpoint>(
  places: readonly Placed<Endpoint>[],
  spread: ir.Spread | undefined,
  vantage: Vantage = {},
): readonly (ir.FixedLocality & { readonly endpoints: readonly Endpoint[] })[] {
  const spreadPlaces = spread === undefined ? places : spreadOut(places, spread, vantage);
  return spreadPlaces.map(({ labels: _compared, ...locality }) => locality);
}
