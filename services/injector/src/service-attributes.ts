import type { Pod } from "./pod.ts";

const prefix = "resource.opentelemetry.io/";

/**
 * `OTEL_RESOURCE_ATTRIBUTES` of a pod's proxy, by OpenTelemetry's conventions for Kubernetes; pilot says the service's name
 * unless the pod does. https://opentelemetry.io/docs/specs/semconv/non-normative/k8s-attributes/#service-attributes
 */
export function serviceAttributes({ metadata }: Pod, namespace: string): string {
  const { annotations = {}, labels = {} } = metadata;
  const attributes = {
    "service.name": undefined,
    "service.namespace": metadata.namespace ?? namespace,
    "service.version": labels["app.kubernetes.io/version"],
    "service.instance.id": "$(POD_UID)", // Kubernetes puts it in
  };
  return Object.entries(attributes)
    .flatMap(([name, otherwise]) => {
      const value = [annotations[`${prefix}${name}`], otherwise].find(isWritable);
      return value === undefined ? [] : [`${name}=${value}`];
    })
    .join(",");
}

/** Envoy has no way to read these signs inside a value. */
function isWritable(value: string | undefined): boolean {
  return value !== undefined && value !== "" && !/[,=]/.test(value);
}
