import type { Locality } from "@lateen/model";

/** `region/zone/subzone`. */
export function localityOf(text: string): Locality {
  const [region = "", zone = "", subzone = ""] = text.split("/");
  return { region, zone, subzone };
}
