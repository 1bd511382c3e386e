import type { EndpointSlice, Labels, Protocol, Service, Workload } from "@lateen/model";

/** The version under which `kind: Application` is written in a case's `config.yaml`. */
export const applicationVersion = "testkit.lateen.dev/v1";

/** A service with what runs behind it; what is not said gets a plausible value. */
export interface ApplicationSpec {
  readonly name: string;
  readonly namespace?: string;
  /** Virtual address; none: headless. */
  readonly address?: string;
  /** Of the other address family. */
  readonly secondAddress?: string;
  readonly host?: string;
  readonly exportTo?: readonly string[];
  readonly annotations?: Labels;
  readonly labels?: Labels;
  readonly externalAddresses?: readonly string[];
  readonly externalName?: string;
  readonly ports: readonly {
    readonly name?: string;
    readonly number: number;
    readonly protocol?: Protocol;
    readonly targetPort?: number;
  }[];
  readonly workloads?: readonly WorkloadSpec[];
  readonly createdAtMs?: number;
}

export interface WorkloadSpec {
  readonly name: string;
  readonly address: string;
  /** Of the other address family. */
  readonly secondAddress?: string;
  /** Its own name under a headless service. */
  readonly hostname?: string;
  readonly labels?: Labels;
  readonly serviceAccount?: string;
  readonly mutualTls?: boolean;
  readonly ready?: boolean;
  /** It still serves, and is no longer ready. */
  readonly terminating?: true;
  readonly locality?: string;
  readonly node?: string;
  readonly network?: string;
  readonly cluster?: string;
}

export interface Application {
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
  readonly workloads: readonly Workload[];
}

export function application(spec: ApplicationSpec): Application {
  const { name, namespace = "default", workloads = [] } = spec;
  const host = spec.host ?? `${name}.${namespace}.svc.cluster.local`;
  const service: Service = {
    registry: "Kubernetes",
    namespace,
    name,
    host,
    addresses: [spec.address, spec.secondAddress].filter((address) => address !== undefined),
    ports: spec.ports.map((port) => ({
      name: port.name ?? port.protocol ?? "tcp",
      number: port.number,
      protocol: port.protocol ?? "auto",
      targetPort: port.targetPort ?? port.number,
      targetPortName: "",
    })),
    labels: spec.labels ?? {},
    ...(spec.externalAddresses === undefined ? {} : { externalAddresses: spec.externalAddresses }),
    annotations: spec.annotations ?? {},
    selector: spec.externalName === undefined ? { app: name } : {},
    createdAtMs: spec.createdAtMs ?? 0,
    externalName: spec.externalName ?? "",
    headless: spec.address === undefined && spec.externalName === undefined,
    exportTo: spec.exportTo ?? [],
    origin: { kind: "Service", namespace, name },
  };
  return {
    services: [service],
    slices: workloads.length === 0 ? [] : slicesOf(service, workloads),
    workloads: workloads.map((workload) => workloadOf(service, workload)),
  };
}

/** As Kubernetes has them: a slice holds addresses of one family. */
function slicesOf(service: Service, workloads: readonly WorkloadSpec[]): readonly EndpointSlice[] {
  const first = sliceOf(
    service,
    1,
    workloads.map((workload) => ({ workload, address: workload.address })),
  );
  const seconds = workloads.flatMap((workload) =>
    workload.secondAddress === undefined ? [] : [{ workload, address: workload.secondAddress }],
  );
  return seconds.length === 0 ? [first] : [first, sliceOf(service, 2, seconds)];
}

function sliceOf(
  service: Service,
  number: number,
  endpoints: readonly { readonly workload: WorkloadSpec; readonly address: string }[],
): EndpointSlice {
  return {
    registry: service.registry,
    namespace: service.namespace,
    name: `${service.name}-${number}`,
    serviceHost: service.host,
    ports: service.ports.map((port) => ({ name: port.name, number: port.targetPort || port.number })),
    endpoints: endpoints.map(({ workload, address }) => ({
      addresses: [address],
      ready: workload.terminating !== true && workload.ready !== false,
      serving: workload.ready !== false,
      terminating: workload.terminating === true,
      node: "",
      zone: "",
      target: workload.name,
      hostname: workload.hostname ?? "",
    })),
  };
}

function workloadOf(service: Service, spec: WorkloadSpec): Workload {
  const [region = "", zone = "", subzone = ""] = (spec.locality ?? "").split("/");
  const labels = { app: service.name, ...spec.labels };
  return {
    registry: service.registry,
    namespace: service.namespace,
    name: spec.name,
    addresses: spec.secondAddress === undefined ? [spec.address] : [spec.address, spec.secondAddress],
    labels,
    serviceAccount: spec.serviceAccount ?? service.name,
    locality: { region, zone, subzone },
    node: spec.node ?? "",
    network: spec.network ?? "",
    cluster: spec.cluster ?? "Kubernetes",
    mutualTls: spec.mutualTls ?? true,
    ports: {},
    canonicalName: service.name,
    canonicalRevision: labels["version" as keyof typeof labels] ?? "latest",
    workloadName: spec.name,
    ...(spec.ready === false ? { unready: true as const } : {}),
  };
}
