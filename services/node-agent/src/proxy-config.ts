import { resolve } from "node:path";
import { MeshError } from "@lateen/runtime";
import type { RemoteService } from "./envoy/remote-service.ts";
import type { ReadinessProbe } from "./readiness-probe.ts";
import type { KeyProvider } from "./workload/key-provider.ts";

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
  /** The Prometheus page is given compressed to whoever takes that. */
  readonly compressed: boolean;
}

/** Where the agent finds and keeps Envoy's files. Absolute, for the reader says which folder is meant by `./etc`. */
export interface FilesConfig {
  readonly directory?: string;
  readonly binary?: string;
  /** In place of the bootstrap that the agent would write. */
  readonly bootstrap?: string;
}

export type RuntimeValues = Readonly<Record<string, string | boolean>>;

/** How Envoy writes its files, access logs above all. */
export interface FlushConfig {
  readonly intervalMs: number;
  readonly minSizeKb?: number;
}

/** Of the mesh's ProxyConfig, what the agent itself acts on. Pilot sees all of it as node metadata. */
export interface ProxyConfig {
  readonly raw: JsonFields;
  readonly discoveryAddress?: string;
  /** Envoy's worker threads, 0 for one a core; absent: as many as the container has processors. */
  readonly concurrency?: number;
  /** How long connections may end by themselves once the proxy is to stop. */
  readonly drainMs: number;
  /** The same for a listener that changes. */
  readonly listenerDrainMs: number;
  /** Envoy's runtime flags. */
  readonly runtimeValues: RuntimeValues;
  /** How to find out whether the application is well, for a workload that registers itself. */
  readonly readinessProbe?: ReadinessProbe;
  readonly tracer?: TracerConfig;
  readonly stats: StatsConfig;
  /** Where Envoy sends access logs, if the mesh says so. */
  readonly accessLogService?: RemoteService;
  readonly files: FilesConfig;
  readonly flush: FlushConfig;
  readonly meshId?: string;
  /** What computes with the workload's private key; without it Envoy itself. */
  readonly keyProvider?: KeyProvider;
  /** PEM of further authorities whose workloads are trusted. */
  readonly moreRoots: readonly string[];
  /** Pilot is talked to without TLS. */
  readonly plaintextPilot: boolean;
  /** Connections that Envoy takes at one time. */
  readonly connectionLimit?: number;
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
    ...optional("concurrency", concurrencyOf(raw["concurrency"])),
    drainMs: durationOf("terminationDrainDuration", raw["terminationDrainDuration"] ?? "5s"),
    listenerDrainMs: durationOf("drainDuration", raw["drainDuration"] ?? "45s"),
    runtimeValues: runtimeOf(textsOf("runtimeValues", raw["runtimeValues"] ?? {})),
    ...readinessOf(raw["readinessProbe"]),
    ...tracerOf(raw),
    stats: statsOf(raw),
    ...optional("accessLogService", serviceOf("envoyAccessLogService", raw["envoyAccessLogService"])),
    files: filesOf(raw),
    flush: flushOf(raw),
    ...optional("meshId", textOf("meshId", raw["meshId"])),
    ...optional("keyProvider", keyProviderOf(raw["privateKeyProvider"])),
    moreRoots: listOf("caCertificatesPem", raw["caCertificatesPem"] ?? []),
    plaintextPilot: raw["controlPlaneAuthPolicy"] === "NONE" || raw["controlPlaneAuthPolicy"] === 0,
    ...optional("connectionLimit", connectionLimitOf(raw["connectionSettings"])),
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

function concurrencyOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
  throw invalid("concurrency", value, "write a whole number, 0 for one thread a core");
}

const unitsMs: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 0.001,
  ns: 0.000_001,
};

/** Go's durations, which the validation of manifests takes: `5s`, `1m30s`, `250ms`. */
function durationOf(field: string, value: unknown): number {
  const text = String(value);
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|ns)/g)];
  if (text === "" || parts.map(([part]) => part).join("") !== text)
    throw invalid(field, value, 'write a duration, as in "5s"');
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (unitsMs[unit ?? ""] ?? 0), 0);
}

