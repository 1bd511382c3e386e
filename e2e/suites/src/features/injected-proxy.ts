import type { InjectedContainer, InjectedPod } from "@lateen/e2e-harness";

interface Place {
  readonly pod: string;
  readonly namespace: string;
  readonly address: string;
}

/** Settings that are of the machine a proxy is tried on, which has no volumes of a pod; an empty one counts as not set. */
const ofTheMachine = { XDS_ADDRESS: "", ENVOY_CONCURRENCY: "" };
const leftOut: ReadonlySet<string> = new Set(["CA_ADDR", "TRUST_DOMAIN"]);

/** The container `istio-proxy`, wherever the injector put it. */
export function proxyContainer({ spec }: InjectedPod): InjectedContainer {
  const found = [...spec.containers, ...(spec.initContainers ?? [])].find(({ name }) => name === "istio-proxy");
  if (found === undefined) throw new Error("the injected pod has no istio-proxy");
  return found;
}

/** What the container `istio-proxy` of an injected pod runs with, as a kubelet would read it. */
export function proxyOf(
  injected: InjectedPod,
  place: Place,
): { readonly type: "sidecar" | "router"; readonly env: Readonly<Record<string, string>> } {
  const { args = [], env = [], resources } = proxyContainer(injected);
  const cores = resources?.limits?.["cpu"] ?? "2";
  const known: Readonly<Record<string, string>> = {
    "metadata.name": place.pod,
    "metadata.namespace": place.namespace,
    "status.podIP": place.address,
    "spec.serviceAccountName": place.pod,
    "status.hostIP": "127.0.0.1",
    "spec.nodeName": "node",
    "limits.cpu": String(Math.ceil(cores.endsWith("m") ? Number.parseInt(cores, 10) / 1_000 : Number(cores))),
  };
  const values = env.map(({ name, value, valueFrom }) => [name, value ?? known[sourceOf(valueFrom)] ?? ""] as const);
  const given = values.filter(([name]) => !leftOut.has(name));
  return {
    type: args.includes("router") ? "router" : "sidecar",
    env: { ...Object.fromEntries(given), ...ofTheMachine },
  };
}

function sourceOf(from: object | undefined): string {
  const { fieldRef, resourceFieldRef } = (from ?? {}) as {
    readonly fieldRef?: { readonly fieldPath: string };
    readonly resourceFieldRef?: { readonly resource: string };
  };
  return fieldRef?.fieldPath ?? resourceFieldRef?.resource ?? "";
}
