import type * as ir from "@lateen/ir";
import { authorizationFor } from "../authorization/policies.ts";
import { proxyRef } from "../context.ts";
import type { Context } from "../context.ts";
import { peerModeAt } from "../index/peer-modes.ts";
import { mutualTlsLabel } from "../scope.ts";
import { lacks } from "./clusters.ts";

/** Addresses under which a server may ask for its configuration, besides its own. */
const anyAddress = ["0.0.0.0", "::"];

/** One for each address that a server on a served port may listen on. */
export function grpcServers(context: Context): readonly ir.GrpcServer[] {
  const { serves, bind } = context.scope;
  const ports = [...new Set(serves.map(({ targetPort }) => targetPort))];
  if (ports.length === 0) return [];
  const authorization = rulesOf(context);
  return ports.flatMap((port) =>
    [...new Set([...anyAddress, bind])].map((address) => ({
      bind: address,
      port,
      mutualTls: isMutual(context, port),
      authorization,
    })),
  );
}

/** A permissive server takes mutual TLS when its workload says that it speaks it, as callers go by the same label. */
function isMutual({ scope }: Context, port: number): boolean {
  const mode = peerModeAt(scope.peerModes, port);
  return mode === "strict" || (mode === "permissive" && scope.labels[mutualTlsLabel] === "istio");
}

/** Nothing is let through that a library cannot check. */
function rulesOf(context: Context): readonly ir.Authorization[] {
  const { external, steps, refuse } = authorizationFor(context, false);
  const [asked] = external;
  if (asked !== undefined) {
    lacks(
      context,
      proxyRef(context),
      `cannot ask the external authorizer "${asked.provider}"; calls to its server are refused. Use ALLOW or DENY`,
    );
  }
  if (asked !== undefined || refuse) return [{ enforce: nobody }];
  const enforced = steps.flatMap(({ enforce }) => (enforce === undefined || enforce.action === "log" ? [] : [enforce]));
  if (!enforced.some(({ rules }) => rules.some(usesTemplate))) return enforced.map((enforce) => ({ enforce }));
  lacks(
    context,
    proxyRef(context),
    "does not match paths by {*} or {**}; calls to its server are refused. Use a prefix or a suffix",
  );
  return [{ enforce: nobody }];
}

const nobody: ir.RuleSet = {
  action: "deny",
  rules: [{ id: "nobody", permissions: [{ kind: "always" }], principals: [{ kind: "always" }] }],
};

function usesTemplate({ permissions }: ir.PolicyRule): boolean {
  return permissions.some(hasTemplate);
}

function hasTemplate(predicate: ir.Predicate): boolean {
  switch (predicate.kind) {
    case "path-template":
      return true;
    case "all":
    case "any":
      return predicate.of.some(hasTemplate);
    case "not":
      return hasTemplate(predicate.of);
    default:
      return false;
  }
}
