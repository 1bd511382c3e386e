/** A mistake in a pod that keeps it from being injected. `message` says what would be right. */
export interface Problem {
  /** As in `metadata.annotations["sidecar.istio.io/proxyCPU"]`. */
  readonly field: string;
  readonly value: string;
  readonly message: string;
}

export function annotationField(name: string): string {
  return `metadata.annotations["${name}"]`;
}

/** What the user of kubectl reads: names the pod, each field, its value and the remedy. */
export function formatRefusal(pod: string, problems: readonly Problem[]): string {
  const lines = problems.map(({ field, value, message }) => `${field} is ${JSON.stringify(value)}: ${message}`);
  return `pod ${pod} cannot get a sidecar: ${lines.join("; ")}`;
}
