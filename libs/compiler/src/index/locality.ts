import type { Locality } from "@lateen/model";

/** Of what does not say where it is. */
export const nowhere: Locality = { region: "", zone: "", subzone: "" };

/** `region/zone/subzone`. */
export function localityOf(text: string): Locality {
  const [region = "", zone = "", subzone = ""] = text.split("/");
  return { region, zone, subzone };
}

/** The other direction, for maps: equal for places that are. */
export function localityKey({ region, zone, subzone }: Locality): string {
  return `${region}/${zone}/${subzone}`;
}
