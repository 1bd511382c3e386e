import type { WorkloadEntry, WorkloadGroup } from "@lateen/api";
import type { MeshObject } from "@lateen/model";
import { memo } from "../memo.ts";

/** Workloads outside Kubernetes, as their owners declared them. */
export interface DeclaredWorkloads {
  readonly groups: readonly MeshObject<WorkloadGroup>[];
  readonly entries: readonly MeshObject<WorkloadEntry>[];
}

const known = new WeakMap<readonly MeshObject<unknown>[], DeclaredWorkloads>();

/** Of a mesh's configuration; picked once, however many proxies ask. */
export function declaredWorkloads(configs: readonly MeshObject<unknown>[]): DeclaredWorkloads {
  return memo(known, configs, () => ({
    groups: configs.filter((object): object is MeshObject<WorkloadGroup> => object.kind === "WorkloadGroup"),
    entries: configs.filter((object): object is MeshObject<WorkloadEntry> => object.kind === "WorkloadEntry"),
  }));
}
