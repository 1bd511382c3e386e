import { formatRef, isEmptyRecord, selects } from "@lateen/model";
import type { Finding, Labels, MeshObject } from "@lateen/model";
import { Findings } from "../findings.ts";
import type { Sidecar } from "../istio.ts";
import { append, byAge } from "./ordering.ts";

export interface SidecarIndex {
  /** The one a workload is under: by selector, its namespace's, the mesh's; of several the oldest. */
  select(namespace: string, labels: Labels): MeshObject<Sidecar> | undefined;
  /** By `Sidecar/namespace/name`. */
  find(ref: string): MeshObject<Sidecar> | undefined;
  readonly findings: readonly Finding[];
}

export function indexSidecars(objects: readonly MeshObject<Sidecar>[], rootNamespace: string): SidecarIndex {
  const selecting = new Map<string, MeshObject<Sidecar>[]>();
  const general = new Map<string, MeshObject<Sidecar>[]>();
  for (const object of [...objects].sort(byAge))
    append(isEmptyRecord(labelsOf(object)) ? general : selecting, object.meta.namespace, object);
  const byRef = new Map(objects.map((object) => [formatRef(object.origin), object]));
  return {
    find: (ref) => byRef.get(ref),
    select: (namespace, labels) =>
      selecting.get(namespace)?.find((object) => selects(labelsOf(object), labels)) ??
      general.get(namespace)?.[0] ??
      general.get(rootNamespace)?.[0],
    findings: conflicts(general, selecting),
  };
}

function labelsOf(object: MeshObject<Sidecar>): Labels {
  return object.spec.workloadSelector?.labels ?? {};
}

function conflicts(...groups: readonly ReadonlyMap<string, readonly MeshObject<Sidecar>[]>[]): readonly Finding[] {
  const findings = new Findings();
  for (const objects of groups.flatMap((group) => [...group.values()])) {
    for (const [index, object] of objects.entries()) {
      const rival = objects.slice(0, index).find((older) => sameLabels(labelsOf(older), labelsOf(object)));
      if (rival === undefined) continue;
      const whom = isEmptyRecord(labelsOf(object)) ? "has no workloadSelector" : "selects the same workloads";
      findings.error(
        object.origin,
        "conflicting-sidecars",
        `the older ${formatRef(rival.origin)} ${whom}, too, and counts alone; merge them, or give this one another selector`,
        [rival.origin],
      );
    }
  }
  return findings.list();
}

function sameLabels(left: Labels, right: Labels): boolean {
  return selects(left, right) && selects(right, left);
}
