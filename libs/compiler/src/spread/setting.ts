import type * as ir from "@lateen/ir";
import type { PortPolicy } from "../clusters/traffic-policy.ts";
import type { ServiceRecord } from "../index/service-record.ts";
import type { LocalityChoice, ZoneAwareSetting } from "../istio.ts";
import type { MeshSettings } from "../settings.ts";

/** How the endpoints of a cluster are told apart by where they are. */
export interface LocalityPolicy {
  readonly spread?: ir.Spread;
  /** Localities get their share by weight, whatever the algorithm inside one. */
  readonly weighted?: true;
  /** Proxies with a cluster of their own kind keep requests in their zone, from this many endpoints on. */
  readonly zoneAware?: { readonly minimumSize: number };
}

type Asked = Pick<PortPolicy, "loadBalancer" | "outlierDetection">;

/** A rule's setting counts alone, then the service's own preference, then the mesh's. */
export function localityPolicy(
  settings: MeshSettings,
  asked: Asked,
  preference: ServiceRecord["preference"],
): LocalityPolicy {
  const failsOver = asked.outlierDetection !== undefined;
  const { localityLbSetting: own, zoneAwareLbSetting: ownZones } = asked.loadBalancer ?? {};
  if (own !== undefined) return ofSetting(own, failsOver);
  if (ownZones !== undefined && ownZones.enabled !== false) return ofZones(ownZones);
  if (ownZones === undefined && preference !== undefined) return ofPreference(preferences[preference]);
  if (ownZones === undefined && settings.zoneAware?.enabled === true) return ofZones(settings.zoneAware);
  return ofSetting(settings.locality, failsOver);
}

/** Labels in the order in which a different value makes an endpoint less wanted. */
const preferences = {
  zone: ["topology.istio.io/network", "topology.kubernetes.io/region", "topology.kubernetes.io/zone"],
  node: [
    "topology.istio.io/network",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "topology.istio.io/subzone",
    "kubernetes.io/hostname",
  ],
  network: ["topology.istio.io/network"],
} as const satisfies Readonly<Record<NonNullable<ServiceRecord["preference"]>, readonly string[]>>;

function ofPreference(labels: readonly string[]): LocalityPolicy {
  return { weighted: true, spread: { kind: "failover", labels: labels.map(labelOf), by: "labels", regions: [] } };
}

/** Without outlier detection nothing is ever found unhealthy, so a preference would be for ever (as Istio has it). */
function ofSetting(setting: LocalityChoice, failsOver: boolean): LocalityPolicy {
  if (setting.enabled === false) return {};
  const { distribute, failover, failoverPriority } = setting;
  if (distribute.length > 0) {
    const rules = distribute.map(({ from, to }) => ({
      from,
      to: Object.entries(to).map(([locality, weight]) => ({ locality, weight })),
    }));
    return { weighted: true, spread: { kind: "distribute", rules } };
  }
  if (!failsOver) return {};
  const labels = failoverPriority.map(labelOf);
  const regions = regionsOf(failover);
  const by = labels.length > 0 && regions.length === 0 ? "labels" : "locality";
  const weighted = labels.length > 0 || regions.length > 0 ? { weighted: true as const } : {};
  return { ...weighted, spread: { kind: "failover", labels, by, regions } };
}

const defaultMinimumSize = 6;

function ofZones({ failover, failoverPriority, minClusterSize }: ZoneAwareSetting): LocalityPolicy {
  return {
    zoneAware: { minimumSize: minClusterSize ?? defaultMinimumSize },
    spread: { kind: "failover", labels: failoverPriority.map(labelOf), by: "region", regions: regionsOf(failover) },
  };
}

function regionsOf(failover: readonly { readonly from: string; readonly to: string }[]) {
  return failover.map(({ from, to }) => ({ from, to }));
}

function labelOf(written: string): ir.LabelPreference {
  const [name = "", value] = written.split("=");
  return value === undefined ? { name } : { name, value };
}
