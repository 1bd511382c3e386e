import type * as ir from "@lateen/ir";
import { formatRef } from "@lateen/model";
import type { MeshObject } from "@lateen/model";
import { escapeRegex } from "./authorization/string-match.ts";
import { requires } from "./context.ts";
import type { Context } from "./context.ts";
import { byAge } from "./index/ordering.ts";
import type { RateLimit, RateLimitObjectRule } from "./istio.ts";
import { mixerPolicyCluster } from "./providers.ts";
import { policiesOf } from "./scope.ts";

const filter = "envoy.filters.http.ratelimit";
const expressions = "envoy.rate_limit_descriptors.expr";
const callTimeoutMs = 200;
const principalSource = 2;

/** Filters to add to a listener, and the rules its virtual hosts carry. */
export interface RateLimits {
  readonly filters: readonly ir.RateLimiting[];
  readonly rules: readonly ir.RateLimitRule[];
}

/** `identified`: the caller is known by its certificate, which counting by principal needs. */
export function rateLimitsFor(context: Context, identified: boolean): RateLimits {
  const objects = selected(context);
  const [first] = objects;
  if (first === undefined) return { filters: [], rules: [] };
  const cluster = mixerPolicyCluster(context);
  if (cluster === undefined) {
    for (const object of objects) {
      context.findings.warn(
        object.origin,
        "no-policy-service",
        `nothing is limited: the service lateen-mixer-policy of namespace ${context.settings.rootNamespace} (port 9091), which counts, is not in the mesh`,
      );
    }
    return { filters: [], rules: [] };
  }
  if (!requires(context, filter, first.origin, "nothing is limited")) return { filters: [], rules: [] };
  const rules = objects.flatMap((object) => rulesOf(context, object, identified));
  const stages = [...new Set(rules.map((rule) => rule.stage))].sort();
  return {
    rules,
    filters: stages.map((stage) => ({ cluster, stage, denyOnFailure: stage === denyStage, timeoutMs: callTimeoutMs })),
  };
}

function selected(context: Context): readonly MeshObject<RateLimit>[] {
  const { mesh, namespace, workload } = policiesOf(context.snapshot.rateLimits, context.scope);
  const own = workload.filter((object) => object.meta.namespace === context.scope.namespace);
  return [...mesh, ...namespace, ...own].sort(byAge);
}

/** One filter has one failure mode, so each mode is a stage. */
const denyStage = 1;

function rulesOf(context: Context, object: MeshObject<RateLimit>, identified: boolean): readonly ir.RateLimitRule[] {
  const stage = object.spec.failureMode === 1 ? denyStage : 0;
  return object.spec.rules.flatMap((rule) => {
    const countBy = rule.countBy.map(countSource);
    const byPrincipal = countBy.some((source) => source.kind === "principal");
    // Without a certificate there is no principal, and such requests are not counted.
    if (byPrincipal && !identified) return [];
    if (
      byPrincipal &&
      !requires(context, expressions, object.origin, `${formatRef(object.origin)} rule "${rule.name}" is not applied`)
    )
      return [];
    return [
      { id: `${object.meta.namespace}/${object.meta.name}/${rule.name}`, stage, headers: matchers(rule), countBy },
    ];
  });
}

function countSource({ source }: RateLimitObjectRule["countBy"][number]): ir.RateLimitRule["countBy"][number] {
  if (source.case === "header") return { kind: "header", name: source.value.toLowerCase() };
  return source.value === principalSource ? { kind: "principal" } : { kind: "client-address" };
}

function matchers({ match }: RateLimitObjectRule): readonly ir.HeaderMatch[] {
  if (match === undefined) return [];
  return [
    ...(match.methods.length > 0 ? [{ name: ":method", match: regex(match.methods.map(escapeRegex)) }] : []),
    ...(match.paths.length > 0 ? [{ name: ":path", match: regex(match.paths.map(pathPattern)) }] : []),
    ...Object.entries(match.headers)
      .sort()
      .map(([name, value]): ir.HeaderMatch => ({ name: name.toLowerCase(), match: { kind: "exact", value } })),
  ];
}

function regex(alternatives: readonly string[]): ir.StringMatch {
  const [only, ...others] = alternatives;
  return { kind: "regex", value: others.length === 0 ? (only ?? "") : `(?:${alternatives.join("|")})` };
}

/** The header `:path` includes the query. */
function pathPattern(path: string): string {
  return path.endsWith("*") ? `${escapeRegex(path.slice(0, -1))}.*` : `${escapeRegex(path)}(?:\\?.*)?`;
}
