import type { ApplicationSpec, WorkloadSpec } from "@lateen/testkit";

export type KubernetesObject = Readonly<Record<string, unknown>>;

/** What the `Application` of a case stands for, by the cluster it is in. */
export function kubernetesObjects(
  spec: ApplicationSpec,
  creationTimestamp: string,
): ReadonlyMap<string, readonly KubernetesObject[]> {
  const { name, namespace = "default", workloads = [] } = spec;
  const own = { name, namespace, creationTimestamp };
  const ports = portsOf(spec);
  const service = serviceOf(spec, own, ports);
  const objects = new Map<string, KubernetesObject[]>([["Kubernetes", [service]]]);
  for (const [cluster, here] of Map.groupBy(workloads, (workload) => workload.cluster ?? "Kubernetes")) {
    objects.set(cluster, [
      service,
      ...here.map((workload) => podOf(workload, spec, own)),
      ...slicesOf(here, own, ports),
    ]);
  }
  return objects;
}

interface Own {
  readonly name: string;
  readonly namespace: string;
  readonly creationTimestamp: string;
}

interface Port {
  readonly name: string;
  readonly port: number;
  readonly targetPort: number;
  readonly protocol: "TCP" | "UDP";
  readonly appProtocol?: string;
}

/** Istio takes a port's protocol from its name, too: one that is to be detected must not have such a name. */
const protocolName = /^(grpc-web|grpc|http2|https|http|tcp|tls|mongo|mysql|redis|udp)/;

function portsOf({ ports }: ApplicationSpec): readonly Port[] {
  return ports.map(({ name, number, protocol = "auto", targetPort = number }, index) => {
    const written = name ?? (protocol === "auto" ? "tcp" : protocol);
    return {
      name: protocol === "auto" && protocolName.test(written) ? `x${index}-${written}` : written,
      port: number,
      targetPort,
      protocol: protocol === "udp" ? "UDP" : "TCP",
      ...(protocol !== "auto" && protocol !== "udp" && { appProtocol: protocol }),
    };
  });
}

function serviceOf(spec: ApplicationSpec, own: Own, ports: readonly Port[]): KubernetesObject {
  const exportTo = spec.exportTo && { "networking.istio.io/exportTo": spec.exportTo.join(",") };
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { ...own, labels: spec.labels ?? {}, annotations: { ...spec.annotations, ...exportTo } },
    spec:
      spec.externalName === undefined
        ? {
            clusterIP: spec.address ?? "None",
            clusterIPs: [spec.address ?? "None", spec.secondAddress].filter((address) => address !== undefined),
            selector: { app: spec.name },
            ports,
            ...(spec.externalAddresses && { externalIPs: spec.externalAddresses }),
          }
        : { type: "ExternalName", externalName: spec.externalName, ports },
  };
}

/** With the labels that the injector gives a pod. */
function podOf(workload: WorkloadSpec, { name }: ApplicationSpec, own: Own): KubernetesObject {
  const { address, secondAddress, mutualTls = true, network, locality, node = "", ready = true } = workload;
  const labels: Readonly<Record<string, string>> = { app: name, ...workload.labels };
  const addresses = [address, secondAddress].filter((one) => one !== undefined);
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...own,
      name: workload.name,
      labels: {
        "service.istio.io/canonical-name": name,
        "service.istio.io/canonical-revision": labels["version"] ?? "latest",
        ...labels,
        ...(mutualTls && { "security.istio.io/tlsMode": "istio" }),
        ...(network !== undefined && { "topology.istio.io/network": network }),
        ...(locality !== undefined && { "istio-locality": locality.replaceAll("/", ".") }),
      },
    },
    spec: {
      serviceAccountName: workload.serviceAccount ?? name,
      nodeName: node,
      containers: [{ name: "app", image: "app" }],
    },
    status: {
      phase: "Running",
      podIP: address,
      podIPs: addresses.map((ip) => ({ ip })),
      conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
    },
  };
}

/** A slice holds addresses of one family. */
function slicesOf(workloads: readonly WorkloadSpec[], own: Own, ports: readonly Port[]): readonly KubernetesObject[] {
  return (["IPv4", "IPv6"] as const).flatMap((addressType) => {
    const endpoints = workloads.flatMap((workload) => endpointsOf(workload, own, addressType));
    if (endpoints.length === 0) return [];
    return {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name: `${own.name}-${addressType.toLowerCase()}`,
        namespace: own.namespace,
        labels: { "kubernetes.io/service-name": own.name },
      },
      addressType,
      endpoints,
      ports: ports.map(({ name, targetPort, protocol }) => ({ name, port: targetPort, protocol })),
    };
  });
}

function endpointsOf(workload: WorkloadSpec, { namespace }: Own, family: "IPv4" | "IPv6"): readonly object[] {
  const { address, secondAddress, ready = true, terminating = false, hostname, node } = workload;
  const found = [address, secondAddress].find((one) => one !== undefined && one.includes(":") === (family === "IPv6"));
  if (found === undefined) return [];
  return [
    {
      addresses: [found],
      conditions: { ready: ready && !terminating, serving: ready, terminating },
      targetRef: { kind: "Pod", name: workload.name, namespace },
      ...(hostname !== undefined && { hostname }),
      ...(node !== undefined && { nodeName: node }),
    },
  ];
}
