import type { Labels } from "@lateen/model";
import type { Workload } from "@lateen/protos/mesh/store/v1/entry_pb.js";

/** One end of a call, in the words of Istio's metric labels. `unknown` where nothing is known. */
export interface Peer {
  readonly workload: string;
  readonly namespace: string;
  readonly canonicalService: string;
  readonly canonicalRevision: string;
  readonly app: string;
  readonly version: string;
  readonly cluster: string;
  readonly labels: Labels;
  /** All of the above but the labels: equal keys give equal metric labels. */
  readonly key: string;
}

export const unknownPeer: Peer = {
  workload: "unknown",
  namespace: "unknown",
  canonicalService: "unknown",
  canonicalRevision: "unknown",
  app: "unknown",
  version: "unknown",
  cluster: "unknown",
  labels: {},
  key: "unknown",
};

export interface PeerFacts {
  readonly workload: string;
  readonly namespace: string;
  readonly cluster: string;
  readonly labels: Labels;
  readonly canonicalService?: string;
  readonly canonicalRevision?: string;
}

/** Fills the gaps as Istio does: the canonical service is the app, else the workload; the revision is the version, else `latest`. */
export function peerOf(facts: PeerFacts): Peer {
  const { labels } = facts;
  const workload = facts.workload || "unknown";
  const app = labels["app"] || labels["app.kubernetes.io/name"] || "";
  const version = labels["version"] || labels["app.kubernetes.io/version"] || "";
  const canonicalService = labels["service.istio.io/canonical-name"] || facts.canonicalService || app || workload;
  const canonicalRevision =
    labels["service.istio.io/canonical-revision"] || facts.canonicalRevision || version || "latest";
  const names = {
    workload,
    namespace: facts.namespace || "unknown",
    canonicalService,
    canonicalRevision,
    app: app || canonicalService,
    version: version || canonicalRevision,
    cluster: facts.cluster || "unknown",
  };
  return { ...names, labels, key: Object.values(names).join("|") };
}

export function peerOfWorkload(workload: Workload): Peer {
  return peerOf({
    workload: workload.workloadName || workload.name,
    namespace: workload.namespace,
    cluster: workload.cluster,
    labels: workload.labels,
    canonicalService: workload.canonicalName,
    canonicalRevision: workload.canonicalRevision,
  });
}
