import { readAnnotations } from "./annotations.ts";
import type { PodSettings } from "./annotations.ts";
import { imageWarnings, proxyImage } from "./image.ts";
import { defaultCapture, initContainer } from "./init-container.ts";
import type { CapturePorts } from "./init-container.ts";
import { mergeContainer } from "./merge.ts";
import type { Container, Pod, PodSpec, Resources } from "./pod.ts";
import { httpHookWarnings, rewriteProbes } from "./probes.ts";
import type { Problem } from "./problem.ts";
import { scrapedByAgent } from "./prometheus.ts";
import type { Scraped } from "./prometheus.ts";
import { proxyContainer, proxyVolumes } from "./proxy-container.ts";
import { interceptionOf, mergeProxySettings, statusPortOf } from "./proxy-settings.ts";
import type { ProxyConfigs, ProxySettings } from "./proxy-settings.ts";
import { selectPod } from "./selection.ts";
import { serviceAttributes } from "./service-attributes.ts";
import type { SkipReason } from "./selection.ts";
import { workloadOf } from "./workload.ts";
import type { WorkloadIdentity } from "./workload.ts";

/** What every injected pod gets alike. */
export interface InjectorSettings {
  readonly proxyImage: string;
  /** Kinds of that image that there are beside the default: ends of its tag. */
  readonly imageTypes: readonly string[];
  readonly imagePullPolicy: "Always" | "IfNotPresent" | "Never";
  readonly caAddress: string;
  readonly discoveryAddress: string;
  readonly tokenAudience: string;
  readonly trustDomain: string;
  readonly clusterId: string;
  readonly meshId: string;
  readonly network: string;
  readonly revision: string;
  readonly resources: Resources;
  /** As a native sidecar (an init container that keeps running; Kubernetes 1.29): starts before and ends after the application. */
  readonly nativeSidecars: boolean;
  readonly imagePullSecrets: readonly string[];
}

export interface InjectionContext {
  readonly namespace: string;
  readonly settings: InjectorSettings;
  /** `defaultConfig` of the mesh configuration. */
  readonly defaultProxyConfig: ProxySettings;
  /** `enablePrometheusMerge` of the mesh configuration; default true. */
  readonly prometheusMerge?: boolean;
  /** A tracer names services by OpenTelemetry's conventions; default false. */
  readonly conventionalServices?: boolean;
  /** Default 15001 and 15006. */
  readonly capturePorts?: CapturePorts;
  /** Objects of kind ProxyConfig. */
  readonly proxyConfigs?: ProxyConfigs;
}

export type InjectionResult =
  | { readonly kind: "skipped"; readonly reason: SkipReason }
  | { readonly kind: "refused"; readonly problems: readonly Problem[] }
  | { readonly kind: "injected"; readonly pod: Pod; readonly warnings: readonly string[] };

/** The pod with its proxy. Pure; injecting the result again is skipped. */
export function injectPod(pod: Pod, context: InjectionContext): InjectionResult {
  const selected = selectPod(pod, context.namespace);
  if (selected.kind === "skip") return { kind: "skipped", reason: selected.reason };
  const { settings: asked, problems: mistakes, warnings } = readAnnotations(pod);
  const problems = [...(selected.kind === "refuse" ? [selected.problem] : []), ...mistakes];
  if (problems.length > 0) return { kind: "refused", problems };
  const gateway = asked.template === "gateway";
  const workload = workloadOf(pod, context.namespace);
  const own = pod.spec.containers.find(({ name }) => name === "istio-proxy");
  const apps = pod.spec.containers.filter((container) => container !== own);
  const proxyConfig = proxyConfigOf(pod, context, asked);
  const interception = asked.interceptionMode ?? interceptionOf(proxyConfig);
  const rewrite = asked.rewriteProbes && !gateway && interception !== "NONE";
  const statusPort = statusPortOf(proxyConfig);
  const { containers, table } = rewrite ? rewriteProbes(apps, statusPort) : { containers: apps, table: {} };
  const choice = { settings: context.settings, asked, proxyConfig };
  const image = proxyImage(choice);
  const scraped = scrapedByAgent(pod, asked, { enabled: context.prometheusMerge ?? true, statusPort });
  const inputs = {
    image,
    application: scraped.application,
    attributes: context.conventionalServices === true ? serviceAttributes(pod, context.namespace) : undefined,
    pod: { ...pod, spec: { ...pod.spec, containers: apps } },
    settings: context.settings,
    asked,
    interception,
    workload,
    proxyConfig,
    probes: table,
  };
  const native = !gateway && (asked.nativeSidecar ?? context.settings.nativeSidecars);
  const first = !native && proxyConfig["holdApplicationUntilProxyStarts"] === true;
  const proxy = mergeContainer({ ...proxyContainer(inputs), ...(first && { lifecycle: untilReady }) }, own);
  const init =
    gateway || interception === "NONE"
      ? []
      : [
          initContainer(context.settings, asked, {
            image,
            interception,
            redirectDns: capturesDns(proxyConfig),
            statusPort,
            capture: context.capturePorts ?? defaultCapture,
          }),
        ];
  const spec = {
    ...specWith(pod.spec, { containers, proxy, init, native, first, settings: context.settings }),
    ...(gateway || interception === "NONE" ? lowPorts(pod.spec) : {}),
  };
  const injected = {
    ...pod,
    metadata: metadataWith(pod, { workload, settings: context.settings, init, native, apps, scraped }),
    spec,
  };
  return {
    kind: "injected",
    pod: injected,
    warnings: [...warnings, ...imageWarnings(choice), ...httpHookWarnings(apps)],
  };
}

