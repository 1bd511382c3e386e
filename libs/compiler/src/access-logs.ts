import type * as ir from "@lateen/ir";
import type { MeshObject } from "@lateen/model";
import { defaultJsonFormat, defaultTextFormat } from "./access-log-formats.ts";
import { knows, proxyRef, requires, supports } from "./context.ts";
import type { Context } from "./context.ts";
import { workloadModes } from "./istio-names.ts";
import type { AccessLogging, ExtensionProvider, Telemetry } from "./istio.ts";
import { mixerPolicyCluster, providerCluster } from "./providers.ts";
import { policiesOf } from "./scope.ts";

/** Where a listener stands: whose side of a call it reports on. */
export type LogRole = "inbound" | "outbound" | "gateway";

const fileProvider = "envoy";
/** Feeds the mesh's own metrics; on wherever the policy service runs, unless a Telemetry disables it. */
const metricsProvider = "lateen-metrics";
const standardOutput = "/dev/stdout";
const upstreamIdentities = {
  destination_principal: "%UPSTREAM_PEER_URI_SAN%",
  source_principal: "%UPSTREAM_LOCAL_URI_SAN%",
} as const;
const celFilter = "envoy.access_loggers.extension_filters.cel";

interface Choice {
  readonly provider: string;
  readonly condition?: ir.LogCondition;
}

/** `tags` are fixed facts about the listener, for logs that are sent to a service. */
export function accessLogsFor(
  context: Context,
  role: LogRole,
  tags: Readonly<Record<string, string>>,
  http: boolean,
): readonly ir.AccessLog[] {
  const { chosen, metricsDisabled } = choices(context, role);
  const logs = chosen.flatMap((choice) => logOf(context, choice, role, { tags, http }));
  return metricsDisabled || chosen.some((choice) => choice.provider === metricsProvider)
    ? logs
    : [...logs, ...logOf(context, { provider: metricsProvider }, role, { tags, http })];
}

/** The mesh's, then the namespace's, then the workload's Telemetry; each level's providers replace the inherited ones. */
function choices(
  context: Context,
  role: LogRole,
): { readonly chosen: readonly Choice[]; readonly metricsDisabled: boolean } {
  const { mesh, namespace, workload } = policiesOf(context.snapshot.telemetries, context.scope);
  const own = workload.filter((telemetry) => telemetry.meta.namespace === context.scope.namespace);
  const levels = [mesh[0], namespace[0], own[0]].flatMap((telemetry) =>
    telemetry === undefined ? [] : [entriesFor(telemetry, role)],
  );
  let chosen: readonly Choice[] = context.settings.defaultAccessLogProviders.map((provider) => ({ provider }));
  if (chosen.length === 0 && context.settings.accessLogFile !== "") chosen = [{ provider: fileProvider }];
  let metricsDisabled = false;
  for (const entries of levels) {
    const added: Choice[] = [];
    let replaced = false;
    const removed = new Set<string>();
    for (const entry of entries) {
      const names = entry.providers.map((provider) => provider.name);
      if (entry.disabled)
        for (const name of names.length > 0 ? names : chosen.map((choice) => choice.provider)) removed.add(name);
      else {
        replaced ||= names.length > 0;
        const targets =
          names.length > 0 ? names : chosen.length > 0 ? chosen.map((choice) => choice.provider) : [fileProvider];
        added.push(...targets.map((provider) => ({ provider, ...conditionOf(context, entry) })));
      }
    }
    if (removed.has(metricsProvider)) metricsDisabled = true;
    const names = new Set(added.map((choice) => choice.provider));
    const kept = replaced ? [] : chosen.filter((choice) => !names.has(choice.provider));
    chosen = [...kept, ...added].filter((choice) => !removed.has(choice.provider));
  }
  return { chosen, metricsDisabled };
}

function entriesFor(telemetry: MeshObject<Telemetry>, role: LogRole): readonly AccessLogging[] {
  const side = role === "inbound" ? "server" : "client";
  return telemetry.spec.accessLogging.filter((entry) => {
    const mode = workloadModes[entry.match?.mode ?? 0] ?? "both";
    return mode === "both" || mode === side;
  });
}

function conditionOf(context: Context, entry: AccessLogging): { readonly condition?: ir.LogCondition } {
  const expression = entry.filter?.expression ?? "";
  if (
    expression === "" ||
    !requires(context, celFilter, proxyRef(context), "access logs are written without Telemetry's filter")
  )
    return {};
  return { condition: { expression } };
}

interface LogSite {
  readonly tags: Readonly<Record<string, string>>;
  readonly http: boolean;
}

