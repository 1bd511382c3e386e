import type * as ir from "@lateen/ir";
import { isEmptyRecord } from "@lateen/model";
import { positive } from "../durations.ts";
import type { ProxySettings, SpanTagRule } from "../istio.ts";

/** What a ProxyConfig says of spans; rules without a word of their own follow it. */
export interface TracingWishes {
  /** The proxy's bootstrap has a tracer. */
  readonly ownTracer?: true;
  readonly percent?: number;
  readonly maxPathLength?: number;
  readonly tags?: Readonly<Record<string, ir.SpanTag>>;
  /** False: spans say nothing of the mesh. */
  readonly describesWorkload?: false;
}

/** Nothing where it says what holds anyway. */
export function tracingWishesOf(config: ProxySettings | undefined): { readonly tracing?: TracingWishes } {
  const { tracing, zipkinAddress = "" } = config ?? {};
  const tags = spanTags(tracing?.customTags ?? {});
  const wishes: TracingWishes = {
    ...(tracing?.tracer.case !== undefined || zipkinAddress !== "" ? { ownTracer: true } : {}),
    ...positive("percent", percentOf(tracing?.sampling)),
    ...positive("maxPathLength", tracing?.maxPathTagLength),
    ...(isEmptyRecord(tags) ? {} : { tags }),
    ...(tracing?.enableIstioTags === false ? { describesWorkload: false } : {}),
  };
  return Object.keys(wishes).length === 0 ? {} : { tracing: wishes };
}

/** More than all is taken for a mistake, as in Istio. */
function percentOf(sampling: number | undefined): number | undefined {
  return sampling !== undefined && sampling > 100 ? 1 : sampling;
}

/** Tags by name, sorted. One that says nothing is left out. */
export function spanTags(rules: Readonly<Record<string, SpanTagRule>>): Readonly<Record<string, ir.SpanTag>> {
  const named = Object.entries(rules).flatMap(([name, rule]) => {
    const tag = spanTag(rule);
    return tag === undefined ? [] : [[name, tag] as const];
  });
  return Object.fromEntries(named.sort(([left], [right]) => (left < right ? -1 : 1)));
}

function spanTag({ type }: SpanTagRule): ir.SpanTag | undefined {
  switch (type.case) {
    case "literal":
      return { kind: "literal", value: type.value.value };
    case "environment":
    case "header":
      return { kind: type.case, name: type.value.name, otherwise: type.value.defaultValue };
    case "formatter":
      return { kind: "format", format: type.value.value };
    default:
      return undefined;
  }
}
