import type { Finding, MeshObject } from "@lateen/model";
import type { Sidecar } from "@lateen/protos/networking/v1alpha3/sidecar_pb.js";
import { finding, refOf } from "./world.ts";
import type { World } from "./world.ts";

type Object = MeshObject<Sidecar>;

/** A workload is under one Sidecar; of several the oldest counts, which is seldom meant. */
export function analyzeSidecars(world: World): Finding[] {
  const sidecars = world.of<Sidecar>("Sidecar");
  return [...rivalSelectors(sidecars, world), ...rivalDefaults(sidecars), ...unmatched(sidecars, world)];
}

function labelsOf(object: Object): Readonly<Record<string, string>> {
  return object.spec.workloadSelector?.labels ?? {};
}

function isDefault(object: Object): boolean {
  return Object.keys(labelsOf(object)).length === 0;
}

function rivalSelectors(sidecars: readonly Object[], world: World): Finding[] {
  const selecting = sidecars.filter((object) => !isDefault(object));
  return selecting.flatMap((object) => {
    const mine = world.select(labelsOf(object), object.meta.namespace);
    const rivals = selecting.filter((other) => {
      if (other === object || other.meta.namespace !== object.meta.namespace) return false;
      const theirs = new Set(world.select(labelsOf(other), other.meta.namespace));
      return sameLabels(labelsOf(object), labelsOf(other)) || mine.some((workload) => theirs.has(workload));
    });
    if (rivals.length === 0) return [];
    const names = rivals.map((rival) => rival.meta.name).join(", ");
    const message = `spec.workloadSelector: selects workloads that ${names} selects as well; only the oldest counts for them. Let their selectors differ`;
    return [finding(refOf(object), "error", "IST0110", message, rivals.map(refOf))];
  });
}

function sameLabels(left: Readonly<Record<string, string>>, right: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => left[key] === right[key]);
}

function rivalDefaults(sidecars: readonly Object[]): Finding[] {
  const defaults = sidecars.filter(isDefault);
  return defaults.flatMap((object) => {
    const rivals = defaults.filter((other) => other !== object && other.meta.namespace === object.meta.namespace);
    if (rivals.length === 0) return [];
    const names = rivals.map((rival) => rival.meta.name).join(", ");
    const message = `has no workloadSelector, and neither has ${names} in the same namespace; only the oldest counts. Merge them`;
    return [finding(refOf(object), "error", "IST0111", message, rivals.map(refOf))];
  });
}

function unmatched(sidecars: readonly Object[], world: World): Finding[] {
  if (!world.input.workloads) return [];
  return sidecars
    .filter((object) => !isDefault(object) && world.select(labelsOf(object), object.meta.namespace).length === 0)
    .map((object) =>
      finding(
        refOf(object),
        "warning",
        "IST0127",
        `spec.workloadSelector: no workload in namespace ${object.meta.namespace} has these labels, so it has no effect`,
      ),
    );
}
