import {
  AuthorizationPolicy_Action,
  AuthorizationPolicySchema,
} from "@lateen/protos/security/v1beta1/authorization_policy_pb.js";
import type {
  AuthorizationPolicy,
  Condition,
  Operation,
  Rule,
  Source,
} from "@lateen/protos/security/v1beta1/authorization_policy_pb.js";
import type { Cursor } from "../report.ts";
import { isIpOrCidr } from "../rules/addresses.ts";
import { checkSelector } from "../rules/labels.ts";
import { checkTargets } from "../rules/target-refs.ts";
import { checkNoEmptyStrings, checkPort } from "../rules/values.ts";
import { ageColumn, defineKind, securityVersions } from "./definition.ts";

const noTokens = "request authentication (JWT) is not built, so there are no token claims to check";

export const authorizationPolicy = defineKind({
  ...securityVersions,
  kind: "AuthorizationPolicy",
  plural: "authorizationpolicies",
  shortNames: ["ap"],
  schema: AuthorizationPolicySchema,
  columns: [
    { name: "Action", type: "string", jsonPath: ".spec.action", description: "What happens to matching requests" },
    ageColumn,
  ],
  nonEmpty: {
    "rules[].from": "without entries it would match nobody or everybody; remove it to match every caller",
    "rules[].to": "without entries it would match nothing or everything; remove it to match every operation",
    "rules[].when": "remove it to set no further conditions",
  },
  notBuilt: [
    { path: "action=AUDIT", reason: "requests are not audited" },
    { path: "rules[].from[].source.requestPrincipals", severity: "error", reason: noTokens },
    { path: "rules[].from[].source.notRequestPrincipals", severity: "error", reason: noTokens },
  ],
  check(spec, at) {
    checkSelector(spec.selector, at.at("selector"));
    checkTargets({ ...spec, selector: { field: "selector", value: spec.selector } }, at);
    checkAction(spec, at);
    for (const [index, rule] of spec.rules.entries()) {
      checkRule(rule, at.at("rules", index));
      if (spec.action === AuthorizationPolicy_Action.DENY) checkReach(rule, at.at("rules", index));
    }
  },
});

function checkAction(spec: AuthorizationPolicy, at: Cursor): void {
  const { action, actionDetail, rules } = spec;
  if (action === AuthorizationPolicy_Action.CUSTOM) {
    if (actionDetail.case !== "provider" || actionDetail.value.name === "") {
      at.at("provider", "name").error(
        "required",
        "is required for action CUSTOM: an entry of meshConfig.extensionProviders",
      );
    }
  } else if (actionDetail.case === "provider")
    at.at("provider").error("conflict", "is for action CUSTOM only; remove it, or set action: CUSTOM");
  if (rules.length === 0 && action !== AuthorizationPolicy_Action.ALLOW) {
    const name = AuthorizationPolicy_Action[action];
    at.at("rules").error(
      "required",
      `is required for action ${name}, which without rules would never match; "rules: [{}]" matches every request`,
    );
  }
}

function checkRule(rule: Rule, at: Cursor): void {
  for (const [index, from] of rule.from.entries()) {
    if (from.source) checkSource(from.source, at.at("from", index, "source"));
    else at.at("from", index, "source").error("required", "is required: who the caller is");
  }
  for (const [index, to] of rule.to.entries()) {
    if (to.operation) checkOperation(to.operation, at.at("to", index, "operation"));
    else at.at("to", index, "operation").error("required", "is required: what the caller does");
  }
  for (const [index, condition] of rule.when.entries()) checkCondition(condition, at.at("when", index));
}

/** What of a connection cannot be seen is taken to match, so that nobody gets round a DENY: as in Istio. */
function checkReach({ to }: Rule, at: Cursor): void {
  const requestsOnly =
    to.length > 0 && to.every(({ operation }) => !operation?.ports.length && !operation?.notPorts.length);
  if (requestsOnly)
    at.at("to").warning(
      "denies-connections",
      "looks at requests alone, and on TCP ports denies all that the rest of the rule matches; name the ports it is for",
    );
}

const sourceFields = [
  "principals",
  "notPrincipals",
  "requestPrincipals",
  "notRequestPrincipals",
  "namespaces",
  "notNamespaces",
  "serviceAccounts",
  "notServiceAccounts",
  "ipBlocks",
  "notIpBlocks",
  "remoteIpBlocks",
  "notRemoteIpBlocks",
  "trustDomains",
  "notTrustDomains",
] as const;

