import { create } from "@bufbuild/protobuf";
import {
  type PermissionSchema,
  type PolicySchema,
  type PrincipalSchema,
  RBAC_Action,
  type RBAC,
  RBACSchema,
} from "@lateen/protos/envoy/config/rbac/v3/rbac_pb.js";
import { UriTemplateMatchConfigSchema } from "@lateen/protos/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js";
import type { ir } from "./ir.ts";
import { headerMatcher, stringMatcher } from "./matching.ts";
import { extension, unreachable, type Init } from "./spelling.ts";

type PermissionInit = Init<typeof PermissionSchema>;
type PrincipalInit = Init<typeof PrincipalSchema>;
type PolicyInit = Init<typeof PolicySchema>;

const actions = { allow: RBAC_Action.ALLOW, deny: RBAC_Action.DENY, log: RBAC_Action.LOG } as const;

/** Policies by id; `prefix` sets the ids of one filter's rules apart from another's. */
export function buildRules(rules: ir.RuleSet, prefix = ""): RBAC {
  const policies: Record<string, PolicyInit> = {};
  for (const rule of rules.rules) {
    policies[`${prefix}${rule.id}`] = {
      permissions: rule.permissions.map(buildPermission),
      principals: rule.principals.map(buildPrincipal),
    };
  }
  return create(RBACSchema, { action: actions[rules.action], policies });
}

/** The settings that the HTTP and the network filter share. */
export function buildAuthorization({ enforce, dryRun }: ir.Authorization) {
  return {
    ...(enforce && { rules: buildRules(enforce) }),
    ...(dryRun && { shadowRules: buildRules(dryRun), shadowRulesStatPrefix: `istio_dry_run_${dryRun.action}_` }),
  };
}

function buildPermission(predicate: ir.Predicate): PermissionInit {
  switch (predicate.kind) {
    case "always":
      return { rule: { case: "any", value: true } };
    case "all":
    case "any": {
      if (predicate.of.length === 0) return constant<PermissionInit>(predicate.kind === "all", (rule) => ({ rule }));
      const value = { rules: predicate.of.map(buildPermission) };
      return { rule: predicate.kind === "all" ? { case: "andRules", value } : { case: "orRules", value } };
    }
    case "not":
      return { rule: { case: "notRule", value: buildPermission(predicate.of) } };
    case "header":
      return { rule: { case: "header", value: headerMatcher(predicate.header) } };
    case "path":
      return { rule: { case: "urlPath", value: { rule: { case: "path", value: stringMatcher(predicate.match) } } } };
    case "path-template": {
      const value = extension("uri-template", UriTemplateMatchConfigSchema, { pathTemplate: predicate.template });
      return { rule: { case: "uriTemplate", value: { name: value.name, typedConfig: value.configType.value } } };
    }
    case "destination-address":
      return { rule: { case: "destinationIp", value: range(predicate) } };
    case "destination-port":
      return { rule: { case: "destinationPort", value: predicate.port } };
    case "server-name":
      return { rule: { case: "requestedServerName", value: stringMatcher(predicate.match) } };
    case "peer":
    case "source-address":
    case "client-address":
      throw new Error(`the compiler puts "${predicate.kind}" among principals, not permissions`);
    default:
      return unreachable(predicate);
  }
}

function buildPrincipal(predicate: ir.Predicate): PrincipalInit {
  switch (predicate.kind) {
    case "always":
      return { identifier: { case: "any", value: true } };
    case "all":
    case "any": {
      if (predicate.of.length === 0)
        return constant<PrincipalInit>(predicate.kind === "all", (identifier) => ({ identifier }));
      const value = { ids: predicate.of.map(buildPrincipal) };
      return { identifier: predicate.kind === "all" ? { case: "andIds", value } : { case: "orIds", value } };
    }
    case "not":
      return { identifier: { case: "notId", value: buildPrincipal(predicate.of) } };
    case "peer":
      return {
        identifier: { case: "authenticated", value: { principalName: stringMatcher(predicate.match) } },
      };
    case "source-address":
      return { identifier: { case: "directRemoteIp", value: range(predicate) } };
    case "client-address":
      return { identifier: { case: "remoteIp", value: range(predicate) } };
    case "header":
      return { identifier: { case: "header", value: headerMatcher(predicate.header) } };
    case "path":
      return {
        identifier: { case: "urlPath", value: { rule: { case: "path", value: stringMatcher(predicate.match) } } },
      };
    case "path-template":
    case "destination-address":
    case "destination-port":
    case "server-name":
      throw new Error(`the compiler puts "${predicate.kind}" among permissions, not principals`);
    default:
      return unreachable(predicate);
  }
}

/** Envoy has no "never" and no empty list: nothing of an empty choice matches, everything of an empty condition does. */
function constant<Init>(matches: boolean, wrap: (value: { case: "any"; value: true }) => Init): Init;
function constant(matches: boolean, wrap: (value: { case: "any"; value: true }) => object): object {
  const any = wrap({ case: "any", value: true });
  if (matches) return any;
  return "rule" in any ? { rule: { case: "notRule", value: any } } : { identifier: { case: "notId", value: any } };
}

function range({ address, length }: { readonly address: string; readonly length: number }) {
  return { addressPrefix: address, prefixLen: length };
}
