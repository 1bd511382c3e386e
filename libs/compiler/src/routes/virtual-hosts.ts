import type * as ir from "@lateen/ir";
import { byHostSpecificity, compareText } from "@lateen/model";
import { sameList } from "../index/ordering.ts";
import { byIdentity, byPair } from "../index/remember.ts";
import type { UnknownTraffic } from "../outbound-policy.ts";

/** Envoy takes no domain twice in a table: a full name keeps its domain, of alternates the first host's counts. */
export interface Candidate {
  readonly host: ir.VirtualHost;
  readonly alternates: readonly string[];
}

export function withUniqueDomains(candidates: readonly Candidate[]): readonly ir.VirtualHost[] {
  return placed(candidates, placesOf(candidates));
}

/** `withUniqueDomains` that remembers where what had which domains went: most changes are to what hosts do. */
export function rememberedPlaces(): (candidates: readonly Candidate[]) => readonly ir.VirtualHost[] {
  let last: { readonly candidates: readonly Candidate[]; readonly places: readonly Place[] } | undefined;
  return (candidates) => {
    const known = last?.candidates.length === candidates.length ? last : undefined;
    const same = known?.candidates.every((candidate, index) => sameNames(candidate, candidates[index]));
    const places = known !== undefined && same === true ? known.places : placesOf(candidates);
    last = { candidates, places };
    return placed(candidates, places);
  };
}

/** Where a candidate stands in the table, and which alternates it gets. */
interface Place {
  readonly index: number;
  readonly free: readonly string[];
}

function placesOf(candidates: readonly Candidate[]): readonly Place[] {
  const order = candidates.map((candidate, index) => ({ candidate, index }));
  order.sort((left, right) => byHostSpecificity(left.candidate.host.host, right.candidate.host.host));
  const taken = new Set(candidates.flatMap(({ host }) => host.domains));
  return order.map(({ candidate: { alternates }, index }) => {
    const free = alternates.filter((domain) => !taken.has(domain));
    for (const domain of free) taken.add(domain);
    return { index, free: free.length === alternates.length ? alternates : free };
  });
}

function placed(candidates: readonly Candidate[], places: readonly Place[]): readonly ir.VirtualHost[] {
  return places.flatMap(({ index, free }) => {
    const host = candidates[index]?.host;
    return host === undefined ? [] : [free.length === 0 ? host : withDomains(host, free)];
  });
}

function sameNames(left: Candidate, right: Candidate | undefined): boolean {
  if (left === right) return true;
  if (right === undefined || left.host.host !== right.host.host) return false;
  return left.alternates === right.alternates && sameList(left.host.domains, right.host.domains);
}

/** The same object for the same host and domains: what is made of it can be kept. */
const withDomains = byPair((host: ir.VirtualHost, more: readonly string[]): ir.VirtualHost => {
  return { ...host, domains: [...host.domains, ...more] };
});

/** Everything that is not a known host: sent on, or refused. */
export function fallbackHost(unknown: UnknownTraffic, port: number): ir.VirtualHost {
  const match: ir.RouteMatch = { path: { kind: "prefix", value: "/" } };
  const lookedUp = unknown.kind === "send" && unknown.cluster.kind === "any-host";
  return unknown.kind === "send"
    ? {
        kind: lookedUp ? "allow-any-looked-up" : "allow-any",
        host: "*",
        port,
        domains: ["*"],
        routes: [
          {
            name: lookedUp ? "allow_any_dynamic_dns" : "allow_any",
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
  return [...new Set(hosts.flatMap(rulesOf))].sort(compareText);
}

const rulesOf = byIdentity(({ routes }: ir.VirtualHost): readonly string[] =>
  routes.flatMap(({ rule, delegate }) => [rule ?? [], delegate ?? []].flat()),
);