function logOf(context: Context, choice: Choice, role: LogRole, site: LogSite): readonly ir.AccessLog[] {
  const condition = choice.condition === undefined ? {} : { condition: choice.condition };
  const defined = context.settings.providers.get(choice.provider);
  if (defined !== undefined) return definedLog(context, defined, { ...site, role, condition });
  if (choice.provider === fileProvider) return [{ ...meshFileLog(context), ...condition }];
  if (choice.provider !== metricsProvider) {
    unusable(context, choice.provider, "is not defined in MeshConfig.extensionProviders");
    return [];
  }
  const cluster = mixerPolicyCluster(context);
  return cluster === undefined ? [] : grpcLog(context, cluster, { role, site, logName: "", condition });
}

interface DefinedSite extends LogSite {
  readonly role: LogRole;
  readonly condition: { readonly condition?: ir.LogCondition };
}

function definedLog(
  context: Context,
  { name, provider }: ExtensionProvider,
  site: DefinedSite,
): readonly ir.AccessLog[] {
  switch (provider.case) {
    case "envoyFileAccessLog": {
      const { path, logFormat, omitEmptyValues } = provider.value;
      const format = fileFormat(logFormat?.logFormat);
      const omit = omitEmptyValues ? { omitEmptyValues } : {};
      return [{ kind: "file", path: path || standardOutput, format, ...omit, ...site.condition }];
    }
    case "envoyHttpAls":
    case "envoyTcpAls":
      if ((provider.case === "envoyHttpAls") !== site.http && name !== metricsProvider) return [];
      return serviceLog(context, name, provider.value, site);
    default:
      unusable(context, name, `is of a kind (${provider.case ?? "empty"}) that is not built for access logs`);
      return [];
  }
}

function serviceLog(
  context: Context,
  name: string,
  provider: { readonly service: string; readonly port: number; readonly logName: string },
  site: DefinedSite,
): readonly ir.AccessLog[] {
  const cluster = providerCluster(context, provider);
  if (cluster === undefined) {
    unusable(
      context,
      name,
      `names the service "${provider.service}" port ${provider.port}, which this proxy cannot see`,
    );
    return [];
  }
  const logName = name === metricsProvider ? "" : provider.logName || name;
  return grpcLog(context, cluster, { role: site.role, site, logName, condition: site.condition });
}

function unusable(context: Context, name: string, problem: string): void {
  const message = `the access log provider "${name}" ${problem}; it gets no logs`;
  context.findings.warn(proxyRef(context), "provider-unusable", message);
}

function grpcLog(
  context: Context,
  cluster: ir.ClusterRef,
  log: { role: LogRole; site: LogSite; logName: string; condition: { condition?: ir.LogCondition } },
): readonly ir.GrpcAccessLog[] {
  if (!supports(context, log.site.http ? "envoy.access_loggers.http_grpc" : "envoy.access_loggers.tcp_grpc")) return [];
  const reporter = log.role === "inbound" ? "destination" : "source";
  return [
    {
      kind: "grpc",
      cluster,
      logName: log.logName || `lateen-${log.role}`,
      tags: { ...log.site.tags, reporter },
      // Of its own connection to the server a client's log entry does not say who the two are.
      formats: log.role !== "inbound" && knows(context, "formatted-log-tags") ? upstreamIdentities : {},
      requestHeaders: ["x-envoy-peer-metadata-id", "x-b3-traceid", "traceparent"],
      responseHeaders: ["grpc-status"],
      ...log.condition,
    },
  ];
}

function meshFileLog({ settings }: Context): ir.FileAccessLog {
  const { accessLogFile, accessLogFormat, accessLogEncoding } = settings;
  const path = accessLogFile || standardOutput;
  if (accessLogEncoding === "text")
    return { kind: "file", path, format: { kind: "text", value: lineOf(accessLogFormat || defaultTextFormat) } };
  return { kind: "file", path, format: { kind: "json", fields: jsonFields(accessLogFormat) ?? defaultJsonFormat } };
}

function fileFormat(
  format:
    | { case: "text"; value: string }
    | { case: "labels"; value: unknown }
    | { case: undefined; value?: undefined }
    | undefined,
): ir.FileAccessLog["format"] {
  if (format?.case === "text") return { kind: "text", value: lineOf(format.value) };
  if (format?.case === "labels")
    return { kind: "json", fields: format.value as Readonly<Record<string, ir.JsonValue>> };
  return { kind: "text", value: defaultTextFormat };
}

function lineOf(format: string): string {
  return format.endsWith("\n") ? format : `${format}\n`;
}

/** MeshConfig writes a JSON format as text. */
function jsonFields(text: string): Readonly<Record<string, ir.JsonValue>> | undefined {
  if (text === "") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, ir.JsonValue>>)
      : undefined;
  } catch {
    return undefined; // Validation has refused it already; the built-in format is better than no log.
  }
}
