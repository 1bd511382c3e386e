import type { Operation, Rule, Source } from "@lateen/protos/security/v1beta1/authorization_policy_pb.js";
import type { Question } from "./question.ts";

/**
 * Whether a policy's rules ask about this request. The proxy has decided that already; this only tells several policies
 * of one workload apart. What cannot be judged from a CheckRequest (`when`, request principals, IP blocks) counts as a match,
 * so that a policy is rather applied than forgotten.
 */
export function asksAbout(rules: readonly Rule[], question: Question): boolean {
  return rules.some((rule) => {
    const from =
      rule.from.length === 0 || rule.from.some(({ source }) => source === undefined || fromMatches(source, question));
    const to =
      rule.to.length === 0 ||
      rule.to.some(({ operation }) => operation === undefined || toMatches(operation, question));
    return from && to;
  });
}

function toMatches(operation: Operation, question: Question): boolean {
  const port = String(question.destinationPort);
  return (
    holds(operation.methods, operation.notMethods, question.method) &&
    holds(operation.paths, operation.notPaths, question.path) &&
    holds(operation.hosts, operation.notHosts, question.host.toLowerCase()) &&
    holds(operation.ports, operation.notPorts, port)
  );
}

function fromMatches(source: Source, { sourcePrincipal }: Question): boolean {
  const principal = sourcePrincipal.replace(/^spiffe:\/\//, "");
  const [, namespace = ""] = /\/ns\/([^/]+)\//.exec(principal) ?? [];
  return (
    holds(source.principals, source.notPrincipals, principal) &&
    holds(source.namespaces, source.notNamespaces, namespace)
  );
}

function holds(wanted: readonly string[], unwanted: readonly string[], value: string): boolean {
  return (
    (wanted.length === 0 || wanted.some((pattern) => matches(pattern, value))) &&
    !unwanted.some((pattern) => matches(pattern, value))
  );
}

/** Istio's patterns: exact, `prefix*`, `*suffix`, `*` (anything but empty). Templates in braces are not judged: a match. */
function matches(pattern: string, value: string): boolean {
  if (pattern.includes("{")) return true;
  if (pattern === "*") return value !== "";
  if (pattern.endsWith("*")) return value.startsWith(pattern.slice(0, -1));
  if (pattern.startsWith("*")) return value.endsWith(pattern.slice(1));
  return pattern === value;
}
