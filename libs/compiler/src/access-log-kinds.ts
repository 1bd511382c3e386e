import type * as ir from "@lateen/ir";
import { sortedRecord } from "@lateen/model";
import { defaultTextFormat, fileFormat, fileProvider, meshFormat, standardOutput } from "./access-log-formats.ts";
import { knows, proxyRef, supports } from "./context.ts";
import type { Context } from "./context.ts";
import type { ExtensionProvider } from "./istio.ts";
import { mixerPolicyCluster, providerCluster } from "./providers.ts";

/** Where a listener stands: whose side of a call it reports on. */
export type LogRole = "inbound" | "outbound" | "gateway";

/** A provider by its name, and what of it is logged. */
export interface LogChoice {
  readonly provider: string;
  readonly condition?: ir.LogCondition;
}

/** What is logged: requests, connections, or connections that no filter chain takes. */
export interface LogSite {
  readonly role: LogRole;
  readonly tags: Readonly<Record<string, string>>;
  readonly protocol: "http" | "tcp" | "listener";
}

/** Feeds the mesh's own metrics; on wherever the policy service runs, unless a Telemetry disables it. */
export const metricsProvider = "lateen-metrics";

/** Istio's names and what it has its own filters note: https://github.com/istio/istio/blob/master/pilot/pkg/model/telemetry_logging.go */
const logNames = {
  http: "http_envoy_accesslog",
  tcp: "tcp_envoy_accesslog",
  listener: "listener_envoy_accesslog",
  openTelemetry: "otel_envoy_accesslog",
} as const;
const peers = ["upstream_peer", "downstream_peer"] as const;
const peersOfAllReleases = [
  ...peers,
  ...["wasm.upstream_peer", "wasm.upstream_peer_id", "wasm.downstream_peer", "wasm.downstream_peer_id"],
] as const;

/** None, with a finding, where the provider cannot be had. */
export function logOf(context: Context, { provider, condition }: LogChoice, site: LogSite): readonly ir.AccessLog[] {
  const log = unconditional(context, provider, site);
  return log === undefined ? [] : [condition === undefined ? log : { ...log, condition }];
}

function unconditional(context: Context, name: string, site: LogSite): ir.AccessLog | undefined {
  const defined = context.settings.providers.get(name);
  if (defined !== undefined) return definedLog(context, defined, site);
  const { accessLogFile } = context.settings;
  if (name === fileProvider) return fileLog(accessLogFile, meshFormat(context.settings));
  if (name === metricsProvider) {
    const cluster = mixerPolicyCluster(context);
    return cluster === undefined ? undefined : metricsLog(context, cluster, site);
  }
  return unusable(context, name, "is not defined in MeshConfig.extensionProviders");
}

function fileLog(path: string, format: ir.FileAccessLog["format"]): ir.FileAccessLog {
  return { kind: "file", path: path || standardOutput, format };
}

function definedLog(context: Context, { name, provider }: ExtensionProvider, site: LogSite): ir.AccessLog | undefined {
  switch (provider.case) {
    case "envoyFileAccessLog": {
      const { path, logFormat, omitEmptyValues } = provider.value;
      if (name === fileProvider && logFormat === undefined && !omitEmptyValues)
        return fileLog(path, meshFormat(context.settings));
      return { ...fileLog(path, fileFormat(logFormat?.logFormat)), ...(omitEmptyValues ? { omitEmptyValues } : {}) };
    }
    case "envoyHttpAls":
    case "envoyTcpAls":
    case "envoyOtelAls": {
      const cluster = providerCluster(context, provider.value);
      if (cluster !== undefined) return serviceLog(context, { name, provider, cluster }, site);
      const { service, port } = provider.value;
      return unusable(context, name, `names the service "${service}" port ${port}, which this proxy cannot see`);
    }
    default:
      return unusable(context, name, `is of a kind (${provider.case ?? "empty"}) that takes no access logs`);
  }
}

type Provider = ExtensionProvider["provider"];

interface LogService {
  readonly name: string;
  readonly provider: Extract<Provider, { case: "envoyHttpAls" | "envoyTcpAls" | "envoyOtelAls" }>;
  readonly cluster: ir.ClusterRef;
}

