import { audienceOf, isForAll, isMeant } from "@lateen/model";
import type { Attachments, Audience, Labels, MeshObject } from "@lateen/model";
import { append, byAge } from "./ordering.ts";

export interface Selecting extends Attachments {
  readonly selector?: { readonly matchLabels: Labels } | undefined;
}

/** Policies by whom they are for. Each list is oldest first. */
export interface PolicyIndex<Spec> {
  /** For the whole mesh, for the namespace, for this workload by selector (in its namespace or the root) or Gateway. */
  forWorkload(namespace: string, labels: Labels): SelectedPolicies<Spec>;
  /** All that `forWorkload` may select of for workloads of a namespace. */
  around(namespace: string): readonly MeshObject<Spec>[];
  /** By `Kind/namespace/name`. */
  find(ref: string): MeshObject<Spec> | undefined;
}

export interface SelectedPolicies<Spec> {
  readonly mesh: readonly MeshObject<Spec>[];
  readonly namespace: readonly MeshObject<Spec>[];
  readonly workload: readonly MeshObject<Spec>[];
}

export function indexPolicies<Spec extends Selecting>(
  objects: readonly MeshObject<Spec>[],
  rootNamespace: string,
): PolicyIndex<Spec> {
  const byNamespace = new Map<string, Policy<Spec>[]>();
  for (const object of [...objects].sort(byAge)) {
    append(byNamespace, object.meta.namespace, { object, audience: policyAudience(object) });
  }
  const root = byNamespace.get(rootNamespace) ?? [];
  const byRef = new Map(
    objects.map((object) => [`${object.kind}/${object.meta.namespace}/${object.meta.name}`, object]),
  );
  const ownOf = (namespace: string): readonly Policy<Spec>[] =>
    namespace === rootNamespace ? [] : (byNamespace.get(namespace) ?? []);
  return {
    find: (ref) => byRef.get(ref),
    around: (namespace) => [...root, ...ownOf(namespace)].map(({ object }) => object),
    forWorkload(namespace, labels) {
      const own = ownOf(namespace);
      const selected = [...root, ...own].filter(
        ({ audience }) => !isForAll(audience) && isMeant(audience, { namespace, labels }),
      );
      return { mesh: forAll(root), namespace: forAll(own), workload: selected.map(({ object }) => object) };
    },
  };
}

interface Policy<Spec> {
  readonly object: MeshObject<Spec>;
  readonly audience: Audience;
}

function forAll<Spec>(policies: readonly Policy<Spec>[]): readonly MeshObject<Spec>[] {
  return policies.filter(({ audience }) => isForAll(audience)).map(({ object }) => object);
}

function policyAudience({ spec, meta }: MeshObject<Selecting>): Audience {
  return audienceOf(meta.namespace, spec.selector?.matchLabels, spec);
}
