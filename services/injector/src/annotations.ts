import { isIP } from "node:net";
import type { Pod, Resources } from "./pod.ts";
import { annotationField } from "./problem.ts";
import type { Problem } from "./problem.ts";
import { parse as parseYaml } from "yaml";

export type InterceptionMode = "REDIRECT" | "TPROXY" | "NONE";

/** What a pod's annotations ask for. Lists are as iptables gets them: `*`, or items without blanks. */
export interface PodSettings {
  /** Absent: as the ProxyConfig has it. */
  readonly interceptionMode?: InterceptionMode;
  readonly includeOutboundRanges: string;
  readonly excludeOutboundRanges: string;
  readonly includeOutboundPorts: string;
  readonly excludeOutboundPorts: string;
  readonly includeInboundPorts: string;
  readonly excludeInboundPorts: string;
  readonly proxyImage?: string;
  /** `debug`, `distroless`, `default` or another that the registry has. */
  readonly imageType?: string;
  /** Absent: as the mesh says. */
  readonly mergeMetrics?: boolean;
  /** Present where any of the four annotations is; then the defaults do not count, as in Istio. */
  readonly resources?: Resources;
  readonly logLevel?: string;
  readonly componentLogLevel?: string;
  readonly nativeSidecar?: boolean;
  readonly rewriteProbes: boolean;
  readonly template: "sidecar" | "gateway";
  /** `proxy.istio.io/config`, to be merged over the mesh's default. */
  readonly proxyConfig: Readonly<Record<string, unknown>>;
}

export interface ReadAnnotations {
  readonly settings: PodSettings;
  readonly problems: readonly Problem[];
  /** Annotations that Istio knows and Lateen ignores, by name. */
  readonly warnings: readonly string[];
}