function checkSource(source: Source, at: Cursor): void {
  if (sourceFields.every((field) => source[field].length === 0))
    at.error("required", "must name someone: set principals, namespaces, serviceAccounts, ipBlocks, ...");
  for (const field of sourceFields) checkNoEmptyStrings(source[field], at.at(field));
  for (const field of ["ipBlocks", "notIpBlocks", "remoteIpBlocks", "notRemoteIpBlocks"] as const) {
    for (const [index, block] of source[field].entries()) checkIpBlock(block, at.at(field, index));
  }
  for (const field of ["trustDomains", "notTrustDomains"] as const) {
    for (const [index, domain] of source[field].entries())
      if (domain.includes("/"))
        at.at(field, index).error("trust-domain", `${JSON.stringify(domain)} is not a trust domain, which has no "/"`);
  }
  for (const field of ["serviceAccounts", "notServiceAccounts"] as const) {
    for (const [index, account] of source[field].entries()) checkServiceAccount(account, at.at(field, index));
  }
  const accounts = source.serviceAccounts.length + source.notServiceAccounts.length > 0;
  const others = (["principals", "notPrincipals", "namespaces", "notNamespaces"] as const).find(
    (field) => source[field].length > 0,
  );
  if (accounts && others)
    at.at(others).error("conflict", 'cannot be used with serviceAccounts; write "namespace/account" there');
}

function checkIpBlock(block: string, at: Cursor): void {
  if (block !== "" && !isIpOrCidr(block))
    at.error("address", `${JSON.stringify(block)} is not an IP address or CIDR such as "10.0.0.0/8"`);
}

function checkServiceAccount(account: string, at: Cursor): void {
  if (account.includes("*")) at.error("service-account", "wildcards are not supported here; use principals");
  else if (account !== "" && !/^([a-z0-9-]+\/)?[a-z0-9.-]+$/.test(account))
    at.error(
      "service-account",
      `${JSON.stringify(account)} is not a service account; write "name" or "namespace/name"`,
    );
}

const operationFields = [
  "hosts",
  "notHosts",
  "ports",
  "notPorts",
  "methods",
  "notMethods",
  "paths",
  "notPaths",
] as const;

function checkOperation(operation: Operation, at: Cursor): void {
  if (operationFields.every((field) => operation[field].length === 0))
    at.error("required", "must name something: set hosts, ports, methods or paths");
  for (const field of operationFields) checkNoEmptyStrings(operation[field], at.at(field));
  for (const field of ["ports", "notPorts"] as const) {
    for (const [index, port] of operation[field].entries()) checkPortText(port, at.at(field, index));
  }
  for (const field of ["paths", "notPaths"] as const) {
    for (const [index, path] of operation[field].entries()) checkPathTemplate(path, at.at(field, index));
  }
}

function checkPortText(port: string, at: Cursor): void {
  if (/^\d+$/.test(port)) checkPort(Number(port), at);
  else if (port !== "") at.error("port", `must be a port number, got ${JSON.stringify(port)}`);
}

/** `{*}` is one segment, `{**}` any number and last; neither mixes with a bare `*`. */
function checkPathTemplate(path: string, at: Cursor): void {
  if (!/[{}]/.test(path)) return;
  const segments = path.split("/").slice(1);
  const bad = segments.find((segment) => segment !== "{*}" && segment !== "{**}" && /[{}*]/.test(segment));
  if (bad !== undefined)
    at.error(
      "path",
      `${JSON.stringify(bad)} is not a path segment; in a template write {*} for one segment or {**} for the rest`,
    );
  const rest = segments.indexOf("{**}");
  if (rest >= 0 && segments.slice(rest + 1).some((segment) => segment.startsWith("{")))
    at.error("path", "{**} must be the last variable of the template");
}

const plainKeys = [
  "source.ip",
  "remote.ip",
  "source.namespace",
  "source.principal",
  "source.serviceAccount",
  "destination.ip",
  "destination.port",
  "connection.sni",
  "request.auth.principal",
  "request.auth.audiences",
  "request.auth.presenter",
];

function checkCondition(condition: Condition, at: Cursor): void {
  const { key, values, notValues } = condition;
  const known =
    plainKeys.includes(key) ||
    /^request\.headers\[[^\]]+\]$/.test(key) ||
    /^request\.auth\.claims(\[[^\]]+\])+$/.test(key) ||
    /^experimental\.envoy\.filters\./.test(key);
  if (key === "") at.at("key").error("required", "is required: which attribute to look at");
  else if (!known)
    at.at("key").error(
      "condition",
      `${JSON.stringify(key)} is not an attribute; known: ${plainKeys.join(", ")}, request.headers[name]`,
    );
  else if (key.startsWith("request.auth."))
    at.at("key").error(
      "not-built",
      `${JSON.stringify(key)} is refused because ignoring it would be unsafe: ${noTokens}`,
    );
  else if (key.startsWith("experimental."))
    at.at("key").error(
      "not-built",
      `${JSON.stringify(key)} is not built yet and is refused because ignoring it would be unsafe`,
    );
  if (values.length + notValues.length === 0) at.error("required", "needs values or notValues to compare with");
  for (const field of ["values", "notValues"] as const) {
    checkNoEmptyStrings(condition[field], at.at(field));
    for (const [index, value] of condition[field].entries()) {
      if (["source.ip", "remote.ip", "destination.ip"].includes(key)) checkIpBlock(value, at.at(field, index));
      if (key === "destination.port") checkPortText(value, at.at(field, index));
    }
  }
}
