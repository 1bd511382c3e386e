import { byHostSpecificity, formatRef, hostCovers, isEmptyRecord, resolveHost, selects } from "@lateen/model";
import type { Finding, Labels, MeshObject, ObjectRef } from "@lateen/model";
import { Findings } from "../findings.ts";
import type { DestinationRule, Subset, TrafficPolicy } from "../istio.ts";
import type { MeshSettings } from "../settings.ts";
import { byAge } from "./ordering.ts";
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
  const byNamespace = new Map<string, DestinationPolicy[]>();
  for (const object of [...objects].sort(byAge)) {
    const { namespace } = object.meta;
    const policies = byNamespace.get(namespace) ?? [];
    byNamespace.set(namespace, policies);
    addPolicy(policies, policyOf(settings, object), findings);
  }
  for (const policies of byNamespace.values()) policies.sort(bySpecificity);
  const keys = new Set(objects.flatMap((object) => Object.keys(object.spec.workloadSelector?.matchLabels ?? {})));
  const lookup = (namespace: string, caller: Caller, host: string, anyViewer: boolean): DestinationPolicy | undefined =>
    (byNamespace.get(namespace) ?? []).find(
      (policy) =>
        hostCovers(policy.host, host) &&
        (isEmptyRecord(policy.selector) ||
          (namespace === caller.namespace && selects(policy.selector, caller.labels))) &&
        (anyViewer || isVisible(policy.exportTo, namespace, caller.namespace, settings.exportTo.destinationRules)),
    );
  return {
    selectorKeys: [...keys].sort(),
    findings: findings.list(),
    policyFor(caller, service) {
      const own =
        caller.namespace === settings.rootNamespace ? undefined : lookup(caller.namespace, caller, service.host, true);
      return (
        own ??
        lookup(service.namespace, caller, service.host, false) ??
        lookup(settings.rootNamespace, caller, service.host, false)
      );
    },
  };
}

/** Rules with a selector before those without, then the most specific host. */
function bySpecificity(left: DestinationPolicy, right: DestinationPolicy): number {
  return (
    Number(isEmptyRecord(left.selector)) - Number(isEmptyRecord(right.selector)) ||
    byHostSpecificity(left.host, right.host)
  );
}

const policyOf = byPair((settings: MeshSettings, object: MeshObject<DestinationRule>): DestinationPolicy => {
  const { spec, meta, origin } = object;
  return {
    host: resolveHost(spec.host, meta.namespace, settings.domain),
    namespace: meta.namespace,
    ...(spec.trafficPolicy === undefined ? {} : { trafficPolicy: spec.trafficPolicy }),
    subsets: spec.subsets,
    exportTo: spec.exportTo,
    selector: spec.workloadSelector?.matchLabels ?? {},
    origin,
    origins: [origin],
  };
});

/** Merges into an older rule for the same host and audience, as Istio does: its policy stays, new subsets are added. */
function addPolicy(policies: DestinationPolicy[], policy: DestinationPolicy, findings: Findings): void {
  const key = audience(policy);
  const index = policies.findIndex((known) => known.host === policy.host && audience(known) === key);
  const known = policies[index];
  if (known === undefined) {
    policies.push(policy);
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
  policies[index] = merged(known, policy);
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

function audience(policy: DestinationPolicy): string {
  return JSON.stringify([[...policy.exportTo].sort(), Object.entries(policy.selector).sort()]);
}