/** The kubelet starts a pod's next container when this has ended: as in Istio, after a minute without success it gives up. */
const untilReady = { postStart: { exec: { command: ["pilot-agent", "wait"] } } };

interface Parts {
  readonly containers: readonly Container[];
  readonly proxy: Container;
  readonly init: readonly Container[];
  readonly native: boolean;
  /** The application is held until the proxy is ready: `holdApplicationUntilProxyStarts`, without native sidecars. */
  readonly first: boolean;
  readonly settings: InjectorSettings;
}

/**
 * Order matters. With a native sidecar `istio-init` comes first and the sidecar right after it, so that the pod's own
 * init containers find the mesh, and no connection of the agent's is older than the redirection: the rules would take
 * its next packet for a new one and send it astray. Without, `istio-init` comes last, so that the init containers
 * before it reach the network where there is no proxy yet. The application stays the first container, unless it is
 * to be held: it is what `kubectl exec` and `logs` mean.
 */
function specWith(spec: PodSpec, { containers, proxy, init, native, first, settings }: Parts): PodSpec {
  const own = spec.initContainers ?? [];
  const initContainers = native ? [...init, { ...proxy, restartPolicy: "Always" }, ...own] : [...own, ...init];
  const names = new Set(settings.imagePullSecrets);
  for (const { name } of spec.imagePullSecrets ?? []) names.delete(name);
  const pullSecrets = [...(spec.imagePullSecrets ?? []), ...[...names].map((name) => ({ name }))];
  const volumes = proxyVolumes(settings.tokenAudience);
  const kept = (spec.volumes ?? []).filter(({ name }) => !volumes.some((volume) => volume.name === name));
  return {
    ...spec,
    ...(initContainers.length > 0 && { initContainers }),
    containers: native ? containers : first ? [proxy, ...containers] : [...containers, proxy],
    volumes: [...kept, ...volumes],
    ...(pullSecrets.length > 0 && { imagePullSecrets: pullSecrets }),
  };
}

const lowestPort = "net.ipv4.ip_unprivileged_port_start";

/** A proxy with sockets of its own, as of a gateway or without capture, serves ports such as 80, and is not root. As in Istio. */
function lowPorts({ securityContext }: PodSpec): Pick<PodSpec, "securityContext"> {
  const own = securityContext?.sysctls ?? [];
  if (own.some(({ name }) => name === lowestPort)) return {};
  return { securityContext: { ...securityContext, sysctls: [...own, { name: lowestPort, value: "0" }] } };
}

function metadataWith(
  pod: Pod,
  {
    workload,
    settings,
    init,
    native,
    apps,
    scraped,
  }: {
    workload: WorkloadIdentity;
    settings: InjectorSettings;
    init: readonly Container[];
    native: boolean;
    apps: readonly Container[];
    scraped: Scraped;
  },
): Pod["metadata"] {
  const initContainers = [...init.map(({ name }) => name), ...(native ? ["istio-proxy"] : [])];
  const volumes = proxyVolumes("").map(({ name }) => name);
  const status = {
    initContainers,
    containers: native ? [] : ["istio-proxy"],
    volumes,
    imagePullSecrets: settings.imagePullSecrets,
    revision: settings.revision,
  };
  const [firstApp] = apps;
  return {
    ...pod.metadata,
    labels: {
      "security.istio.io/tlsMode": "istio",
      "service.istio.io/canonical-name": labelValue(workload.canonicalName),
      "service.istio.io/canonical-revision": workload.canonicalRevision,
      "istio.io/rev": settings.revision,
      ...pod.metadata.labels,
    },
    annotations: {
      ...(firstApp && {
        "kubectl.kubernetes.io/default-container": firstApp.name,
        "kubectl.kubernetes.io/default-logs-container": firstApp.name,
      }),
      ...scraped.annotations,
      "sidecar.istio.io/status": JSON.stringify(status),
    },
  };
}

/**
 * The mesh's default, with the address of this control plane where it names none, then the ProxyConfigs of the root
 * namespace and of the pod's, then the pod's annotation, then the ProxyConfig that selects it.
 */
function proxyConfigOf(pod: Pod, context: InjectionContext, asked: PodSettings): ProxySettings {
  const { general, selected } = context.proxyConfigs?.of(context.namespace, pod.metadata.labels ?? {}) ?? noConfigs;
  return mergeProxySettings([
    { discoveryAddress: context.settings.discoveryAddress },
    context.defaultProxyConfig,
    ...general,
    asked.proxyConfig,
    ...selected,
  ]);
}

const noConfigs = { general: [], selected: [] };

function capturesDns(proxyConfig: Readonly<Record<string, unknown>>): boolean {
  return String(objectOf(proxyConfig["proxyMetadata"])["ISTIO_META_DNS_CAPTURE"]) === "true";
}

/** A pod's name may be longer than a label's value, and cutting it may leave a dash at the end. */
function labelValue(name: string): string {
  return name.slice(0, 63).replace(/[^A-Za-z0-9]+$/, "");
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
