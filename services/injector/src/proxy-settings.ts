import type { InterceptionMode } from "./annotations.ts";

/** A ProxyConfig of the mesh's schema (`mesh.istio.io`), as written. */
export type ProxySettings = Readonly<Record<string, unknown>>;

/** An object of kind ProxyConfig (`networking.istio.io`). */
export interface ProxyConfigObject {
  readonly namespace: string;
  readonly name: string;
  readonly createdAtMs: number;
  readonly selector: Readonly<Record<string, string>>;
  readonly settings: ProxySettings;
}

export interface ProxyConfigs {
  /** For a pod: what holds for its whole namespace, the root namespace's first, and what selects it. */
  of(
    namespace: string,
    labels: Readonly<Record<string, string>>,
  ): { readonly general: readonly ProxySettings[]; readonly selected: readonly ProxySettings[] };
}

/** Of several for the same pods the oldest counts, as in Istio. */
export function proxyConfigsOf(objects: readonly ProxyConfigObject[], rootNamespace: string): ProxyConfigs {
  const sorted = [...objects].sort(
    (left, right) => left.createdAtMs - right.createdAtMs || (left.name < right.name ? -1 : 1),
  );
  const isGeneral = ({ selector }: ProxyConfigObject): boolean => Object.keys(selector).length === 0;
  return {
    of(namespace, labels) {
      const general = [...new Set([rootNamespace, namespace])].flatMap(
        (owner) => sorted.find((object) => object.namespace === owner && isGeneral(object)) ?? [],
      );
      const selected = sorted.find(
        (object) =>
          object.namespace === namespace &&
          !isGeneral(object) &&
          Object.entries(object.selector).every(([key, value]) => labels[key] === value),
      );
      return {
        general: general.map(({ settings }) => settings),
        selected: selected === undefined ? [] : [selected.settings],
      };
    },
  };
}

/** Later ones win, field by field; `proxyMetadata` entry by entry. */
export function mergeProxySettings(all: readonly ProxySettings[]): ProxySettings {
  const merged: Record<string, unknown> = Object.assign({}, ...all);
  const metadata: Record<string, unknown> = Object.assign({}, ...all.map((one) => one["proxyMetadata"] ?? {}));
  return Object.keys(metadata).length === 0 ? merged : { ...merged, proxyMetadata: metadata };
}

export function interceptionOf({ interceptionMode }: ProxySettings): InterceptionMode {
  return interceptionMode === "TPROXY" || interceptionMode === "NONE" ? interceptionMode : "REDIRECT";
}

/** Of the agent: probes of applications go there. */
export function statusPortOf({ statusPort }: ProxySettings): number {
  return typeof statusPort === "number" && statusPort > 0 ? statusPort : 15020;
}
