import { isEmptyRecord } from "@lateen/model";
import type { HttpMatch, HttpRule, IstioStringMatch } from "../istio.ts";

/**
 * A delegate's rule as the rule that delegates to it allows: both matches have to hold, and what the delegate does not say
 * is taken from the outer rule. Undefined where a match of the delegate lies within none of the outer rule's: Istio then
 * leaves the rule out, https://istio.io/latest/docs/reference/config/networking/virtual-service/#Delegate
 */
export function delegatedRules(outer: HttpRule, own: HttpRule): HttpRule | undefined {
  const match = bothMatches(outer.match, own.match);
  if (match === undefined) return undefined;
  const { rewrite, timeout, retries, fault, mirror, mirrorPercentage, mirrorPercent, corsPolicy, headers } = outer;
  const inherited = { rewrite, timeout, retries, fault, mirror, mirrorPercentage, mirrorPercent, corsPolicy, headers };
  const missing = Object.entries(inherited).filter(([field]) => own[field as keyof typeof inherited] === undefined);
  return {
    ...own,
    ...Object.fromEntries(missing),
    match,
    name: joined(outer.name, own.name),
    mirrors: own.mirrors.length > 0 || own.mirror !== undefined ? own.mirrors : outer.mirrors,
  };
}

function joined(outer: string, own: string): string {
  return outer === "" || own === "" ? outer || own : `${outer}-${own}`;
}

/** Each of the delegate's has to fit into one of the outer rule's, and holds within every one that it fits into. */
function bothMatches(outer: readonly HttpMatch[], own: readonly HttpMatch[]): HttpMatch[] | undefined {
  if (outer.length === 0) return [...own];
  if (own.length === 0) return [...outer];
  const fitting = own.map((inner) => outer.flatMap((match) => bothOf(match, inner) ?? []));
  return fitting.some((matches) => matches.length === 0) ? undefined : fitting.flat();
}

function bothOf(outer: HttpMatch, own: HttpMatch): HttpMatch | undefined {
  if (!isWithin(outer, own)) return undefined;
  return {
    ...outer, // uri, scheme, method and authority where the delegate has none
    ...own,
    name: joined(outer.name, own.name),
    headers: { ...outer.headers, ...own.headers },
    withoutHeaders: { ...outer.withoutHeaders, ...own.withoutHeaders },
    queryParams: { ...outer.queryParams, ...own.queryParams },
    sourceLabels: { ...outer.sourceLabels, ...own.sourceLabels },
    port: own.port || outer.port,
    sourceNamespace: own.sourceNamespace || outer.sourceNamespace,
    gateways: own.gateways.length > 0 ? own.gateways : outer.gateways,
    statPrefix: own.statPrefix || outer.statPrefix,
    ignoreUriCase: own.uri === undefined ? outer.ignoreUriCase : own.ignoreUriCase,
  };
}

function isWithin(outer: HttpMatch, own: HttpMatch): boolean {
  const values = (["uri", "scheme", "method", "authority"] as const).every((field) =>
    narrows(outer[field], own[field]),
  );
  const sameCase = outer.uri === undefined || own.uri === undefined || outer.ignoreUriCase === own.ignoreUriCase;
  return (
    values &&
    sameCase &&
    narrowsEach(outer.headers, own.headers) &&
    narrowsEach(outer.queryParams, own.queryParams) &&
    agrees(outer.withoutHeaders, own.withoutHeaders) &&
    agreesOnLabels(outer.sourceLabels, own.sourceLabels) &&
    (outer.port === 0 || own.port === 0 || outer.port === own.port) &&
    (outer.sourceNamespace === "" || own.sourceNamespace === "" || outer.sourceNamespace === own.sourceNamespace) &&
    (outer.gateways.length === 0 || own.gateways.every((gateway) => outer.gateways.includes(gateway)))
  );
}

function narrowsEach(
  outer: Readonly<Record<string, IstioStringMatch>>,
  own: Readonly<Record<string, IstioStringMatch>>,
): boolean {
  return Object.entries(own).every(([name, match]) => outer[name] === undefined || narrows(outer[name], match));
}

/** Whether `own` is a part of `outer`, as far as that can be told: of two expressions it cannot. */
function narrows(outer: IstioStringMatch | undefined, own: IstioStringMatch | undefined): boolean {
  if (outer === undefined || own === undefined) return true;
  const [wide, narrow] = [outer.matchType, own.matchType];
  if (wide.case === undefined) return true; // only asks for presence
  if (narrow.case === "exact" && wide.case === "exact") return narrow.value === wide.value;
  if (wide.case === "prefix" && (narrow.case === "exact" || narrow.case === "prefix"))
    return narrow.value.startsWith(wide.value);
  return false;
}

/** What must be absent cannot be narrowed: both may name the same header only if they say the same of it. */
function agrees(
  outer: Readonly<Record<string, IstioStringMatch>>,
  own: Readonly<Record<string, IstioStringMatch>>,
): boolean {
  return Object.entries(own).every(([name, { matchType }]) => {
    const other = outer[name]?.matchType;
    return other === undefined || (other.case === matchType.case && other.value === matchType.value);
  });
}

function agreesOnLabels(outer: Readonly<Record<string, string>>, own: Readonly<Record<string, string>>): boolean {
  if (isEmptyRecord(outer)) return true;
  return Object.entries(own).every(([name, value]) => outer[name] === undefined || outer[name] === value);
}
