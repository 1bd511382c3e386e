import { decodeObject, readDocuments } from "@lateen/api";
import type { EndpointSlice, MeshObject, Service, Violation, Workload } from "@lateen/model";
import { application, applicationVersion } from "./builders.ts";
import type { ApplicationSpec } from "./builders.ts";

/** What a mesh is made of, as the compiler takes it. */
export interface MeshObjects {
  readonly configs: readonly MeshObject<unknown>[];
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
  readonly workloads: readonly Workload[];
  /** What names stand for, where a `Name` says it. */
  readonly names?: ReadonlyMap<string, readonly string[]>;
}

interface Written {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
  readonly spec?: unknown;
}

/**
 * Istio objects, and beside them `Application`s (see `builders.ts`), which stand for a Service, its endpoints and
 * their workloads, and `Name`s, which are what a resolver would say. Objects are as old as they are far up: the first is the oldest. Throws on any violation.
 */
export function readMesh(text: string, file: string): MeshObjects {
  const { documents, violations } = readDocuments(text, file);
  refuse(violations);
  const mesh = {
    configs: [] as MeshObject<unknown>[],
    services: [] as Service[],
    slices: [] as EndpointSlice[],
    workloads: [] as Workload[],
  };
  const names = new Map<string, readonly string[]>();
  for (const [index, document] of documents.entries()) {
    const raw = document.raw as Written;
    const createdAtMs = Date.UTC(2026, 0, 1, 0, index);
    if (raw.apiVersion === applicationVersion && raw.kind === "Name")
      names.set(raw.metadata?.name ?? "", (raw.spec as { addresses: readonly string[] }).addresses);
    else if (raw.apiVersion === applicationVersion) {
      const parts = application({ ...(raw.spec as ApplicationSpec), ...raw.metadata, createdAtMs } as ApplicationSpec);
      mesh.services.push(...parts.services);
      mesh.slices.push(...parts.slices);
      mesh.workloads.push(...parts.workloads);
    } else {
      const result = decodeObject(document.raw, { origin: document.origin, positions: document.positions });
      if (!result.ok) refuse(result.violations);
      else mesh.configs.push({ ...result.object, meta: { ...result.object.meta, createdAtMs } });
    }
  }
  return names.size === 0 ? mesh : { ...mesh, names };
}

function refuse(violations: readonly Violation[]): void {
  const [first] = violations.filter((violation) => violation.severity === "error");
  if (first !== undefined)
    throw new Error(
      `${first.object.file ?? ""}:${first.line ?? 0} ${first.object.kind}/${first.object.name} ${first.path}: ${first.message}`,
    );
}
