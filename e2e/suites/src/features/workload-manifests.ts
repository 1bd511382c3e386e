import type { Name } from "@lateen/e2e-harness";

/** `healthy`: it is checked, and this is what was found; without it nobody checks. */
export function workloadEntry(at: Name, spec: object, healthy?: boolean): object {
  const annotations = healthy === undefined ? {} : { "proxy.istio.io/health-checks-enabled": "true" };
  const conditions = healthy === undefined ? [] : [{ type: "Healthy", status: healthy ? "True" : "False" }];
  return {
    ...{ apiVersion: "networking.istio.io/v1", kind: "WorkloadEntry", metadata: { ...at, annotations }, spec },
    status: { conditions },
  };
}
