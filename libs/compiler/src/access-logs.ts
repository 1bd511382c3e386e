import type * as ir from "@lateen/ir";
import { compareText } from "@lateen/model";
import type { MeshObject } from "@lateen/model";
import { logOf, metricsProvider, serviceOfBootstrap } from "./access-log-kinds.ts";
import type { LogChoice, LogRole } from "./access-log-kinds.ts";
import { fileProvider } from "./access-log-formats.ts";
import { proxyRef, requires } from "./context.ts";
import type { Context } from "./context.ts";
import { workloadModes } from "./istio-names.ts";
import type { AccessLogging, Telemetry } from "./istio.ts";
import { policiesOf } from "./scope.ts";

const celFilter = "envoy.access_loggers.extension_filters.cel";

/** `tags` are fixed facts about the listener, for logs that are sent to a service. */
export function accessLogsFor(
  context: Context,
  role: LogRole,
  tags: Readonly<Record<string, string>>,
  http: boolean,
): readonly ir.AccessLog[] {
  const { chosen, metricsDisabled, byDefault } = choices(context, role);
  const site = { role, tags, protocol: http ? "http" : "tcp" } as const;
  const logs = [
    ...chosen.flatMap((choice) => logOf(context, choice, site)),
    ...(byDefault ? serviceOfBootstrap(context, site) : []),
  ];
  return metricsDisabled || chosen.some((choice) => choice.provider === metricsProvider)
    ? logs
    : [...logs, ...logOf(context, { provider: metricsProvider }, site)];
}

/**
 * Of connections that end before any filter chain sees them, which only the listener itself can log. Where every
 * connection finds a chain there is nothing to say. https://github.com/istio/istio/blob/master/pilot/pkg/networking/core/accesslog.go
 */
export function withListenerLogs(context: Context, role: LogRole, listener: ir.Listener): ir.Listener {
  if (!context.settings.listenerLogs || takesAll(listener)) return listener;
  const { chosen, byDefault } = choices(context, role);
  const site = { role, tags: {}, protocol: "listener" } as const;
  const logs = [
    ...chosen.filter(({ provider }) => provider !== metricsProvider).flatMap((choice) => logOf(context, choice, site)),
    ...(byDefault ? serviceOfBootstrap(context, site) : []),
  ];
  if (logs.length === 0) return listener;
  return {
    ...listener,
    accessLogs: logs.map((log) => ({ ...log, condition: { ...log.condition, unmatched: true } })),
  };
}

function takesAll({ chains, fallback }: ir.Listener): boolean {
  return fallback !== undefined || chains.some(({ match }) => Object.keys(match).length === 0);
}

interface Choices {
  readonly chosen: readonly LogChoice[];
  readonly metricsDisabled: boolean;
  /** No Telemetry and no default provider has a word in it. */
  readonly byDefault: boolean;
}

/** The mesh's, then the namespace's, then the workload's Telemetry; each level's providers replace the inherited ones. */
function choices(context: Context, role: LogRole): Choices {
  const { mesh, namespace, workload } = policiesOf(context.snapshot.telemetries, context.scope);
  const own = workload.filter((telemetry) => telemetry.meta.namespace === context.scope.namespace);
  const levels = [mesh[0], namespace[0], own[0]].flatMap((telemetry) =>
    telemetry === undefined ? [] : [entriesFor(telemetry, role)],
  );
  const { defaultAccessLogProviders, accessLogFile } = context.settings;
  let chosen: readonly LogChoice[] = defaultAccessLogProviders.map((provider) => ({ provider }));
  const byDefault = chosen.length === 0 && levels.every((entries) => entries.length === 0);
  if (chosen.length === 0 && accessLogFile !== "") chosen = [{ provider: fileProvider }];
  let metricsDisabled = false;
  for (const entries of levels) {
    const { added, removed, replaced } = changesOf(context, entries, chosen);
    if (removed.has(metricsProvider)) metricsDisabled = true;
    const names = new Set(added.map((choice) => choice.provider));
    const kept = replaced ? [] : chosen.filter((choice) => !names.has(choice.provider));
    chosen = [...kept, ...added].filter((choice) => !removed.has(choice.provider));
  }
  // By their names, as in Istio.
  return { chosen: chosen.toSorted((a, b) => compareText(a.provider, b.provider)), metricsDisabled, byDefault };
}

interface Changes {
  readonly added: readonly LogChoice[];
  readonly removed: ReadonlySet<string>;
  readonly replaced: boolean;
}

function changesOf(context: Context, entries: readonly AccessLogging[], chosen: readonly LogChoice[]): Changes {
  const inherited = chosen.map((choice) => choice.provider);
  const added: LogChoice[] = [];
  const removed = new Set<string>();
  let replaced = false;
  for (const entry of entries) {
    const names = entry.providers.map((provider) => provider.name);
    if (entry.disabled) for (const name of names.length > 0 ? names : inherited) removed.add(name);
    else {
      replaced ||= names.length > 0;
      const targets = names.length > 0 ? names : inherited.length > 0 ? inherited : [fileProvider];
      added.push(...targets.map((provider) => ({ provider, ...conditionOf(context, entry) })));
    }
  }
  return { added, removed, replaced };
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
