import type { JsonFields } from "./proxy-config.ts";

const unnamed = "istio-proxy";

export interface Named {
  readonly labels: Readonly<Record<string, string>>;
  readonly namespace: string;
  /** Of the owner: Deployment, StatefulSet; empty when it is not known. */
  readonly workloadName: string;
}

/** What Envoy's spans are grouped by, after `serviceCluster` and `tracingServiceName` of a ProxyConfig. */
export function serviceClusterOf(config: JsonFields, { labels, namespace, workloadName }: Named): string {
  const given = config["serviceCluster"];
  if (typeof given === "string" && given !== "" && given !== unnamed) return given;
  const canonical = labels["service.istio.io/canonical-name"] ?? labels["app.kubernetes.io/name"] ?? labels["app"];
  const service = canonical ?? (workloadName || unnamed);
  switch (config["tracingServiceName"]) {
    case "CANONICAL_NAME_ONLY":
      if (service !== unnamed) return service;
      break;
    case "CANONICAL_NAME_AND_NAMESPACE":
      return `${service}.${namespace}`;
  }
  return `${labels["app"] ?? (workloadName || unnamed)}.${namespace}`;
}
