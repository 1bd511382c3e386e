import type { Labels, Workload } from "@lateen/model";

/** The cluster of what is written by hand, as Istio's telemetry has it. */
export const homeCluster = "Kubernetes";

/** Goes without saying (Istio's rule). */
const defaultRevision = "latest";

type Called = Pick<Workload, "workloadName" | "namespace" | "canonicalName" | "canonicalRevision" | "cluster">;

/** `name;namespace;canonical name;canonical revision;cluster`: what telemetry says of an endpoint. */
export function workloadLabel(workload: Called): string {
  const { workloadName, namespace, canonicalName, canonicalRevision, cluster } = workload;
  const revision = canonicalRevision === defaultRevision ? "" : canonicalRevision;
  return [workloadName, namespace, canonicalName, revision, cluster].join(";");
}

export function canonicalOf(
  labels: Labels,
  workloadName: string,
): Pick<Workload, "canonicalName" | "canonicalRevision"> {
  return {
    canonicalName:
      labels["service.istio.io/canonical-name"] ?? labels["app.kubernetes.io/name"] ?? labels["app"] ?? workloadName,
    canonicalRevision:
      labels["service.istio.io/canonical-revision"] ??
      labels["app.kubernetes.io/version"] ??
      labels["version"] ??
      defaultRevision,
  };
}
