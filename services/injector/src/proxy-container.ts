import type { InterceptionMode, PodSettings } from "./annotations.ts";
import type { InjectorSettings } from "./inject.ts";
import type { Container, EnvVar, Pod, Probe, Resources } from "./pod.ts";
import type { WorkloadIdentity } from "./workload.ts";

export interface ProxyInputs {
  readonly image: string;
  /** What the pod told Prometheus of its application. */
  readonly application: string | undefined;
  /** OpenTelemetry's attributes of the service; absent where nobody wants them. */
  readonly attributes: string | undefined;
  readonly pod: Pod;
  readonly settings: InjectorSettings;
  readonly asked: PodSettings;
  readonly interception: InterceptionMode;
  readonly workload: WorkloadIdentity;
  /** The mesh's default ProxyConfig with the pod's own over it. */
  readonly proxyConfig: Readonly<Record<string, unknown>>;
  /** What the agent has to ask on behalf of the kubelet. */
  readonly probes: Readonly<Record<string, Probe>>;
}

/** The agent and Envoy run as this user; the redirection leaves its traffic alone. */
export const proxyUser = 1337;

/** The container `istio-proxy`: the same for sidecars and gateways but for its role. */
export function proxyContainer(inputs: ProxyInputs): Container {
  const { settings, asked } = inputs;
  return {
    name: "istio-proxy",
    image: inputs.image,
    imagePullPolicy: settings.imagePullPolicy,
    args: ["proxy", asked.template === "gateway" ? "router" : "sidecar", ...logArgs(asked)],
    ports: [{ containerPort: 15090, name: "http-envoy-prom", protocol: "TCP" }],
    env: proxyEnv(inputs),
    resources: asked.resources ?? settings.resources,
    startupProbe: {
      httpGet: { path: "/healthz/ready", port: 15021 },
      periodSeconds: 1,
      failureThreshold: 600,
      timeoutSeconds: 3,
    },
    readinessProbe: {
      httpGet: { path: "/healthz/ready", port: 15021 },
      periodSeconds: 15,
      failureThreshold: 4,
      timeoutSeconds: 3,
    },
    securityContext: securityContext(inputs),
    volumeMounts: [
      { name: "workload-socket", mountPath: "/var/run/secrets/workload-spiffe-uds" },
      { name: "istiod-ca-cert", mountPath: "/var/run/secrets/istio", readOnly: true },
      { name: "istio-data", mountPath: "/var/lib/istio/data" },
      { name: "istio-envoy", mountPath: "/etc/istio/proxy" },
      { name: "istio-token", mountPath: "/var/run/secrets/tokens", readOnly: true },
      { name: "istio-podinfo", mountPath: "/etc/istio/pod", readOnly: true },
    ],
  };
}

/** A transparent proxy opens sockets under others' addresses: that takes root with one capability, as in Istio. */
function securityContext({ asked, interception }: ProxyInputs) {
  const transparent = interception === "TPROXY" && asked.template !== "gateway";
  return {
    ...(transparent ? { runAsUser: 0 } : { runAsUser: proxyUser }),
    runAsGroup: proxyUser,
    runAsNonRoot: !transparent,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    privileged: false,
    capabilities: { ...(transparent && { add: ["NET_ADMIN"] }), drop: ["ALL"] },
  };
}

/** What the container above mounts. */
export function proxyVolumes(tokenAudience: string) {
  const fieldRef = (fieldPath: string, path: string) => ({ path, fieldRef: { apiVersion: "v1", fieldPath } });
  return [
    { name: "workload-socket", emptyDir: {} },
    { name: "istio-envoy", emptyDir: { medium: "Memory" } },
    { name: "istio-data", emptyDir: {} },
    {
      name: "istio-podinfo",
      downwardAPI: { items: [fieldRef("metadata.labels", "labels"), fieldRef("metadata.annotations", "annotations")] },
    },
    {
      name: "istio-token",
      projected: {
        sources: [{ serviceAccountToken: { path: "istio-token", expirationSeconds: 43200, audience: tokenAudience } }],
      },
    },
    { name: "istiod-ca-cert", configMap: { name: "istio-ca-root-cert" } },
  ];
}

