/** The registry's name in store keys and in the model. */
export const kubernetesRegistry = "Kubernetes";

export interface KubernetesOptions {
  /** DNS domain of cluster services; default `cluster.local`. */
  readonly domain?: string;
  /** Name of the cluster, as proxies report it; default `Kubernetes`. */
  readonly cluster?: string;
  /** Network of workloads that name none; default empty. */
  readonly network?: string;
  /** For objects that name none; default `default`. */
  readonly defaultNamespace?: string;
}

/** `<name>.<namespace>.svc.<domain>`. */
export function serviceHost(name: string, namespace: string, options: KubernetesOptions): string {
  return `${name}.${namespace}.svc.${options.domain ?? "cluster.local"}`.toLowerCase();
}
