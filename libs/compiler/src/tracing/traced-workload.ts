import type { TracedWorkload } from "@lateen/ir";
import type { Labels, ProxyNode, Workload } from "@lateen/model";
import type { MeshSnapshot } from "../snapshot.ts";

const canonicalName = "service.istio.io/canonical-name";
const canonicalRevision = "service.istio.io/canonical-revision";

interface Known {
  readonly labels: Labels;
  readonly workload: Workload | undefined;
  readonly ownTracer: boolean;
}

/** Who a proxy's spans are of. Nothing where none can be asked for, so that workloads are not told apart by it. */
export function tracedWorkload(
  { asksForSpans, settings }: MeshSnapshot,
  node: ProxyNode,
  { labels, workload, ownTracer }: Known,
): { readonly traced?: TracedWorkload } {
  if (node.dataPlane === "grpc" || !(asksForSpans || ownTracer)) return {};
  const canonicalService = labels[canonicalName] || workload?.canonicalName || "unknown";
  return {
    traced: {
      service: node.serviceCluster || `${canonicalService}.${node.namespace}`,
      ...(settings.conventionalServices ? { conventionalService: conventionalService(node, labels) } : {}),
      canonicalService,
      canonicalRevision: labels[canonicalRevision] || workload?.canonicalRevision || "latest",
      meshId: node.metadata["MESH_ID"] || "unknown",
      namespace: node.namespace,
      clusterId: node.cluster || "unknown",
    },
  };
}

/**
 * As far as a node tells; the pod's annotation for it comes by the proxy's environment, which wins.
 * https://opentelemetry.io/docs/specs/semconv/non-normative/k8s-attributes/#service-attributes
 */
function conventionalService({ metadata, name }: ProxyNode, labels: Labels): string {
  return labels["app.kubernetes.io/name"] || metadata["WORKLOAD_NAME"] || name || "unknown_service";
}