type Read<T> = (text: string) => T | Mistake;
class Mistake {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

const traffic = "traffic.sidecar.istio.io/";
const sidecar = "sidecar.istio.io/";

/** Reads all annotations and reports every mistake, not just the first. */
export function readAnnotations(pod: Pod): ReadAnnotations {
  const annotations = pod.metadata.annotations ?? {};
  const problems: Problem[] = [];
  const known = new Set<string>([`${sidecar}inject`, `${sidecar}status`]);
  const read = <T, F>(name: string, fallback: F, parse: Read<T>): T | F => {
    known.add(name);
    const text = annotations[name];
    if (text === undefined) return fallback;
    const value = parse(text.trim());
    if (!(value instanceof Mistake)) return value;
    problems.push({ field: annotationField(name), value: text, message: value.message });
    return fallback;
  };
  const resources = resourcesOf((name) => read(`${sidecar}${name}`, undefined, quantity));
  const settings: PodSettings = {
    includeOutboundRanges: read(`${traffic}includeOutboundIPRanges`, "*", ranges),
    excludeOutboundRanges: read(`${traffic}excludeOutboundIPRanges`, "", ranges),
    includeOutboundPorts: read(`${traffic}includeOutboundPorts`, "", ports),
    excludeOutboundPorts: read(`${traffic}excludeOutboundPorts`, "", ports),
    includeInboundPorts: read(`${traffic}includeInboundPorts`, "*", ports),
    excludeInboundPorts: read(`${traffic}excludeInboundPorts`, "", ports),
    rewriteProbes: read(`${sidecar}rewriteAppHTTPProbers`, true, boolean),
    template: read("inject.istio.io/templates", "sidecar", template),
    proxyConfig: read("proxy.istio.io/config", {}, yamlObject),
    ...optional("interceptionMode", read(`${sidecar}interceptionMode`, undefined, interceptionMode)),
    ...optional("proxyImage", read(`${sidecar}proxyImage`, undefined, word)),
    ...optional("imageType", read(`${sidecar}proxyImageType`, undefined, word)),
    ...optional("mergeMetrics", read("prometheus.istio.io/merge-metrics", undefined, boolean)),
    ...optional("logLevel", read(`${sidecar}logLevel`, undefined, word)),
    ...optional("componentLogLevel", read(`${sidecar}componentLogLevel`, undefined, word)),
    ...optional("nativeSidecar", read(`${sidecar}nativeSidecar`, undefined, boolean)),
    ...(resources && { resources }),
  };
  const unknown = Object.keys(annotations).filter((name) => isInjection(name) && !known.has(name));
  const warnings = unknown.map(
    (name) => `${annotationField(name)} is not built in Lateen and has no effect; remove it`,
  );
  const unused = Object.keys(settings.proxyConfig).filter((name) => !usedSettings.includes(name));
  for (const name of unused)
    warnings.push(
      `${annotationField("proxy.istio.io/config")}.${name} is not built in Lateen and has no effect; remove it`,
    );
  const connections = settings.proxyConfig["connectionSettings"] as Readonly<Record<string, unknown>> | undefined;
  if (connections?.["listenerConnectionLimit"] !== undefined)
    warnings.push(
      `${annotationField("proxy.istio.io/config")}.connectionSettings.listenerConnectionLimit is not built in Lateen; use globalDownstreamConnectionLimit`,
    );
  return { settings, problems, warnings };
}

/** Of a ProxyConfig, what the agent or injection acts on. */
const usedSettings: readonly string[] = [
  "binaryPath",
  "caCertificatesPem",
  "configPath",
  "connectionSettings",
  "controlPlaneAuthPolicy",
  "customConfigFile",
  "envoyAccessLogService",
  "envoyMetricsServiceAddress",
  "fileFlushInterval",
  "fileFlushMinSizeKb",
  "holdApplicationUntilProxyStarts",
  "image",
  "meshId",
  "privateKeyProvider",
  "readinessProbe",
  "statsCompression",
  "envoyMetricsService",
  "extraStatTags",
  "proxyAdminPort",
  "proxyStatsMatcher",
  "statsdUdpAddress",
  "statusPort",
  "concurrency",
  "discoveryAddress",
  "drainDuration",
  "gatewayTopology",
  "interceptionMode",
  "proxyHeaders",
  "proxyMetadata",
  "runtimeValues",
  "serviceCluster",
  "terminationDrainDuration",
  "tracing",
  "tracingServiceName",
  "zipkinAddress",
];

function isInjection(name: string): boolean {
  return name.startsWith(sidecar) || name.startsWith(traffic) || name.startsWith("inject.istio.io/");
}

function resourcesOf(read: (name: string) => string | undefined): Resources | undefined {
  const [cpu, memory, cpuLimit, memoryLimit] = ["proxyCPU", "proxyMemory", "proxyCPULimit", "proxyMemoryLimit"].map(
    read,
  );
  const requests = { ...optional("cpu", cpu), ...optional("memory", memory) };
  const limits = { ...optional("cpu", cpuLimit), ...optional("memory", memoryLimit) };
  if (Object.keys(requests).length + Object.keys(limits).length === 0) return undefined;
  return {
    ...(Object.keys(requests).length > 0 && { requests }),
    ...(Object.keys(limits).length > 0 && { limits }),
  };
}

const interceptionMode: Read<InterceptionMode> = (text) =>
  text === "REDIRECT" || text === "TPROXY" || text === "NONE" ? text : new Mistake("use REDIRECT, TPROXY or NONE");

const template: Read<"sidecar" | "gateway"> = (text) =>
  text === "sidecar" || text === "gateway"
    ? text
    : new Mistake("use sidecar or gateway (other templates are not built)");

const boolean: Read<boolean> = (text) =>
  text === "true" ? true : text === "false" ? false : new Mistake('use "true" or "false"');

const word: Read<string> = (text) => (/^\S+$/.test(text) ? text : new Mistake("give one word, without blanks"));

const quantity: Read<string> = (text) =>
  /^\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/.test(text)
    ? text
    : new Mistake("give a Kubernetes quantity such as 100m or 128Mi");

const ports: Read<string> = (text) => {
  if (text === "*") return text;
  const items = itemsOf(text);
  const wrong = items.find((item) => !/^\d+$/.test(item) || Number(item) < 1 || Number(item) > 65535);
  return wrong === undefined
    ? items.join(",")
    : new Mistake(`"${wrong}" is no port; give "*" or numbers from 1 to 65535 with commas between them`);
};

const ranges: Read<string> = (text) => {
  if (text === "*") return text;
  const items = itemsOf(text);
  const wrong = items.find((item) => !isRange(item));
  return wrong === undefined
    ? items.join(",")
    : new Mistake(`"${wrong}" is no CIDR range; give "*" or ranges such as 10.0.0.0/8 with commas between them`);
};

const yamlObject: Read<Readonly<Record<string, unknown>>> = (text) => {
  try {
    const value: unknown = parseYaml(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    return new Mistake("give a ProxyConfig as a YAML or JSON object");
  } catch (error) {
    return new Mistake(`this is no YAML: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`);
  }
};

function isRange(text: string): boolean {
  const [address = "", prefix = "", ...rest] = text.split("/");
  const family = isIP(address);
  return rest.length === 0 && family !== 0 && /^\d+$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128);
}

function itemsOf(text: string): string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

/** `{ [key]: value }`, or nothing where the value is absent (exact optional properties). */
function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}
