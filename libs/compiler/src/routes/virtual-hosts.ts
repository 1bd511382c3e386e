import type * as ir from "@lateen/ir";
import { byHostSpecificity, compareText } from "@lateen/model";

import type { UnknownTraffic } from "../outbound-policy.ts";

/** Envoy takes no domain twice in a table: a full name keeps its domain, of alternates the first host's counts. */
export interface Candidate {
  readonly host: ir.VirtualHost;
  readonly alternates: readonly string[];
}

export function withUniqueDomains(candidates: readonly Candidate[]): readonly ir.VirtualHost[] {
  const sorted = [...candidates].sort((left, right) => byHostSpecificity(left.host.host, right.host.host));
  const taken = new Set(sorted.flatMap((candidate) => candidate.host.domains));
  return sorted.map(({ host, alternates }) => {
    const free = alternates.filter((domain) => !taken.has(domain));
    for (const domain of free) taken.add(domain);
    return free.length === 0 ? host : withDomains(host, free);
  });
}

const named = new WeakMap<ir.VirtualHost, Map<string, ir.VirtualHost>>();

/** The same object for the same host and domains: what is made of it can be kept. */
function withDomains(host: ir.VirtualHost, more: readonly string[]): ir.VirtualHost {
  const known = named.get(host) ?? new Map<string, ir.VirtualHost>();
  named.set(host, known);
  const key = more.join(" ");
  const made = known.get(key) ?? { ...host, domains: [...host.domains, ...more] };
  known.set(key, made);
  return made;
}

/** Everything that is not a known host: sent on, or refused. */
export function fallbackHost(unknown: UnknownTraffic, port: number): ir.VirtualHost {
  const match: ir.RouteMatch = { path: { kind: "prefix", value: "/" } };
  return unknown.kind === "send"
    ? {
        kind: "allow-any",
        host: "*",
        port,
        domains: ["*"],
        routes: [
          {
            name: "allow_any",
            match,
            operation: "",
            action: { kind: "forward", targets: [{ cluster: unknown.cluster, weight: 1 }], timeoutMs: 0 },
          },
        ],
      }
    : {
        kind: "block-all",
        host: "*",
        port,
        domains: ["*"],
        routes: [{ name: "block_all", match, operation: "", action: { kind: "respond", status: 502 } }],
      };
}

/** The rules and services a table was made of. */
export function originsOf(hosts: readonly ir.VirtualHost[]): readonly string[] {
  const refs = hosts.flatMap((host) => host.routes.flatMap((route) => [route.rule ?? [], route.delegate ?? []].flat()));
  return [...new Set(refs)].sort(compareText);
}
