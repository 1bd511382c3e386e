import { isEmptyRecord, selects } from "./labels.ts";
import type { Labels } from "./object.ts";

/** On pods of a Gateway of the Kubernetes Gateway API: its name. */
export const gatewayNameLabel = "gateway.networking.k8s.io/gateway-name";

/** Istio's PolicyTargetReference. */
export interface TargetReference {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
}

/** What an object may be attached to, in Istio's two forms; the list counts before the one. */
export interface Attachments {
  readonly targetRef?: TargetReference | undefined;
  readonly targetRefs?: readonly TargetReference[];
}

export function targetsOf({ targetRef, targetRefs = [] }: Attachments): readonly TargetReference[] {
  return targetRefs.length > 0 || targetRef === undefined ? targetRefs : [targetRef];
}

/** Whom an object is for. */
export interface Audience {
  readonly namespace: string;
  readonly labels: Labels;
  /** Only instances of these Gateways of the Kubernetes Gateway API, and only in the object's own namespace. */
  readonly gateways?: readonly string[];
}

/**
 * By labels, or by what an object is attached to. A reference to anything but a Gateway finds nobody: the others are
 * enforced by waypoints.
 */
export function audienceOf(namespace: string, labels: Labels | undefined, attachments: Attachments): Audience {
  const targets = targetsOf(attachments);
  if (targets.length === 0) return { namespace, labels: labels ?? {} };
  const gateways = targets.filter((target) => isGatewayTarget(target) && ["", namespace].includes(target.namespace));
  return { namespace, labels: {}, gateways: gateways.map(({ name }) => name) };
}

export function isGatewayTarget({ group, kind }: Pick<TargetReference, "group" | "kind">): boolean {
  return group === "gateway.networking.k8s.io" && kind === "Gateway";
}

/**
 * Of a workload in a namespace whose objects are looked at. Who is attached to a Gateway is told by the label of its
 * pods: https://github.com/istio/istio/blob/1.31.0/pilot/pkg/model/policyattachment.go
 */
export function isMeant(
  { namespace, labels, gateways }: Audience,
  workload: { namespace: string; labels: Labels },
): boolean {
  if (gateways === undefined) return selects(labels, workload.labels);
  const own = workload.labels[gatewayNameLabel];
  return own !== undefined && gateways.includes(own) && workload.namespace === namespace;
}

/** All workloads of where the object counts. */
export function isForAll({ labels, gateways }: Audience): boolean {
  return gateways === undefined && isEmptyRecord(labels);
}
