import type { Pod } from "./pod.ts";
import type { Problem } from "./problem.ts";

export type Selected =
  | { readonly kind: "inject" }
  | { readonly kind: "skip"; readonly reason: SkipReason }
  | { readonly kind: "refuse"; readonly problem: Problem };

/** Bounded: it is a metric label. */
export type SkipReason = "host-network" | "system-namespace" | "injected-already" | "not-wanted";

/** Pods of these namespaces keep a cluster alive; a webhook that is down must never hold them back. */
export const systemNamespaces: ReadonlySet<string> = new Set([
  "kube-system",
  "kube-public",
  "kube-node-lease",
  "local-path-storage",
]);

const injectName = "sidecar.istio.io/inject";

/**
 * Whether a pod that the webhook configuration selected gets a sidecar. The namespace's labels have been judged by
 * the selectors there; a pod's own label wins over its annotation.
 */
export function selectPod(pod: Pod, namespace: string): Selected {
  if (pod.spec.hostNetwork === true) return skip("host-network");
  if (systemNamespaces.has(namespace)) return skip("system-namespace");
  if (pod.metadata.annotations?.["sidecar.istio.io/status"] !== undefined) return skip("injected-already");
  const label = pod.metadata.labels?.[injectName];
  const wanted = label ?? pod.metadata.annotations?.[injectName];
  switch (wanted?.toLowerCase()) {
    case undefined:
    case "":
    case "true":
    case "y":
    case "yes":
    case "on":
      return { kind: "inject" };
    case "false":
    case "n":
    case "no":
    case "off":
      return skip("not-wanted");
    default: {
      const field = label === undefined ? "annotations" : "labels";
      const problem = {
        field: `metadata.${field}["${injectName}"]`,
        value: wanted ?? "",
        message: 'use "true" or "false"',
      };
      return { kind: "refuse", problem };
    }
  }
}

function skip(reason: SkipReason): Selected {
  return { kind: "skip", reason };
}
