import type { Cursor } from "../report.ts";
import { isIpAddress } from "./addresses.ts";

const label = /^[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?$/;
const wildcardLabel = /^(\*|\*?-?[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?)$/;

/** A DNS label in lower case: names of namespaces, subsets and most Kubernetes objects. */
export function isDnsLabel(text: string): boolean {
  return /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text);
}

/** What is wrong with a domain name, or undefined. One trailing dot is allowed, as in `example.com.`. */
export function fqdnProblem(host: string): string | undefined {
  if (host === "") return "must not be empty";
  if (host.length > 255) return `is ${host.length} characters long, at most 255 are allowed`;
  const labels = host.replace(/\.$/, "").split(".");
  const bad = labels.find((each) => !label.test(each));
  if (bad !== undefined) return `${JSON.stringify(host)} is not a domain name: ${labelProblem(bad)}`;
  const top = labels.at(-1) ?? "";
  return /^\d+$/.test(top)
    ? `${JSON.stringify(host)} is not a domain name: its last label must not be a number`
    : undefined;
}

/** Like `fqdnProblem`, but the first label may be or begin with `*`. */
export function wildcardDomainProblem(host: string): string | undefined {
  const [first = "", ...rest] = host.split(".");
  if (!first.startsWith("*")) return fqdnProblem(host);
  if (!wildcardLabel.test(first)) return `${JSON.stringify(host)} is not a domain name: ${labelProblem(first)}`;
  return rest.length === 0 ? undefined : fqdnProblem(rest.join("."));
}

function labelProblem(bad: string): string {
  if (bad === "") return "it has an empty label";
  if (bad.includes("*")) return "a wildcard may only be the first label";
  return `the label ${JSON.stringify(bad)} may hold letters, digits and inner hyphens only, at most 63`;
}

export function checkFqdn(host: string, at: Cursor): void {
  const problem = fqdnProblem(host);
  if (problem !== undefined) at.error("host", problem);
}

export function checkWildcardDomain(host: string, at: Cursor): void {
  const problem = wildcardDomainProblem(host);
  if (problem !== undefined) at.error("host", problem);
}

/** The service behind a server name between networks, `outbound_.80_.v1_.reviews.shop.svc.cluster.local`; else the host. */
export function serviceOf(host: string): string {
  return /^outbound_\.\d{1,5}_\.[^_]*_\.(.+)$/.exec(host)?.[1] ?? host;
}

/** A name, wildcard or IP address: what a VirtualService may serve. */
export function checkServedHost(host: string, at: Cursor): void {
  if (!isIpAddress(host)) checkWildcardDomain(host, at);
}

/** A gateway server's host: a host alone, or after a namespace (a name, `.` or `*`) and a slash. */
export function checkNamespacedHost(text: string, at: Cursor): void {
  const parts = text.split("/");
  if (parts.length > 2) {
    at.error("host", `${JSON.stringify(text)} has more than one "/"; write "host" or "namespace/host"`);
    return;
  }
  const [namespace, host = ""] = parts.length === 2 ? parts : [undefined, text];
  if (namespace !== undefined && namespace !== "*" && namespace !== "." && !isDnsLabel(namespace)) {
    at.error("host", `${JSON.stringify(namespace)} before the "/" is not a namespace; write a name, "." or "*"`);
  }
  checkServedHost(host, at);
}
