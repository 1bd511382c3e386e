import { compareText } from "@lateen/model";

/** How a path of an Ingress is matched; undefined: every path is. */
export type PathMatch = { readonly case: "exact" | "prefix"; readonly value: string } | undefined;

const everything = ["", "*", "/*", ".*"];

/**
 * `ImplementationSpecific` is Istio's old way: the path itself, or with `/*` or `.*` at its end what begins so.
 * `no-path`: what no request can have.
 */
export function pathMatchOf(pathType: string, path: string): PathMatch | "no-path" {
  if (pathType === "Exact") return { case: "exact", value: path };
  if (pathType === "Prefix") return /[?#]/.test(path) ? "no-path" : { case: "prefix", value: path };
  if (everything.includes(path)) return undefined;
  const [, prefix] = /^(.*)[./]\*$/.exec(path) ?? [];
  if (prefix === undefined) return { case: "exact", value: path };
  return /[?#]/.test(prefix) ? "no-path" : { case: "prefix", value: prefix };
}

/** Longest first, of equal length the exact one first; what matches everything last. */
export function byPrecedence(left: PathMatch, right: PathMatch): number {
  return lengthOf(right) - lengthOf(left) || compareText(left?.case ?? "", right?.case ?? "");
}

/** Paths with equal keys match the same requests. */
export function pathKey(match: PathMatch): string {
  return match === undefined || lengthOf(match) === 0 ? "" : `${match.case} ${trimmed(match)}`;
}

function lengthOf(match: PathMatch): number {
  return match === undefined ? -1 : trimmed(match).length;
}

/** A prefix is compared element by element, so a `/` at its end says nothing. */
function trimmed(match: NonNullable<PathMatch>): string {
  return match.case === "prefix" ? match.value.replace(/\/$/, "") : match.value;
}
