import type * as ir from "@lateen/ir";
import type { Context } from "../context.ts";
import type { AuthorizationOperation, AuthorizationPolicy, AuthorizationRule, AuthorizationSource } from "../istio.ts";
import type { MeshObject } from "@lateen/model";
import { attributeOf } from "./attributes.ts";
import type { AttributeSite } from "./attributes.ts";

/** `allow` may only get narrower where something is not understood, every other action only wider. */
export type Caution = "narrow" | "wide";

export interface RuleQuestion {
  readonly object: MeshObject<AuthorizationPolicy>;
  readonly rule: AuthorizationRule;
  readonly id: string;
  readonly forTcp: boolean;
  readonly caution: Caution;
}

interface Condition {
  readonly key: string;
  readonly values: readonly string[];
  readonly notValues: readonly string[];
}

/** Undefined when the rule has to be left out to stay on the safe side. */
export function compileRule(context: Context, question: RuleQuestion): ir.PolicyRule | undefined {
  const { rule } = question;
  const when: readonly Condition[] = rule.when;
  const sources = rule.from.length === 0 ? [[]] : rule.from.map((from) => conditionsOfSource(from.source));
  const operations = rule.to.length === 0 ? [[]] : rule.to.map((to) => conditionsOfOperation(to.operation));
  const principals = sources.map((conditions) => predicateOf(context, question, [...conditions, ...when], "principal"));
  const permissions = operations.map((conditions) =>
    predicateOf(context, question, [...conditions, ...when], "permission"),
  );
  if (principals.includes(undefined) || permissions.includes(undefined)) return undefined;
  return {
    id: question.id,
    permissions: permissions.flatMap((one) => one ?? []),
    principals: principals.flatMap((one) => one ?? []),
  };
}

function conditionsOfSource(source: AuthorizationSource | undefined): readonly Condition[] {
  if (source === undefined) return [];
  return present([
    { key: "source.principal", values: source.principals, notValues: source.notPrincipals },
    { key: "request.auth.principal", values: source.requestPrincipals, notValues: source.notRequestPrincipals },
    { key: "source.namespace", values: source.namespaces, notValues: source.notNamespaces },
    { key: "source.serviceAccount", values: source.serviceAccounts, notValues: source.notServiceAccounts },
    { key: "source.trustDomain", values: source.trustDomains, notValues: source.notTrustDomains },
    { key: "remote.ip", values: source.remoteIpBlocks, notValues: source.notRemoteIpBlocks },
    { key: "source.ip", values: source.ipBlocks, notValues: source.notIpBlocks },
  ]);
}

function conditionsOfOperation(operation: AuthorizationOperation | undefined): readonly Condition[] {
  if (operation === undefined) return [];
  return present([
    { key: "request.host", values: operation.hosts, notValues: operation.notHosts },
    { key: "request.method", values: operation.methods, notValues: operation.notMethods },
    { key: "request.path", values: operation.paths, notValues: operation.notPaths },
    { key: "destination.port", values: operation.ports, notValues: operation.notPorts },
  ]);
}

function present(conditions: readonly Condition[]): readonly Condition[] {
  return conditions.filter((condition) => condition.values.length > 0 || condition.notValues.length > 0);
}

function predicateOf(
  context: Context,
  question: RuleQuestion,
  conditions: readonly Condition[],
  side: "principal" | "permission",
): ir.Predicate | undefined {
  const all: ir.Predicate[] = [];
  for (const condition of conditions) {
    const parts = conditionPredicates(context, question, condition, side);
    if (parts === undefined) return undefined;
    all.push(...parts);
  }
  const [only, ...others] = all;
  if (only === undefined) return { kind: "always" };
  return others.length === 0 ? only : { kind: "all", of: all };
}

function conditionPredicates(
  context: Context,
  question: RuleQuestion,
  condition: Condition,
  side: "principal" | "permission",
): readonly ir.Predicate[] | undefined {
  const attribute = attributeOf(condition.key);
  if (attribute === undefined)
    return notUnderstood(context, question, `the attribute "${condition.key}" is not supported`);
  if (attribute.side !== side) return [];
  if (attribute.httpOnly && question.forTcp) return question.caution === "narrow" ? undefined : [];
  const values = matchesAny(context, question, condition.key, condition.values);
  const notValues = matchesAny(context, question, condition.key, condition.notValues);
  if (values === undefined || notValues === undefined) return undefined;
  return [...values, ...notValues.map((of): ir.Predicate => ({ kind: "not", of }))];
}

function matchesAny(
  context: Context,
  question: RuleQuestion,
  key: string,
  values: readonly string[],
): readonly ir.Predicate[] | undefined {
  const attribute = attributeOf(key);
  const site = siteOf(context, question);
  const predicates: ir.Predicate[] = [];
  for (const value of values) {
    const predicate = attribute?.predicate(value, site);
    if (predicate === undefined) {
      if (notUnderstood(context, question, `"${value}" is no value for ${key}`) === undefined) return undefined;
    } else predicates.push(...(predicate.kind === "any" ? predicate.of : [predicate]));
  }
  const [only, ...others] = predicates;
  if (only === undefined) return [];
  return others.length === 0 ? [only] : [{ kind: "any", of: predicates }];
}

function siteOf(context: Context, question: RuleQuestion): AttributeSite {
  const { trustDomain, trustDomainAliases } = context.settings;
  return {
    policyNamespace: question.object.meta.namespace,
    trustDomains: [...new Set([trustDomain, ...trustDomainAliases])],
  };
}

/** Leaves the rule out of an ALLOW policy; in others leaves the condition out, so that the rule meets more. */
function notUnderstood(
  context: Context,
  { object, id, caution }: RuleQuestion,
  problem: string,
): readonly ir.Predicate[] | undefined {
  const outcome =
    caution === "narrow" ? "the rule allows nothing" : "the condition is ignored, so the rule applies to more requests";
  context.findings.warn(object.origin, "authorization-not-understood", `${id}: ${problem}; ${outcome}`);
  return caution === "narrow" ? undefined : [];
}