function logArgs({ logLevel, componentLogLevel }: PodSettings): string[] {
  return [
    ...(logLevel === undefined ? [] : [`--proxyLogLevel=${logLevel}`]),
    ...(componentLogLevel === undefined ? [] : [`--proxyComponentLogLevel=${componentLogLevel}`]),
  ];
}

function proxyEnv(inputs: ProxyInputs): EnvVar[] {
  const { pod, settings, asked, interception, workload, proxyConfig, probes, application, attributes } = inputs;
  const network = pod.metadata.labels?.["topology.istio.io/network"] ?? settings.network;
  const plain: Readonly<Record<string, string | undefined>> = {
    CA_ADDR: settings.caAddress,
    TRUST_DOMAIN: settings.trustDomain,
    PROXY_CONFIG: JSON.stringify(proxyConfig),
    ISTIO_META_CLUSTER_ID: settings.clusterId,
    ISTIO_META_INTERCEPTION_MODE: asked.template === "gateway" ? undefined : interception,
    ISTIO_META_WORKLOAD_NAME: workload.name,
    ISTIO_META_OWNER: workload.owner,
    ISTIO_META_MESH_ID: textOr(settings.meshId, proxyConfig["meshId"]),
    ISTIO_META_NETWORK: network,
    ISTIO_META_POD_PORTS: JSON.stringify(pod.spec.containers.flatMap((container) => container.ports ?? [])),
    ISTIO_META_APP_CONTAINERS: pod.spec.containers.map(({ name }) => name).join(","),
    ISTIO_KUBE_APP_PROBERS: Object.keys(probes).length === 0 ? undefined : JSON.stringify(probes),
    ISTIO_PROMETHEUS_ANNOTATIONS: application,
    OTEL_RESOURCE_ATTRIBUTES: attributes,
    ...proxyMetadata(proxyConfig),
  };
  const given = Object.entries(plain).flatMap(([name, value]) => (value ? [{ name, value }] : []));
  return [...downwardEnv, ...(attributes === undefined ? [] : [podUid]), cpuLimit, ...given];
}

function textOr(fallback: string, value: unknown): string {
  return typeof value === "string" && value !== "" ? value : fallback;
}

/** Whole processors, rounded up: as many threads as Envoy gets, where nobody says. */
const cpuLimit: EnvVar = {
  name: "ISTIO_CPU_LIMIT",
  valueFrom: { resourceFieldRef: { resource: "limits.cpu", divisor: "1" } },
};

const downwardEnv: readonly EnvVar[] = (
  [
    ["POD_NAME", "metadata.name"],
    ["POD_NAMESPACE", "metadata.namespace"],
    ["INSTANCE_IP", "status.podIP"],
    ["SERVICE_ACCOUNT", "spec.serviceAccountName"],
    ["HOST_IP", "status.hostIP"],
    ["ISTIO_META_NODE_NAME", "spec.nodeName"],
  ] as const
).map(([name, fieldPath]) => ({ name, valueFrom: { fieldRef: { apiVersion: "v1", fieldPath } } }));

/** What `serviceAttributes` refers to. */
const podUid: EnvVar = {
  name: "POD_UID",
  valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "metadata.uid" } },
};

/** `proxyMetadata` of a ProxyConfig becomes environment, as in Istio. */
function proxyMetadata(proxyConfig: Readonly<Record<string, unknown>>): Record<string, string> {
  const metadata = proxyConfig["proxyMetadata"];
  if (typeof metadata !== "object" || metadata === null) return {};
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, String(value)]));
}

export const defaultResources: Resources = {
  requests: { cpu: "100m", memory: "128Mi" },
  limits: { cpu: "2000m", memory: "1024Mi" },
};
