import { isEmptyRecord, selects } from "@lateen/model";
import type { Labels, MeshObject } from "@lateen/model";
import { append, byAge } from "./ordering.ts";

export interface Selecting {
  readonly selector?: { readonly matchLabels: Labels } | undefined;
}

/** Policies by whom they are for. Each list is oldest first. */
export interface PolicyIndex<Spec> {
  /** For the whole mesh, for the namespace, for this workload by selector (in its namespace or the root). */
  forWorkload(namespace: string, labels: Labels): SelectedPolicies<Spec>;
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
  const byNamespace = new Map<string, MeshObject<Spec>[]>();
  for (const object of [...objects].sort(byAge)) {
    append(byNamespace, object.meta.namespace, object);
  }
  const root = byNamespace.get(rootNamespace) ?? [];
  const byRef = new Map(
    objects.map((object) => [`${object.kind}/${object.meta.namespace}/${object.meta.name}`, object]),
  );
  return {
    find: (ref) => byRef.get(ref),
    forWorkload(namespace, labels) {
      const own = namespace === rootNamespace ? [] : (byNamespace.get(namespace) ?? []);
      const selected = [...root, ...own].filter(
        (object) => !isEmptyRecord(selectorOf(object)) && selects(selectorOf(object), labels),
      );
      return { mesh: root.filter(isForAll), namespace: own.filter(isForAll), workload: selected };
    },
  };
}

function isForAll(object: MeshObject<Selecting>): boolean {
  return isEmptyRecord(selectorOf(object));
}

function selectorOf(object: MeshObject<Selecting>): Labels {
  return object.spec.selector?.matchLabels ?? {};
}
