import { CountBy_Peer, Limit_Unit, RateLimitSchema } from "@lateen/protos/mesh/policy/v1alpha1/rate_limit_pb.js";
import type { CountBy, Limit, RateLimitRule, RequestMatch } from "@lateen/protos/mesh/policy/v1alpha1/rate_limit_pb.js";
import type { Cursor } from "../report.ts";
import { checkDistinct } from "../rules/distinct.ts";
import { isDnsLabel } from "../rules/hosts.ts";
import { checkSelector } from "../rules/labels.ts";
import { checkHeaderName } from "../rules/values.ts";
import { ageColumn, defineKind } from "./definition.ts";

/** Ours: Istio has no kind for rate limits. */
export const rateLimit = defineKind({
  group: "policy.lateen.dev",
  versions: ["v1alpha1"],
  storageVersion: "v1alpha1",
  kind: "RateLimit",
  plural: "ratelimits",
  shortNames: ["rl"],
  schema: RateLimitSchema,
  columns: [
    {
      name: "On failure",
      type: "string",
      jsonPath: ".spec.failureMode",
      description: "What happens while limits cannot be checked",
    },
    ageColumn,
  ],
  check(spec, at) {
    checkSelector(spec.selector, at.at("selector"));
    if (spec.rules.length === 0) at.at("rules").error("required", "needs at least one rule");
    for (const [index, rule] of spec.rules.entries()) checkRule(rule, at.at("rules", index));
    checkDistinct(
      spec.rules.map((rule) => rule.name),
      "rule",
      (index) => at.at("rules", index, "name"),
    );
  },
});

function checkRule(rule: RateLimitRule, at: Cursor): void {
  if (rule.name === "") at.at("name").error("required", "is required: names the rule in metrics");
  else if (!isDnsLabel(rule.name))
    at.at("name").error(
      "name",
      `${JSON.stringify(rule.name)} is not a rule's name (lower-case letters, digits, hyphens)`,
    );
  if (rule.match) checkMatch(rule.match, at.at("match"));
  for (const [index, countBy] of rule.countBy.entries()) checkCountBy(countBy, at.at("countBy", index));
  if (rule.limit) checkLimit(rule.limit, at.at("limit"));
  else at.at("limit").error("required", "is required: requests and unit");
}

function checkLimit(limit: Limit, at: Cursor): void {
  if (limit.requests === 0)
    at.at("requests").error(
      "range",
      "must be at least 1; to refuse every request use an AuthorizationPolicy with action DENY",
    );
  if (limit.unit === Limit_Unit.UNIT_UNSPECIFIED)
    at.at("unit").error("required", "is required: SECOND, MINUTE, HOUR or DAY");
}

function checkMatch(match: RequestMatch, at: Cursor): void {
  for (const [index, method] of match.methods.entries()) {
    if (!/^[A-Z]+$/.test(method))
      at.at("methods", index).error("method", `${JSON.stringify(method)} is not an HTTP method in upper case`);
  }
  for (const [index, path] of match.paths.entries()) {
    if (!/^\/[^*]*\*?$/.test(path))
      at.at("paths", index).error("path", `${JSON.stringify(path)} must begin with "/" and may end in "*"`);
  }
  for (const name of Object.keys(match.headers)) checkHeaderName(name, at.at("headers", name));
}

function checkCountBy(countBy: CountBy, at: Cursor): void {
  const { source } = countBy;
  if (source.case === undefined) at.error("required", "needs header or peer");
  else if (source.case === "header") checkHeaderName(source.value, at.at("header"));
  else if (source.value === CountBy_Peer.PEER_UNSPECIFIED)
    at.at("peer").error("required", "must be CLIENT_ADDRESS or PRINCIPAL");
}
