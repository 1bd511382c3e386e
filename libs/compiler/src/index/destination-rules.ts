import {
  byHostSpecificity,
  formatRef,
  hostCovers,
  isEmptyRecord,
  isWildcard,
  resolveHost,
  selects,
  sortedRecord,
} from "@lateen/model";
import type { Finding, Labels, MeshObject, ObjectRef } from "@lateen/model";
import { Findings } from "../findings.ts";
import type { DestinationRule, Subset, TrafficPolicy } from "../istio.ts";
import type { MeshSettings } from "../settings.ts";
import { append, byAge } from "./ordering.ts";
import { byPair } from "./remember.ts";
import type { ServiceRecord } from "./service-record.ts";
import { isVisible } from "./visibility.ts";

/** What applies to a host: one DestinationRule, or several of one namespace and host merged (oldest wins). */
export interface DestinationPolicy {
  readonly host: string;
  readonly namespace: string;
  readonly trafficPolicy?: TrafficPolicy;
  readonly subsets: readonly Subset[];
  readonly exportTo: readonly string[];
  /** Only for proxies with these labels; empty: for all. */
  readonly selector: Labels;
  readonly origin: ObjectRef;
  readonly origins: readonly ObjectRef[];
}

export interface Caller {
  readonly namespace: string;
  readonly labels: Labels;
}

export interface DestinationRuleIndex {
  /** Istio's lookup: the caller's namespace, then the service's, then the root namespace. */
  policyFor(caller: Caller, service: ServiceRecord): DestinationPolicy | undefined;
  /** Secrets that rules which select this caller name: no other sidecar may ask for them. */
  credentialsOf(caller: Caller): readonly string[];
  /** Label names any workloadSelector looks at. */
  readonly selectorKeys: readonly string[];
  /** Conflicts among the rules. */
  readonly findings: readonly Finding[];
}

export function indexDestinationRules(
  objects: readonly MeshObject<DestinationRule>[],
  settings: MeshSettings,
): DestinationRuleIndex {
  const findings = new Findings();
  const byAudience = new Map<string, DestinationPolicy>();
  for (const object of [...objects].sort(byAge)) addPolicy(byAudience, policyOf(settings, object), findings);
  const byNamespace = new Map<string, NamespacePolicies>();
  for (const policy of [...byAudience.values()].sort(bySpecificity)) {
    const known: NamespacePolicies = byNamespace.get(policy.namespace) ?? { exact: new Map(), wildcards: [] };
    byNamespace.set(policy.namespace, known);
    if (isWildcard(policy.host)) known.wildcards.push(policy);
    else append(known.exact, policy.host, policy);
  }
  const keys = new Set(objects.flatMap((object) => Object.keys(object.spec.workloadSelector?.matchLabels ?? {})));
  const lookup = (namespace: string, caller: Caller, host: string): DestinationPolicy | undefined => {
    const policies = byNamespace.get(namespace);
    const applies = ({ selector, exportTo }: DestinationPolicy): boolean =>
      namespace === caller.namespace
        ? selects(selector, caller.labels)
        : isEmptyRecord(selector) && isVisible(exportTo, namespace, caller.namespace, []);
    return (
      policies?.exact.get(host)?.find(applies) ??
      policies?.wildcards.find((policy) => hostCovers(policy.host, host) && applies(policy))
    );
  };
  return {
    selectorKeys: [...keys].sort(),
    findings: findings.list(),
    credentialsOf: (caller) =>
      objects
        .filter(({ meta, spec }) => meta.namespace === caller.namespace && spec.workloadSelector !== undefined)
        .filter(({ spec }) => selects(spec.workloadSelector?.matchLabels ?? {}, caller.labels))
        .flatMap(({ spec }) => credentialsIn(spec)),
    policyFor(caller, service) {
      return (
        lookup(caller.namespace, caller, service.host) ??
        lookup(service.namespace, caller, service.host) ??
        lookup(settings.rootNamespace, caller, service.host)
      );
    },
  };
}

function credentialsIn({ trafficPolicy, subsets }: DestinationRule): readonly string[] {
  const policies = [trafficPolicy, ...subsets.map((subset) => subset.trafficPolicy)];
  return policies
    .flatMap((policy) => [policy?.tls, ...(policy?.portLevelSettings ?? []).map((settings) => settings.tls)])
    .map((tls) => tls?.credentialName ?? "")
    .filter((name) => name !== "");
}

/** What one namespace says, the first that applies first. */
interface NamespacePolicies {
  readonly exact: Map<string, DestinationPolicy[]>;
  readonly wildcards: DestinationPolicy[];
}

/** The most specific host first; of one host, rules with a selector before those without. */
function bySpecificity(left: DestinationPolicy, right: DestinationPolicy): number {
  return (
    byHostSpecificity(left.host, right.host) ||
    Number(isEmptyRecord(left.selector)) - Number(isEmptyRecord(right.selector))
  );
}

const policyOf = byPair((settings: MeshSettings, object: MeshObject<DestinationRule>): DestinationPolicy => {
  const { spec, meta, origin } = object;
  return {
    host: resolveHost(spec.host, meta.namespace, settings.domain),
    namespace: meta.namespace,
    ...(spec.trafficPolicy === undefined ? {} : { trafficPolicy: spec.trafficPolicy }),
    subsets: spec.subsets,
    exportTo: audienceOf(spec.exportTo.length > 0 ? spec.exportTo : settings.exportTo.destinationRules, meta.namespace),
    selector: spec.workloadSelector?.matchLabels ?? {},
    origin,
    origins: [origin],
  };
});

/** Namespaces, or `*` alone; sorted, so that what means the same is written the same. */
function audienceOf(exportTo: readonly string[], owner: string): readonly string[] {
  if (exportTo.length === 0 || exportTo.includes("*")) return ["*"];
  return [...new Set(exportTo.map((target) => (target === "." ? owner : target)))].sort();
}

/** Merges into an older rule for the same host and audience, as Istio does: its policy stays, new subsets are added. */
function addPolicy(policies: Map<string, DestinationPolicy>, policy: DestinationPolicy, findings: Findings): void {
  const { namespace, host, exportTo, selector } = policy;
  const key = JSON.stringify([namespace, host, exportTo, sortedRecord(selector)]);
  const known = policies.get(key);
  if (known === undefined) {
    policies.set(key, policy);
    return;
  }
  const names = new Set(known.subsets.map((subset) => subset.name));
  const repeated = policy.subsets.filter((subset) => names.has(subset.name)).map((subset) => subset.name);
  if (repeated.length > 0 || (known.trafficPolicy !== undefined && policy.trafficPolicy !== undefined)) {
    const lost = [
      ...(policy.trafficPolicy !== undefined && known.trafficPolicy !== undefined ? ["its trafficPolicy"] : []),
      ...repeated.map((name) => `its subset "${name}"`),
    ];
    findings.warn(
      policy.origin,
      "destination-rule-merged",
      `the older ${formatRef(known.origin)} also has host "${policy.host}"; they are merged and ${lost.join(", ")} does not apply`,
      [known.origin],
    );
  }
  policies.set(key, merged(known, policy));
}

const merged = byPair((known: DestinationPolicy, policy: DestinationPolicy): DestinationPolicy => {
  const names = new Set(known.subsets.map((subset) => subset.name));
  const trafficPolicy = known.trafficPolicy ?? policy.trafficPolicy;
  return {
    ...known,
    ...(trafficPolicy === undefined ? {} : { trafficPolicy }),
    subsets: [...known.subsets, ...policy.subsets.filter((subset) => !names.has(subset.name))],
    origins: [...known.origins, policy.origin],
  };
});
