import { isIp } from "@lateen/model";
import type { MeshObject, Workload } from "@lateen/model";
import type { WorkloadEntry } from "../istio.ts";
import { localityOf } from "./locality.ts";
import { canonicalOf, homeCluster } from "./workload-label.ts";

/** Tells what a WorkloadEntry declares from what a platform found. */
export const entryRegistry = "WorkloadEntry";

/** Annotation with the group an entry was made for; its workload is named after it, as a pod after its Deployment. */
const groupAnnotation = "istio.io/autoRegistrationGroup";

const known = new WeakMap<MeshObject<WorkloadEntry>, Workload>();

/** A WorkloadEntry as a workload; the same object for the same entry. */
export function workloadOfEntry(object: MeshObject<WorkloadEntry>): Workload {
  const earlier = known.get(object);
  if (earlier !== undefined) return earlier;
  const workload = convert(object);
  known.set(object, workload);
  return workload;
}

function convert({ spec, meta, state }: MeshObject<WorkloadEntry>): Workload {
  const labels = { ...spec.labels, ...meta.labels }; // the metadata wins, as in Istio
  const workloadName = meta.annotations[groupAnnotation] ?? meta.name;
  return {
    registry: entryRegistry,
    namespace: meta.namespace,
    name: meta.name,
    addresses: [spec.address],
    labels,
    serviceAccount: spec.serviceAccount,
    locality: localityOf(spec.locality || (labels["istio-locality"] ?? "").replaceAll(".", "/")),
    node: "",
    network: spec.network || (labels["topology.istio.io/network"] ?? ""),
    cluster: homeCluster,
    mutualTls: speaksMutualTls(labels, spec.serviceAccount),
    ports: spec.ports,
    ...canonicalOf(labels, workloadName),
    workloadName,
    ...(state?.healthy === false ? { unready: true } : {}),
    ...(spec.weight > 0 ? { weight: spec.weight } : {}),
  };
}

/** The label says it; without one, whoever has an identity does (Istio's rule for what is written by hand). */
export function speaksMutualTls(labels: Readonly<Record<string, string>>, serviceAccount: string): boolean {
  const mode = labels["security.istio.io/tlsMode"];
  return mode === undefined ? serviceAccount !== "" : mode === "istio";
}

/** Names and sockets can only be reached through a service that takes them (Istio's rule); networks by their gateways. */
export function hasIp(workload: Workload): boolean {
  return workload.addresses.some((address) => isIp(address) || address === "");
}

export function hasAddress(workload: Workload): boolean {
  return !workload.addresses.includes("");
}