function textsOf(field: string, value: unknown): Readonly<Record<string, string>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, String(one)]));
  throw invalid(field, value, "write names with values");
}

/** Envoy takes the text `true` for no flag; an empty text means that the flag is as if nobody had set it. */
function runtimeOf(values: Readonly<Record<string, string>>): RuntimeValues {
  const set = Object.entries(values).filter(([, value]) => value !== "");
  return Object.fromEntries(
    set.map(([name, value]) => [name, value === "true" || value === "false" ? value === "true" : value]),
  );
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
  const old = raw["envoyMetricsServiceAddress"] ?? "";
  const service = raw["envoyMetricsService"] ?? (old === "" ? undefined : { address: old });
  return {
    prefixes: list("inclusionPrefixes"),
    suffixes: list("inclusionSuffixes"),
    regexps: list("inclusionRegexps"),
    extraTags: listOf("extraStatTags", raw["extraStatTags"] ?? []),
    ...(statsd !== "" && { statsdAddress: addressOf("statsdUdpAddress", statsd) }),
    ...optional("metricsService", serviceOf("envoyMetricsService", service)),
    compressed: raw["statsCompression"] !== false,
  };
}

/** Relative to the root folder, as in Istio's image: its default is `./etc/istio/proxy`. */
function filesOf(raw: JsonFields): FilesConfig {
  const path = (field: string): string | undefined => {
    const text = textOf(field, raw[field]);
    return text === undefined ? undefined : resolve("/", text);
  };
  return {
    ...optional("directory", path("configPath")),
    ...optional("binary", path("binaryPath")),
    ...optional("bootstrap", path("customConfigFile")),
  };
}

function flushOf(raw: JsonFields): FlushConfig {
  const size = raw["fileFlushMinSizeKb"] ?? 0;
  if (typeof size !== "number" || !Number.isInteger(size) || size < 0)
    throw invalid("fileFlushMinSizeKb", size, "write a whole number of kilobytes");
  return {
    intervalMs: Math.max(1, durationOf("fileFlushInterval", raw["fileFlushInterval"] ?? "1s")),
    ...(size > 0 && { minSizeKb: size }),
  };
}

function keyProviderOf(value: unknown): KeyProvider | undefined {
  if (value === undefined || value === null) return undefined;
  const written = fieldsOf("privateKeyProvider", value);
  for (const name of ["cryptomb", "qat"] as const) {
    if (written[name] === undefined) continue;
    const { pollDelay = "0s", fallback } = fieldsOf(`privateKeyProvider.${name}`, written[name]);
    const pollDelayMs = durationOf(`privateKeyProvider.${name}.pollDelay`, pollDelay);
    if (pollDelayMs === 0) throw invalid(`privateKeyProvider.${name}.pollDelay`, pollDelay, "write 0.001s or more");
    return { name, pollDelayMs, fallback: fallback === true };
  }
  throw invalid("privateKeyProvider", value, "write cryptomb or qat");
}

function connectionLimitOf(value: unknown): number | undefined {
  const limit = fieldsOf("connectionSettings", value ?? {})["globalDownstreamConnectionLimit"] ?? 0;
  if (typeof limit !== "number" || !Number.isInteger(limit) || limit < 0)
    throw invalid("connectionSettings.globalDownstreamConnectionLimit", limit, "write a whole number");
  return limit === 0 ? undefined : limit;
}

/** Undefined for an object that names no address, as Istio's own default does. */
function serviceOf(field: string, value: unknown): RemoteService | undefined {
  if (value === undefined || value === null || (fieldsOf(field, value)["address"] ?? "") === "") return undefined;
  return remoteOf(field, value);
}

function textOf(field: string, value: unknown): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "string") return value;
  throw invalid(field, value, "write a text");
}

/** `{ [key]: value }`, or nothing where the value is absent (exact optional properties). */
function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
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
