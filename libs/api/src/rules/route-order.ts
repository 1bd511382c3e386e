import type { HTTPMatchRequest, HTTPRoute } from "@lateen/protos/networking/v1alpha3/virtual_service_pb.js";
import type { Cursor } from "../report.ts";

/** What the rules so far match: whole matches by their text, and paths that begin with something, whatever else. */
interface Taken {
  readonly matches: Map<string, number>;
  readonly prefixes: Map<string, number>;
}

/** Rules are tried in order: what follows one that matches the same, or more, is never reached (Istio's IST0130). */
export function checkVisibleRoutes(routes: readonly HTTPRoute[], at: Cursor): void {
  const taken: Taken = { matches: new Map(), prefixes: new Map() };
  let everything: number | undefined;
  for (const [index, route] of routes.entries()) {
    const here = at.at(index);
    if (everything !== undefined) {
      here.warning(
        "IST0130",
        `is never reached: ${nameOf(routes, everything)} before it matches every request; put it first`,
      );
      continue;
    }
    warnOfTaken(routes, index, { taken, at: here });
    if (!route.delegate && (route.match.length === 0 || route.match.some(matchesEverything))) everything = index;
  }
}

function nameOf(routes: readonly HTTPRoute[], index: number): string {
  const name = routes[index]?.name ?? "";
  return `http[${index}]${name === "" ? "" : ` (${JSON.stringify(name)})`}`;
}

/** Then takes what the rule itself matches. What a delegate matches is not said here. */
function warnOfTaken(
  routes: readonly HTTPRoute[],
  index: number,
  { taken, at }: { readonly taken: Taken; readonly at: Cursor },
): void {
  const { match = [], delegate } = routes[index] ?? {};
  const owners = match.map((each) => {
    const owner = ownerOf(each, taken);
    if (delegate === undefined) take(each, index, taken);
    return owner;
  });
  const [first] = owners;
  if (first !== undefined && owners.every((owner) => owner !== undefined)) {
    at.warning(
      "IST0130",
      `is never reached: ${nameOf(routes, first)} before it matches the same requests; put it first`,
    );
    return;
  }
  for (const [position, owner] of owners.entries())
    if (owner !== undefined)
      at.at("match", position).warning(
        "IST0130",
        `is never reached: ${nameOf(routes, owner)} matches the same requests first`,
      );
}

function take(match: HTTPMatchRequest, index: number, { matches, prefixes }: Taken): void {
  const key = JSON.stringify(plain(match));
  if (!matches.has(key)) matches.set(key, index);
  const { uri } = match;
  if (uri?.matchType.case !== "prefix" || match.ignoreUriCase || !matchesEverything({ ...match, uri: undefined }))
    return;
  if (!prefixes.has(uri.matchType.value)) prefixes.set(uri.matchType.value, index);
}

function ownerOf(match: HTTPMatchRequest, { matches, prefixes }: Taken): number | undefined {
  const same = matches.get(JSON.stringify(plain(match)));
  const { matchType } = match.uri ?? {};
  if (same !== undefined || prefixes.size === 0 || match.ignoreUriCase) return same;
  if (matchType?.case !== "prefix" && matchType?.case !== "exact") return undefined;
  for (let length = 0; length <= matchType.value.length; length++) {
    const owner = prefixes.get(matchType.value.slice(0, length));
    if (owner !== undefined) return owner;
  }
  return undefined;
}

/** Without its name, which says nothing of requests. */
function plain({ name: _name, statPrefix: _statPrefix, ...match }: HTTPMatchRequest): object {
  return match;
}

function matchesEverything(
  match: Omit<HTTPMatchRequest, "uri"> & { readonly uri?: HTTPMatchRequest["uri"] | undefined },
): boolean {
  const { uri } = match;
  const anyPath = uri === undefined || (uri.matchType.case === "prefix" && ["/", ""].includes(uri.matchType.value));
  const anyElse =
    !match.scheme && !match.method && !match.authority && match.port === 0 && match.sourceNamespace === "";
  const maps = [match.headers, match.withoutHeaders, match.queryParams, match.sourceLabels];
  return anyPath && anyElse && match.gateways.length === 0 && maps.every((map) => Object.keys(map).length === 0);
}
