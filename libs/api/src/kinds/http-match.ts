import type { HTTPMatchRequest, StringMatch } from "@lateen/protos/networking/v1alpha3/virtual_service_pb.js";
import type { Cursor } from "../report.ts";
import { checkGatewayNames } from "../rules/gateway-names.ts";
import { isDnsLabel } from "../rules/hosts.ts";
import { checkLabels } from "../rules/labels.ts";
import { checkHeaderName, checkPort, checkRegex } from "../rules/values.ts";

export function checkHttpMatch(match: HTTPMatchRequest, at: Cursor): void {
  checkPath(match, at.at("uri"));
  for (const field of ["scheme", "method", "authority"] as const) checkStringMatch(match[field], at.at(field), true);
  for (const field of ["headers", "withoutHeaders"] as const) {
    for (const [name, value] of Object.entries(match[field])) {
      if (name.startsWith("@request.auth.claims"))
        at.at(field, name).error(
          "not-built",
          "routing by a token's claims is not built yet; match a header that the gateway sets",
        );
      else checkHeaderName(name, at.at(field, name), true);
      if (field === "headers" || !isPresence(value)) checkStringMatch(value, at.at(field, name), false);
    }
  }
  for (const [name, value] of Object.entries(match.queryParams)) {
    if (name === "") at.at("queryParams", name).error("empty", "a query parameter's name must not be empty");
    checkStringMatch(value, at.at("queryParams", name), false);
  }
  if (match.port !== 0) checkPort(match.port, at.at("port"));
  checkLabels(match.sourceLabels, at.at("sourceLabels"));
  checkGatewayNames(match.gateways, at.at("gateways"));
  if (match.sourceNamespace !== "" && !isDnsLabel(match.sourceNamespace)) {
    at.at("sourceNamespace").error("namespace", `${JSON.stringify(match.sourceNamespace)} is not a namespace's name`);
  }
  if (match.ignoreUriCase && match.uri?.matchType.case === "regex") {
    at.at("ignoreUriCase").warning("ineffective", 'has no effect on a regex; begin the expression with "(?i)"');
  }
}

/** Every path begins with nothing. */
function checkPath({ uri }: HTTPMatchRequest, at: Cursor): void {
  if (uri?.matchType.case !== "prefix" || uri.matchType.value !== "") checkStringMatch(uri, at, true);
}

/** Istio's way to say "whatever its value", which is no expression. */
function isPresence({ matchType }: StringMatch): boolean {
  return matchType.case === "regex" && matchType.value === "*";
}

/** An empty match means "is present" for headers and parameters; of the rest it would say nothing. */
export function checkStringMatch(match: StringMatch | undefined, at: Cursor, needed: boolean): void {
  if (!match) return;
  const { matchType } = match;
  if (matchType.case === "regex") checkRegex(matchType.value, at.at("regex"));
  else if (matchType.case === undefined && needed)
    at.warning("no-effect", "says nothing; set one of exact, prefix, regex, or remove it");
  else if (matchType.case === "exact" && matchType.value === "" && needed)
    at.at("exact").warning("no-effect", "is matched by no request; remove the match to match everything");
  else if (matchType.value === "" && (needed || matchType.case === "prefix"))
    at.at(matchType.case ?? "exact").error("empty", "must not be empty; remove the match to match everything");
}
