import type * as ir from "@lateen/ir";
import { compareText } from "@lateen/model";
import type { MeshObject } from "@lateen/model";
import type { Context } from "../context.ts";
import type { AuthorizationPolicy } from "../istio.ts";
import { compileRule } from "./rules.ts";

export type Policies = readonly MeshObject<AuthorizationPolicy>[];

export function ruleSet(
  context: Context,
  policies: Policies,
  action: ir.RuleSet["action"],
  forTcp: boolean,
  prefix = "",
): ir.RuleSet {
  const rules = policies.flatMap((policy) => rulesOf(context, policy, { action, forTcp, prefix }));
  return { action, rules: rules.sort((left, right) => compareText(left.id, right.id)) };
}

function rulesOf(
  context: Context,
  object: MeshObject<AuthorizationPolicy>,
  how: { action: ir.RuleSet["action"]; forTcp: boolean; prefix: string },
): readonly ir.PolicyRule[] {
  const id = (index: number): string =>
    `${how.prefix}ns[${object.meta.namespace}]-policy[${object.meta.name}]-rule[${index}]`;
  if (object.spec.rules.length === 0) return [neverMatches(id(0))];
  const caution = how.action === "allow" ? "narrow" : "wide";
  return object.spec.rules.flatMap(
    (rule, index) => compileRule(context, { object, rule, id: id(index), forTcp: how.forTcp, caution }) ?? [],
  );
}

/** A policy without rules matches nothing; an ALLOW policy of that kind still means that something else must allow. */
function neverMatches(id: string): ir.PolicyRule {
  const never: ir.Predicate = { kind: "not", of: { kind: "always" } };
  return { id, permissions: [never], principals: [never] };
}
