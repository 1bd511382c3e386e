import { MeshError } from "@lateen/runtime";
import type { RemoteService } from "./envoy/remote-service.ts";
import type { ReadinessProbe } from "./readiness-probe.ts";

/** An object as written. */
export type JsonFields = Readonly<Record<string, unknown>>;

/** Where Envoy sends spans that no provider of the mesh's rules gets. */
export interface TracerConfig {
  readonly kind: "zipkin" | "datadog";
  readonly service: RemoteService;
}

/** Which of Envoy's statistics there are, and where they go beside the Prometheus page. */
export interface StatsConfig {
  readonly prefixes: readonly string[];
  readonly suffixes: readonly string[];
  readonly regexps: readonly string[];
  /** Names of further tags. */
  readonly extraTags: readonly string[];
  /** An IP address and port. */
  readonly statsdAddress?: string;
  readonly metricsService?: RemoteService;
}

/** Of the mesh's ProxyConfig, what the agent itself acts on. Pilot sees all of it as node metadata. */
export interface ProxyConfig {
  readonly raw: JsonFields;
  readonly discoveryAddress?: string;
  /** Envoy's worker threads; 0: one a core. */
  readonly concurrency: number;
  /** How long connections may end by themselves once the proxy is to stop. */
  readonly drainMs: number;
  /** The same for a listener that changes. */
  readonly listenerDrainMs: number;
  /** Envoy's runtime flags. */
  readonly runtimeValues: Readonly<Record<string, string>>;
  /** How to find out whether the application is well, for a workload that registers itself. */
  readonly readinessProbe?: ReadinessProbe;
  readonly tracer?: TracerConfig;
  readonly stats: StatsConfig;
  /** Envoy's admin port, and the agent's own. */
  readonly adminPort: number;
  readonly statusPort: number;
}

/** Reads JSON or YAML. Throws, naming the field and its value, where the agent cannot follow it. */
export async function readProxyConfig(text: string): Promise<ProxyConfig> {
  const raw = (await parse(text)) ?? {};
  if (typeof raw !== "object" || Array.isArray(raw))
    throw new MeshError("agent_proxy_config", "PROXY_CONFIG is not an object; write a ProxyConfig as JSON or YAML");
  const address = raw["discoveryAddress"];
  return {
    raw,
    concurrency: concurrencyOf(raw["concurrency"] ?? 2),
    drainMs: secondsOf("terminationDrainDuration", raw["terminationDrainDuration"] ?? "5s"),
    listenerDrainMs: secondsOf("drainDuration", raw["drainDuration"] ?? "45s"),
    runtimeValues: textsOf("runtimeValues", raw["runtimeValues"] ?? {}),
    ...readinessOf(raw["readinessProbe"]),
    ...tracerOf(raw),
    stats: statsOf(raw),
    adminPort: portOf("proxyAdminPort", raw["proxyAdminPort"] ?? 15_000),
    statusPort: portOf("statusPort", raw["statusPort"] ?? 15_020),
    ...(typeof address === "string" && address !== "" && { discoveryAddress: address }),
  };
}

/** The injector writes JSON. Whoever writes YAML pays for its parser, which is loaded then. */
async function parse(text: string): Promise<Record<string, unknown> | null> {
  try {
    return JSON.parse(text) as Record<string, unknown> | null;
  } catch {
    const yaml = await import("yaml");
    return yaml.parse(text) as Record<string, unknown> | null;
  }
}

function concurrencyOf(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
  throw invalid("concurrency", value, "write a whole number, 0 for one thread a core");
}

function secondsOf(field: string, value: unknown): number {
  const [, seconds] = /^(\d+(?:\.\d+)?)s$/.exec(String(value)) ?? [];
  if (seconds === undefined) throw invalid(field, value, 'write seconds, as in "5s"');
  return Number(seconds) * 1000;
}

function textsOf(field: string, value: unknown): Readonly<Record<string, string>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, String(one)]));
  throw invalid(field, value, "write names with values");
}

function readinessOf(value: unknown): { readonly readinessProbe?: ReadinessProbe } {
  if (value === undefined || value === null) return {};
  const methods = ["httpGet", "tcpSocket", "exec", "grpc"];
  if (typeof value === "object" && methods.some((method) => method in value))
    return { readinessProbe: value as ReadinessProbe };
  throw invalid("readinessProbe", value, `write one of ${methods.join(", ")}`);
}

function tracerOf(raw: JsonFields): { readonly tracer?: TracerConfig } {
  const tracing = fieldsOf("tracing", raw["tracing"] ?? {});
  const tls =
    tracing["tlsSettings"] === undefined ? {} : { tls: fieldsOf("tracing.tlsSettings", tracing["tlsSettings"]) };
  for (const kind of ["zipkin", "datadog"] as const) {
    if (tracing[kind] === undefined) continue;
    const { address } = fieldsOf(`tracing.${kind}`, tracing[kind]);
    return { tracer: { kind, service: { address: addressOf(`tracing.${kind}.address`, address), ...tls } } };
  }
  const old = raw["zipkinAddress"] ?? "";
  return old === ""
    ? {}
    : { tracer: { kind: "zipkin", service: { address: addressOf("zipkinAddress", old), ...tls } } };
}

function statsOf(raw: JsonFields): StatsConfig {
  const matcher = fieldsOf("proxyStatsMatcher", raw["proxyStatsMatcher"] ?? {});
  const list = (field: string): readonly string[] => listOf(`proxyStatsMatcher.${field}`, matcher[field] ?? []);
  const statsd = raw["statsdUdpAddress"] ?? "";
  const service = raw["envoyMetricsService"];
  return {
    prefixes: list("inclusionPrefixes"),
    suffixes: list("inclusionSuffixes"),
    regexps: list("inclusionRegexps"),
    extraTags: listOf("extraStatTags", raw["extraStatTags"] ?? []),
    ...(statsd !== "" && { statsdAddress: addressOf("statsdUdpAddress", statsd) }),
    ...(service !== undefined && { metricsService: remoteOf("envoyMetricsService", service) }),
  };
}

function remoteOf(field: string, value: unknown): RemoteService {
  const { address, tlsSettings: tls, tcpKeepalive: keepalive } = fieldsOf(field, value);
  return {
    address: addressOf(`${field}.address`, address),
    ...(tls !== undefined && { tls: fieldsOf(`${field}.tlsSettings`, tls) }),
    ...(keepalive !== undefined && { keepalive: fieldsOf(`${field}.tcpKeepalive`, keepalive) }),
  };
}

function listOf(field: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value;
  throw invalid(field, value, "write a list of texts");
}

function portOf(field: string, value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value > 0 && value <= 65_535) return value;
  throw invalid(field, value, "write a port from 1 to 65535");
}

function fieldsOf(field: string, value: unknown): JsonFields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonFields;
  throw invalid(field, value, "write an object");
}

function addressOf(field: string, value: unknown): string {
  if (typeof value === "string" && /^(\[[0-9A-Fa-f:]+\]|[^\s:/]+):\d{1,5}$/.test(value)) return value;
  throw invalid(field, value, 'write host and port, as in "zipkin.istio-system:9411"');
}

function invalid(field: string, value: unknown, remedy: string): MeshError {
  return new MeshError("agent_proxy_config", `PROXY_CONFIG ${field} is ${JSON.stringify(value)}; ${remedy}`);
}
