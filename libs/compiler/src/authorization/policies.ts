import type * as ir from "@lateen/ir";
import type { MeshObject } from "@lateen/model";
import { proxyRef, requires } from "../context.ts";
import type { Context } from "../context.ts";
import { byAge } from "../index/ordering.ts";
import { authorizationActions } from "../istio-names.ts";
import type { AuthorizationPolicy } from "../istio.ts";
import { policiesOf } from "../scope.ts";
import { externalAuthorizations } from "./external.ts";
import { ruleSet } from "./rule-sets.ts";
import type { Policies } from "./rule-sets.ts";

/** What a listener of the proxy checks, for requests or for TCP connections, in Istio's order: custom, audit, deny, allow. */
export interface AuthorizationSteps {
  readonly external: readonly ir.ExternalAuthorization[];
  readonly steps: readonly ir.Authorization[];
  /** There are policies and no way to check them: nothing may pass. */
  readonly refuse: boolean;
}

const rbac = { http: "envoy.filters.http.rbac", tcp: "envoy.filters.network.rbac" } as const;

export function authorizationFor(context: Context, forTcp: boolean): AuthorizationSteps {
  const policies = applicable(context);
  if (policies.length === 0) return { external: [], steps: [], refuse: false };
  const filter = forTcp ? rbac.tcp : rbac.http;
  if (
    !requires(
      context,
      filter,
      policies[0]?.origin ?? proxyRef(context),
      "its policies cannot be checked, so nothing is let through",
    )
  ) {
    return { external: [], steps: [], refuse: true };
  }
  const acting = (action: string): Policies =>
    policies.filter((policy) => authorizationActions[policy.spec.action] === action);
  return {
    refuse: false,
    external: externalAuthorizations(context, acting("custom"), forTcp),
    steps: [
      ...stepFor(context, acting("audit"), "log", forTcp),
      ...stepFor(context, acting("deny"), "deny", forTcp),
      ...stepFor(context, acting("allow"), "allow", forTcp),
    ],
  };
}

function applicable(context: Context): Policies {
  const { mesh, namespace, workload } = policiesOf(context.snapshot.authorizationPolicies, context.scope);
  return [...mesh, ...namespace, ...workload].sort(byAge);
}

function stepFor(
  context: Context,
  policies: Policies,
  action: ir.RuleSet["action"],
  forTcp: boolean,
): readonly ir.Authorization[] {
  if (policies.length === 0) return [];
  const enforced = policies.filter((policy) => !isDryRun(policy));
  const dry = policies.filter(isDryRun);
  return [
    {
      ...(enforced.length > 0 ? { enforce: ruleSet(context, enforced, action, forTcp) } : {}),
      ...(dry.length > 0 ? { dryRun: ruleSet(context, dry, action, forTcp) } : {}),
    },
  ];
}

function isDryRun(object: MeshObject<AuthorizationPolicy>): boolean {
  return object.meta.annotations["istio.io/dry-run"] === "true";
}
