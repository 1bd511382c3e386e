import type { Locality } from "@lateen/model";
import { Reader } from "./reader.ts";

/** Locality of nodes by name. */
export type NodeLocality = (node: string) => Locality | undefined;

/** Region, zone and subzone from a node's well-known labels. */
export function localityOfNode(raw: unknown): Locality {
  const labels = new Reader(raw).object("metadata").labels("labels");
  return {
    region: labels["topology.kubernetes.io/region"] ?? labels["failure-domain.beta.kubernetes.io/region"] ?? "",
    zone: labels["topology.kubernetes.io/zone"] ?? labels["failure-domain.beta.kubernetes.io/zone"] ?? "",
    subzone: labels["topology.istio.io/subzone"] ?? "",
  };
}
