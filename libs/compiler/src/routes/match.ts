import type * as ir from "@lateen/ir";
import { compareText } from "@lateen/model";
import type { HttpMatch, IstioStringMatch } from "../istio.ts";

/** What a request must look like. Without a match everything does. `byElement`: prefixes end at a `/` of the path. */
export function compileMatch(match: HttpMatch | undefined, byElement = false): ir.RouteMatch {
  if (match === undefined) return { path: { kind: "prefix", value: "/" } };
  const headers = [
    ...Object.entries(match.headers).map(([name, value]) => headerMatch(name, value)),
    ...Object.entries(match.withoutHeaders).map(([name, value]) => withoutHeader(name, value)),
  ].sort((left, right) => compareText(left.name, right.name));
  for (const [name, value] of [
    [":method", match.method],
    [":authority", match.authority],
    [":scheme", match.scheme],
  ] as const) {
    if (value !== undefined) headers.push(headerMatch(name, value));
  }
  const query = Object.entries(match.queryParams)
    .map(([name, value]) => ({ name, ...matchOf(value) }))
    .sort((left, right) => compareText(left.name, right.name));
  return {
    path: pathMatch(match.uri, byElement),
    ...(match.ignoreUriCase ? { ignorePathCase: true } : {}),
    ...(headers.length > 0 ? { headers } : {}),
    ...(query.length > 0 ? { query } : {}),
  };
}

function pathMatch(uri: IstioStringMatch | undefined, byElement: boolean): ir.RouteMatch["path"] {
  switch (uri?.matchType.case) {
    case "exact":
      return { kind: "exact", value: uri.matchType.value };
    case "prefix":
      return byElement ? elements(uri.matchType.value) : { kind: "prefix", value: uri.matchType.value };
    case "regex":
      return { kind: "regex", value: uri.matchType.value };
    default:
      return { kind: "prefix", value: "/" };
  }
}

function elements(prefix: string): ir.RouteMatch["path"] {
  const value = prefix.replace(/\/$/, "");
  return value === "" ? { kind: "prefix", value: "/" } : { kind: "elements", value };
}

function headerMatch(name: string, match: IstioStringMatch): ir.HeaderMatch {
  return { name: name.toLowerCase(), ...matchOf(match) };
}

/** A request without the header counts as one whose header is empty, so it does not match the value either. */
function withoutHeader(name: string, match: IstioStringMatch): ir.HeaderMatch {
  const value = matchOf(match);
  return {
    name: name.toLowerCase(),
    ...value,
    invert: true,
    ...(value.match === undefined ? {} : { missingIsEmpty: true }),
  };
}

/** No match, and the regex `*`, which is no regex, ask only for presence (as Istio reads them). */
function matchOf(match: IstioStringMatch): { readonly match?: ir.StringMatch } {
  const compiled = stringMatch(match);
  return compiled === undefined || (compiled.kind === "regex" && compiled.value === "*") ? {} : { match: compiled };
}

export function stringMatch(match: IstioStringMatch): ir.StringMatch | undefined {
  const { matchType } = match;
  return matchType.case === undefined ? undefined : { kind: matchType.case, value: matchType.value };
}

/** Nothing that comes after a rule with this match can be reached. */
export function matchesEverything(match: ir.RouteMatch): boolean {
  const { path } = match;
  const anyPath =
    (path.kind === "prefix" && (path.value === "/" || path.value === "")) ||
    (path.kind === "regex" && path.value === ".*");
  return anyPath && match.headers === undefined && match.query === undefined;
}
