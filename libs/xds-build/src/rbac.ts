import { create } from "@bufbuild/protobuf";
import type * as ir from "@lateen/ir";
import {
  PermissionSchema,
  PolicySchema,
  PrincipalSchema,
  RBAC_Action,
  RBACSchema,
} from "@lateen/protos/envoy/config/rbac/v3/rbac_pb.js";
import type { Permission, Policy, Principal, RBAC } from "@lateen/protos/envoy/config/rbac/v3/rbac_pb.js";
import { UriTemplateMatchConfigSchema } from "@lateen/protos/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js";
import { cidrRange, headerMatcher, stringMatcher } from "./matchers.ts";
import { typed } from "./messages.ts";

const actions = { allow: RBAC_Action.ALLOW, deny: RBAC_Action.DENY, log: RBAC_Action.LOG } as const;

export function buildRules(set: ir.RuleSet): RBAC {
  return create(RBACSchema, {
    action: actions[set.action],
    policies: Object.fromEntries(set.rules.map((rule) => [rule.id, policy(rule)])),
  });
}

function policy({ permissions, principals }: ir.PolicyRule): Policy {
  return create(PolicySchema, { permissions: permissions.map(permission), principals: principals.map(principal) });
}

/** Envoy has two trees of the same shape, one for what is asked for, one for who asks. */
function permission(from: ir.Predicate): Permission {
  const rule = ((): Permission["rule"] => {
    switch (from.kind) {
      case "always":
        return { case: "any", value: true };
      case "all":
        return create(PermissionSchema, { rule: { case: "andRules", value: { rules: from.of.map(permission) } } }).rule;
      case "any":
        return create(PermissionSchema, { rule: { case: "orRules", value: { rules: from.of.map(permission) } } }).rule;
      case "not":
        return { case: "notRule", value: permission(from.of) };
      case "header":
        return { case: "header", value: headerMatcher(from.header) };
      case "path":
        return create(PermissionSchema, {
          rule: { case: "urlPath", value: { rule: { case: "path", value: stringMatcher(from.match) } } },
        }).rule;
      case "path-template":
        return { case: "uriTemplate", value: pathTemplate(from.template) };
      case "destination-port":
        return { case: "destinationPort", value: from.port };
      case "destination-address":
        return { case: "destinationIp", value: cidrRange(from) };
      case "server-name":
        return { case: "requestedServerName", value: stringMatcher(from.match) };
      default:
        return misplaced(from);
    }
  })();
  return create(PermissionSchema, { rule });
}

function pathTemplate(template: string) {
  const config = {
    name: "uri-template",
    typedConfig: typed(UriTemplateMatchConfigSchema, { pathTemplate: template }),
  };
  const { rule } = create(PermissionSchema, { rule: { case: "uriTemplate", value: config } });
  return rule.case === "uriTemplate" ? rule.value : misplaced({ kind: "path-template", template });
}

function principal(from: ir.Predicate): Principal {
  const identifier = ((): Principal["identifier"] => {
    switch (from.kind) {
      case "always":
        return { case: "any", value: true };
      case "all":
        return create(PrincipalSchema, { identifier: { case: "andIds", value: { ids: from.of.map(principal) } } })
          .identifier;
      case "any":
        return create(PrincipalSchema, { identifier: { case: "orIds", value: { ids: from.of.map(principal) } } })
          .identifier;
      case "not":
        return { case: "notId", value: principal(from.of) };
      case "peer":
        return create(PrincipalSchema, {
          identifier: { case: "authenticated", value: { principalName: stringMatcher(from.match) } },
        }).identifier;
      case "source-address":
        return { case: "directRemoteIp", value: cidrRange(from) };
      case "client-address":
        return { case: "remoteIp", value: cidrRange(from) };
      case "header":
        return { case: "header", value: headerMatcher(from.header) };
      default:
        return misplaced(from);
    }
  })();
  return create(PrincipalSchema, { identifier });
}

/** The compiler puts each predicate where it belongs; anything else is its fault, not a user's. */
function misplaced(predicate: ir.Predicate): never {
  throw new Error(`predicate ${predicate.kind} does not belong on this side of a rule`);
}