function serviceLog(
  context: Context,
  { name, provider, cluster }: LogService,
  site: LogSite,
): ir.AccessLog | undefined {
  if (provider.case === "envoyOtelAls") return openTelemetryLog(context, name, provider.value, cluster);
  if (name === metricsProvider) return metricsLog(context, cluster, site);
  const http = provider.case === "envoyHttpAls";
  const entries = http ? "http" : "tcp";
  if (!canSend(context, entries)) return undefined;
  const { logName, filterStateObjectsToLog: filterState } = provider.value;
  const more = http ? provider.value : undefined;
  return {
    ...bareLog(cluster, entries, logName || logNames[entries]),
    requestHeaders: more?.additionalRequestHeadersToLog ?? [],
    responseHeaders: more?.additionalResponseHeadersToLog ?? [],
    responseTrailers: more?.additionalResponseTrailersToLog ?? [],
    filterState: filterState.length > 0 ? filterState : peers,
  };
}

type Entries = ir.GrpcAccessLog["entries"];

function bareLog(cluster: ir.ClusterRef, entries: Entries, logName: string): ir.GrpcAccessLog {
  const nothing = { requestHeaders: [], responseHeaders: [], responseTrailers: [] };
  return { kind: "grpc", entries, cluster, logName, tags: {}, formats: {}, ...nothing };
}

function entriesOf({ protocol }: LogSite): Entries {
  return protocol === "http" ? "http" : "tcp";
}

function canSend(context: Context, entries: Entries): boolean {
  return supports(context, `envoy.access_loggers.${entries}_grpc`);
}

type OpenTelemetryService = Extract<Provider, { case: "envoyOtelAls" }>["value"];

function openTelemetryLog(
  context: Context,
  name: string,
  { logName, logFormat }: OpenTelemetryService,
  cluster: ir.ClusterRef,
): ir.AccessLog | undefined {
  if (!supports(context, "envoy.access_loggers.open_telemetry"))
    return unusable(context, name, "is of a kind (envoyOtelAls) that the proxy's Envoy does not contain");
  const labels = Object.entries(logFormat?.labels ?? {});
  return {
    kind: "opentelemetry",
    cluster,
    logName: logName || logNames.openTelemetry,
    body: logFormat?.text || defaultTextFormat,
    // Only text is a format, as in Istio.
    attributes: sortedRecord(
      Object.fromEntries(labels.map(([key, value]) => [key, typeof value === "string" ? value : ""])),
    ),
    // Envoy tells the name with labels of its own, which are off, as in Istio. Who wrote one wants to see it.
    resource: logName === "" ? {} : { log_name: logName },
    filterState: peersOfAllReleases,
  };
}

/** The service of MeshConfig.enableEnvoyAccessLogService, which proxies have a cluster for from their start. */
export function serviceOfBootstrap(context: Context, site: LogSite): readonly ir.AccessLog[] {
  if (!context.settings.accessLogService || !canSend(context, entriesOf(site))) return [];
  if (context.scope.wishes?.accessLogService !== true) {
    context.findings.warn(
      proxyRef(context),
      "provider-unusable",
      "enableEnvoyAccessLogService is on, but this proxy was started without defaultConfig.envoyAccessLogService.address: no logs are sent. Set it and restart the proxy",
    );
    return [];
  }
  return [
    {
      ...bareLog({ kind: "access-log-service" }, entriesOf(site), logNames[site.protocol]),
      filterState: peersOfAllReleases,
    },
  ];
}

const upstreamIdentities = {
  destination_principal: "%UPSTREAM_PEER_URI_SAN%",
  source_principal: "%UPSTREAM_LOCAL_URI_SAN%",
} as const;

function metricsLog(context: Context, cluster: ir.ClusterRef, site: LogSite): ir.AccessLog | undefined {
  const entries = entriesOf(site);
  if (!canSend(context, entries)) return undefined;
  return {
    ...bareLog(cluster, entries, `lateen-${site.role}`),
    tags: { ...site.tags, reporter: site.role === "inbound" ? "destination" : "source" },
    // Of its own connection to the server a client's log entry does not say who the two are.
    formats: site.role !== "inbound" && knows(context, "formatted-log-tags") ? upstreamIdentities : {},
    requestHeaders: ["x-envoy-peer-metadata-id", "x-b3-traceid", "traceparent"],
    responseHeaders: ["grpc-status"],
    responseTrailers: ["grpc-status"],
  };
}

function unusable(context: Context, name: string, problem: string): undefined {
  const message = `the access log provider "${name}" ${problem}; it gets no logs`;
  context.findings.warn(proxyRef(context), "provider-unusable", message);
}
