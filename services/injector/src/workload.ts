import type { Pod } from "./pod.ts";

/** Who a pod belongs to, as Istio names it in metadata and labels. */
export interface WorkloadIdentity {
  /** Name of the Deployment, StatefulSet, Job, ... or of the pod itself. */
  readonly name: string;
  /** `kubernetes://apis/apps/v1/namespaces/<ns>/deployments/<name>` */
  readonly owner: string;
  readonly canonicalName: string;
  readonly canonicalRevision: string;
}

export function workloadOf(pod: Pod, namespace: string): WorkloadIdentity {
  const { name, owner } = ownerOf(pod, namespace);
  const labels = pod.metadata.labels ?? {};
  return {
    name,
    owner,
    canonicalName:
      labels["service.istio.io/canonical-name"] ?? labels["app.kubernetes.io/name"] ?? labels["app"] ?? name,
    canonicalRevision:
      labels["service.istio.io/canonical-revision"] ??
      labels["app.kubernetes.io/version"] ??
      labels["version"] ??
      "latest",
  };
}

function ownerOf(pod: Pod, namespace: string): { name: string; owner: string } {
  const controller = pod.metadata.ownerReferences?.find((owner) => owner.controller === true);
  const own = pod.metadata.name ?? (pod.metadata.generateName ?? "").replace(/-$/, "");
  if (controller === undefined) return { name: own, owner: ownerUrl("v1", "pods", namespace, own) };
  const hash = pod.metadata.labels?.["pod-template-hash"];
  if (controller.kind === "ReplicaSet" && hash !== undefined && controller.name.endsWith(`-${hash}`)) {
    const name = controller.name.slice(0, -hash.length - 1); // a Deployment names its ReplicaSets so
    return { name, owner: ownerUrl("apps/v1", "deployments", namespace, name) };
  }
  const cronJob = controller.kind === "Job" ? /^(.+)-\d{8,10}$/.exec(controller.name)?.[1] : undefined;
  if (cronJob !== undefined) return { name: cronJob, owner: ownerUrl("batch/v1", "cronjobs", namespace, cronJob) };
  const plural = `${controller.kind.toLowerCase()}s`;
  return { name: controller.name, owner: ownerUrl(controller.apiVersion, plural, namespace, controller.name) };
}

function ownerUrl(apiVersion: string, plural: string, namespace: string, name: string): string {
  return `kubernetes://apis/${apiVersion}/namespaces/${namespace}/${plural}/${name}`;
}
