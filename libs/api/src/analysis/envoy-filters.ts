import type { Finding, MeshObject } from "@lateen/model";
import {
  EnvoyFilter_ApplyTo as ApplyTo,
  EnvoyFilter_Patch_Operation as Operation,
} from "@lateen/protos/networking/v1alpha3/envoy_filter_pb.js";
import type {
  EnvoyFilter,
  EnvoyFilter_EnvoyConfigObjectPatch as ConfigPatch,
} from "@lateen/protos/networking/v1alpha3/envoy_filter_pb.js";
import { finding, refOf } from "./world.ts";
import type { World } from "./world.ts";

type Filter = MeshObject<EnvoyFilter>;

/** Operations whose outcome depends on what is there already, and so on the order of EnvoyFilters. */
const relative: ReadonlySet<Operation> = new Set([
  Operation.REMOVE,
  Operation.REPLACE,
  Operation.INSERT_BEFORE,
  Operation.INSERT_AFTER,
]);
const replaceable: ReadonlySet<ApplyTo> = new Set([
  ApplyTo.NETWORK_FILTER,
  ApplyTo.HTTP_FILTER,
  ApplyTo.LISTENER_FILTER,
  ApplyTo.VIRTUAL_HOST,
  ApplyTo.EXTENSION_CONFIG,
]);

export function analyzeEnvoyFilters(world: World): Finding[] {
  const filters = [...world.of<EnvoyFilter>("EnvoyFilter")].sort(
    (left, right) => left.meta.createdAtMs - right.meta.createdAtMs,
  );
  return [...misplaced(filters), ...unordered(filters), ...unmatched(filters, world)];
}

/** Istio warns of these on routes, too, where they do have an effect. */
function misplaced(filters: readonly Filter[]): Finding[] {
  return eachPatch(filters).flatMap(({ filter, patch, path }) => {
    const operation = patch.patch?.operation ?? Operation.INVALID;
    const of = (code: string, remedy: string): Finding[] => {
      const message = `${path}: ${Operation[operation]} has no effect on ${ApplyTo[patch.applyTo]}; ${remedy}`;
      return [finding(refOf(filter), "error", code, message)];
    };
    if (operation === Operation.REPLACE && !replaceable.has(patch.applyTo)) return of("IST0152", "use MERGE");
    if (patch.applyTo !== ApplyTo.ROUTE_CONFIGURATION) return [];
    if (operation === Operation.ADD) return of("IST0153", "use MERGE, or applyTo VIRTUAL_HOST");
    return operation === Operation.REMOVE ? of("IST0154", "use applyTo VIRTUAL_HOST") : [];
  });
}

function unordered(filters: readonly Filter[]): Finding[] {
  const versioned = new Set<string>();
  return eachPatch(filters).flatMap(({ filter, patch, path }) => {
    const name = nameIn(patch);
    const again = versioned.has(name);
    if (patch.match?.proxy && patch.match.proxy.proxyVersion !== "") versioned.add(name);
    const operation = patch.patch?.operation ?? Operation.INVALID;
    if (filter.spec.priority !== 0 || !relative.has(operation)) return [];
    const message = `${path}: what ${Operation[operation]} finds depends on the EnvoyFilters before this one; set priority so that their order is certain`;
    const other = again ? `; another patch of ${JSON.stringify(name)} is for some versions of the proxy only` : "";
    return [finding(refOf(filter), "warning", again ? "IST0155" : "IST0151", message + other)];
  });
}

function unmatched(filters: readonly Filter[], world: World): Finding[] {
  if (!world.input.workloads) return [];
  return filters.flatMap((filter) => {
    const labels = filter.spec.workloadSelector?.labels ?? {};
    const namespace = filter.meta.namespace === world.rootNamespace ? undefined : filter.meta.namespace;
    if (Object.keys(labels).length === 0 || world.select(labels, namespace).length > 0) return [];
    const text = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
    const where = namespace === undefined ? "in the mesh" : `in namespace ${namespace}`;
    const message = `spec.workloadSelector: no workload ${where} has the labels ${text.join(",")}, so it has no effect`;
    return [finding(refOf(filter), "warning", "IST0127", message)];
  });
}

function eachPatch(filters: readonly Filter[]) {
  return filters.flatMap((filter) =>
    filter.spec.configPatches.map((patch, index) => ({ filter, patch, path: `spec.configPatches[${index}]` })),
  );
}

/** What the patch brings, or else the filter it is about. */
function nameIn({ match, patch }: ConfigPatch): string {
  const own = patch?.value?.["name"];
  if (typeof own === "string") return own;
  const about = match?.objectTypes.case === "listener" ? match.objectTypes.value.filterChain?.filter?.name : undefined;
  return about ?? "";
}
