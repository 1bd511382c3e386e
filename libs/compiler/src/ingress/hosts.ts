import { formatPath } from "@lateen/api";
import type { Path } from "@lateen/api";
import type { MeshObject } from "@lateen/model";
import { append } from "../index/ordering.ts";
import type { Ingress, IngressBackend } from "../istio.ts";
import { byPrecedence, pathMatchOf } from "./paths.ts";
import type { PathMatch } from "./paths.ts";

/** One path of an Ingress, or its default backend. */
export interface HostPath {
  readonly ingress: MeshObject<Ingress>;
  /** Where it is written. */
  readonly at: string;
  readonly match: PathMatch;
  readonly backend: IngressBackend;
  /** Only where no rule says anything. */
  readonly isDefault?: true;
}

/** What all Ingresses say of a host, in the order in which it counts. */
export interface IngressHost {
  readonly host: string;
  /** Not empty; oldest Ingress first. */
  readonly ingresses: readonly MeshObject<Ingress>[];
  readonly paths: readonly HostPath[];
}

/**
 * Of several Ingresses for one host all paths count: the longest first, of equal ones that of the oldest Ingress. A default
 * backend gets what is left of its Ingress's own hosts, and all hosts that nothing is said about. `ingresses`: oldest first.
 */
export function hostsOf(ingresses: readonly MeshObject<Ingress>[]): readonly IngressHost[] {
  const byHost = new Map<string, HostPath[]>();
  for (const ingress of ingresses) {
    for (const { host, path } of pathsOf(ingress)) append(byHost, host, path);
  }
  return [...byHost].map(([host, paths]) => ({
    host,
    ingresses: [...new Set(paths.map(({ ingress }) => ingress))],
    paths: [...paths].sort((left, right) => byPrecedence(left.match, right.match) || rank(left) - rank(right)),
  }));
}

function rank({ isDefault }: HostPath): number {
  return isDefault === true ? 1 : 0;
}

function* pathsOf(ingress: MeshObject<Ingress>): Generator<{ readonly host: string; readonly path: HostPath }> {
  const { rules, defaultBackend } = ingress.spec;
  const hosts = new Set<string>();
  for (const [index, { host: written, http }] of rules.entries()) {
    const host = written === "" ? "*" : written;
    hosts.add(host);
    for (const [position, { path, pathType, backend }] of (http?.paths ?? []).entries()) {
      const match = pathMatchOf(pathType, path);
      if (match === "no-path" || backend === undefined) continue;
      const at: Path = ["spec", "rules", index, "http", "paths", position];
      yield { host, path: { ingress, at: formatPath(at), match, backend } };
    }
  }
  if (defaultBackend === undefined) return;
  const rest = {
    ingress,
    at: "spec.defaultBackend",
    match: undefined,
    backend: defaultBackend,
    isDefault: true,
  } as const;
  for (const host of hosts.add("*")) yield { host, path: rest };
}
