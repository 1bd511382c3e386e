import type { JsonObject } from "@bufbuild/protobuf";
import type { Node } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import type { WorkloadIndex } from "../mirror/workload-index.ts";
import { type Peer, peerOf, unknownPeer } from "../mirror/peer.ts";

/** Whose side of a call a log tells, in Istio's words. */
export type Side = "source" | "destination";

/** The proxy at the other end of a log stream. */
export interface Reporter {
  /** From the log's name; a tag `reporter` of an entry overrides it. */
  readonly side: Side | undefined;
  readonly local: Peer;
}

const sides: Readonly<Record<string, Side>> = {
  "lateen-inbound": "destination",
  "lateen-outbound": "source",
  "lateen-gateway": "source",
};

export function sideOf(name: string): Side | undefined {
  return name === "source" || name === "destination" ? name : sides[name];
}

/** Who the node says it is: the metadata that Istio's agent and ours set, else the workload at the address in its id. */
export function reporterOf(node: Node | undefined, logName: string, workloads: WorkloadIndex): Reporter {
  const [, address = "", pod = ""] = (node?.id ?? "").split("~");
  const metadata = node?.metadata ?? {};
  const known = workloads.atAddress(address);
  const workload = text(metadata, "WORKLOAD_NAME");
  if (workload === "" && known !== undefined) return { side: sideOf(logName), local: known };
  const name = workload || pod.replace(/\.[^.]*$/, "");
  if (name === "") return { side: sideOf(logName), local: unknownPeer };
  const local = peerOf({
    workload: name,
    namespace: text(metadata, "NAMESPACE") || (/\.([^.]+)$/.exec(pod)?.[1] ?? ""),
    cluster: text(metadata, "CLUSTER_ID"),
    labels: labelsOf(metadata),
  });
  return { side: sideOf(logName), local };
}

function text(metadata: JsonObject, name: string): string {
  const value = metadata[name];
  return typeof value === "string" ? value : "";
}

function labelsOf(metadata: JsonObject): Record<string, string> {
  const labels = metadata["LABELS"];
  if (typeof labels !== "object" || labels === null || Array.isArray(labels)) return {};
  return Object.fromEntries(
    Object.entries(labels).filter((label): label is [string, string] => typeof label[1] === "string"),
  );
}
