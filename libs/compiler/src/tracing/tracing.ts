import type * as ir from "@lateen/ir";
import type { Context } from "../context.ts";
import { knows, proxyRef } from "../context.ts";
import { workloadModes } from "../istio-names.ts";
import type { TracingRule } from "../istio.ts";
import { policiesOf } from "../scope.ts";
import { tracerOf } from "./tracers.ts";
import { spanTags } from "./wishes.ts";

type Side = "client" | "server";

/** Of requests that nobody has decided about, one in a hundred is traced, as Istio has it. */
const defaultPercent = 1;

/** What rules say for one side of calls; what they do not say is absent. */
interface Choice {
  readonly provider?: string;
  readonly disabled?: boolean;
  readonly percent?: number;
  readonly tags?: TracingRule["customTags"];
  readonly describesWorkload?: boolean;
  readonly readsRequestId?: boolean;
  readonly keptFromServers?: boolean;
}

/** Spans of what comes in (`server`) and of what goes out, gateways included (`client`). */
export type TracingParts = Readonly<Record<Side, { readonly tracing?: ir.Tracing }>>;

export function tracingOf(context: Context): TracingParts {
  const rules = rulesOf(context);
  return { client: sideOf(context, rules, "client"), server: sideOf(context, rules, "server") };
}

/** The mesh's Telemetry, then the namespace's, then the workload's; later ones change what earlier ones said. */
function rulesOf({ snapshot, scope }: Context): readonly TracingRule[] {
  const { mesh, namespace, workload } = policiesOf(snapshot.telemetries, scope);
  const own = workload.filter((telemetry) => telemetry.meta.namespace === scope.namespace);
  return [mesh[0], namespace[0], own[0]].flatMap((telemetry) => telemetry?.spec.tracing ?? []);
}

function sideOf(context: Context, rules: readonly TracingRule[], side: Side): { readonly tracing?: ir.Tracing } {
  const [provider] = context.settings.defaultTracingProviders;
  if (rules.length === 0 && provider === undefined) return ownTracing(context);
  const choice = rules
    .filter((rule) => concerns(rule, side))
    .reduce(changed, provider === undefined ? {} : { provider });
  if (choice.disabled === true || choice.provider === undefined) return {};
  const defined = context.settings.providers.get(choice.provider);
  if (defined === undefined) {
    const message = `the tracing provider "${choice.provider}" is not defined in MeshConfig.extensionProviders; it gets no spans`;
    context.findings.warn(proxyRef(context), "provider-unusable", message);
    return {};
  }
  const chosen = tracerOf(context, defined);
  if (chosen === undefined) return {};
  const { tracer, samples, maxPathLength, spanPerCall } = chosen;
  return {
    tracing: {
      ...spansOf(context, choice, samples === true),
      tracer,
      ...(maxPathLength === undefined ? {} : { maxPathLength }),
      ...(spanPerCall === true ? { spanPerCall } : {}),
    },
  };
}

/** By the tracer of the proxy's bootstrap: what `enableTracing` is about. */
function ownTracing(context: Context): { readonly tracing?: ir.Tracing } {
  const has = context.settings.ownTracers && context.scope.wishes?.tracing?.ownTracer === true;
  return has ? { tracing: spansOf(context, {}, false) } : {};
}

function concerns({ match }: TracingRule, side: Side): boolean {
  const mode = workloadModes[match?.mode ?? 0] ?? "both";
  return mode === "both" || mode === side;
}

function changed(before: Choice, rule: TracingRule): Choice {
  const [provider] = rule.providers;
  const said = <Key extends keyof Choice>(key: Key, value: Choice[Key] | undefined): Pick<Choice, Key> | object =>
    value === undefined ? {} : { [key]: value };
  return {
    ...before,
    ...said("provider", provider?.name),
    ...said("disabled", rule.disableSpanReporting),
    ...said("percent", rule.randomSamplingPercentage),
    ...(Object.keys(rule.customTags).length === 0 ? {} : { tags: rule.customTags }),
    ...said("describesWorkload", rule.enableIstioTags),
    ...said("readsRequestId", rule.useRequestIdForTraceSampling),
    ...said("keptFromServers", rule.disableContextPropagation),
  };
}

function spansOf(context: Context, choice: Choice, samples: boolean): ir.Tracing {
  const wishes = context.scope.wishes?.tracing;
  const describes = choice.describesWorkload ?? wishes?.describesWorkload ?? true;
  return {
    randomPercent: samples ? 100 : (choice.percent ?? wishes?.percent ?? defaultPercent),
    tags: tagsOf(context, choice.tags === undefined ? (wishes?.tags ?? {}) : spanTags(choice.tags)),
    ...(wishes?.maxPathLength === undefined ? {} : { maxPathLength: wishes.maxPathLength }),
    ...(describes ? { describesWorkload: true } : {}),
    ...(choice.readsRequestId === false ? { ignoresRequestId: true } : {}),
    ...(choice.keptFromServers === true && canKeep(context) ? { keptFromServers: true } : {}),
  };
}

/** Without those that the release has no way to make. */
function tagsOf(context: Context, tags: ir.Tracing["tags"]): ir.Tracing["tags"] {
  if (knows(context, "formatted-log-tags")) return tags;
  const usable = Object.entries(tags).filter(([, { kind }]) => kind !== "format");
  if (usable.length < Object.keys(tags).length)
    tooOld(context, "1.37", "tags that are formatters are left out of its spans");
  return Object.fromEntries(usable);
}

function canKeep(context: Context): boolean {
  if (knows(context, "traces-kept-from-servers")) return true;
  tooOld(context, "1.38", "it tells servers of traces in spite of disableContextPropagation");
  return false;
}

function tooOld(context: Context, release: string, consequence: string): void {
  const message = `the proxy's Envoy is older than ${release}: ${consequence}`;
  context.findings.warn(proxyRef(context), "release-too-old", message);
}
