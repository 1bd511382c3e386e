import { kinds, meshConfigMapName } from "@lateen/api";
import type { KubeObject, ResourceType, Selection } from "@lateen/kube";

/** One kind that is followed. */
export interface WatchedKind {
  readonly kind: string;
  readonly type: ResourceType;
  readonly selection?: Selection;
  /** Its CRD may not be installed. */
  readonly custom: boolean;
  readonly trim: (object: KubeObject) => KubeObject;
}

export function watchedKinds(rootNamespace: string): readonly WatchedKind[] {
  const own = kinds
    .filter((definition) => definition.hasCrd)
    .map(
      (definition): WatchedKind => ({
        kind: definition.kind,
        type: { apiVersion: `${definition.group}/${definition.storageVersion}`, plural: definition.plural },
        custom: true,
        trim: trimmer(definition.kind, `${definition.group}/${definition.storageVersion}`, ["spec", "status"]),
      }),
    );
  return [
    ...own,
    {
      kind: "Service",
      type: { apiVersion: "v1", plural: "services" },
      custom: false,
      trim: trimmer("Service", "v1", ["spec", "status"]),
    },
    {
      kind: "EndpointSlice",
      type: { apiVersion: "discovery.k8s.io/v1", plural: "endpointslices" },
      custom: false,
      trim: trimmer("EndpointSlice", "discovery.k8s.io/v1", ["addressType", "endpoints", "ports"]),
    },
    {
      kind: "Namespace",
      type: { apiVersion: "v1", plural: "namespaces" },
      custom: false,
      trim: trimmer("Namespace", "v1", []),
    },
    {
      kind: "Ingress",
      type: { apiVersion: "networking.k8s.io/v1", plural: "ingresses" },
      custom: false,
      trim: trimmer("Ingress", "networking.k8s.io/v1", ["spec", "status"]),
    },
    {
      kind: "IngressClass",
      type: { apiVersion: "networking.k8s.io/v1", plural: "ingressclasses" },
      custom: false,
      trim: trimmer("IngressClass", "networking.k8s.io/v1", ["spec"]),
    },
    { kind: "Pod", type: { apiVersion: "v1", plural: "pods" }, custom: false, trim: trimPod },
    {
      kind: "ConfigMap",
      type: { apiVersion: "v1", plural: "configmaps" },
      custom: false,
      trim: trimmer("ConfigMap", "v1", ["data"]),
      selection: { namespace: rootNamespace, fieldSelector: `metadata.name=${meshConfigMapName}` },
    },
  ];
}

export const nodeKind: WatchedKind = {
  kind: "Node",
  type: { apiVersion: "v1", plural: "nodes" },
  custom: false,
  trim: trimmer("Node", "v1", []),
};

/** Keeps what is read of an object's metadata and the named fields; a list's items do not name their kind, so it is added. */
function trimmer(kind: string, apiVersion: string, kept: readonly string[]): WatchedKind["trim"] {
  return (object) => ({
    apiVersion,
    kind,
    metadata: trimMetadata(object),
    ...Object.fromEntries(kept.filter((field) => object[field] !== undefined).map((field) => [field, object[field]])),
  });
}

const noise = ["kubectl.kubernetes.io/last-applied-configuration"];

function trimMetadata({ metadata }: KubeObject): KubeObject["metadata"] {
  const { name, namespace, generation, creationTimestamp, labels, resourceVersion, ownerReferences } = metadata;
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([key]) => !noise.includes(key));
  return JSON.parse(
    JSON.stringify({
      name,
      namespace,
      generation,
      creationTimestamp,
      labels,
      resourceVersion,
      ownerReferences,
      annotations: Object.fromEntries(annotations),
    }),
  ) as KubeObject["metadata"];
}

interface RawContainer {
  readonly ports?: unknown;
}

/** Whether it is ready, without since when. */
function readinessOf(conditions: unknown): unknown {
  if (!Array.isArray(conditions)) return undefined;
  const ready = (conditions as { readonly type?: unknown; readonly status?: unknown }[]).find(
    ({ type }) => type === "Ready",
  );
  return ready && [{ type: "Ready", status: ready.status }];
}

/** A pod is large, and what a proxy needs of it is small. */
function trimPod(object: KubeObject): KubeObject {
  const spec = (object["spec"] ?? {}) as Readonly<Record<string, unknown>>;
  const status = (object["status"] ?? {}) as Readonly<Record<string, unknown>>;
  const portsOf = (containers: unknown): RawContainer[] =>
    Array.isArray(containers) ? (containers as RawContainer[]).map(({ ports }) => ({ ports })) : [];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: trimMetadata(object),
    spec: {
      nodeName: spec["nodeName"],
      serviceAccountName: spec["serviceAccountName"],
      containers: portsOf(spec["containers"]),
      initContainers: portsOf(spec["initContainers"]),
    },
    status: {
      phase: status["phase"],
      podIP: status["podIP"],
      podIPs: status["podIPs"],
      conditions: readinessOf(status["conditions"]),
    },
  };
}
