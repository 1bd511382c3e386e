import { sortedRecord } from "@lateen/model";
import type { Labels, Locality, ProxyNode, Workload } from "@lateen/model";
import { clusterOf } from "../index/endpoints.ts";
import type { EndpointRecord } from "../index/endpoints.ts";
import { nowhere } from "../index/locality.ts";
import type { ServiceRecord } from "../index/service-record.ts";
import type { DestinationRule, LoadBalancer, Outliers } from "../istio.ts";
import type { MeshObject } from "@lateen/model";
import type { NetworkIndex } from "../networks/index-networks.ts";
import type { MeshSettings } from "../settings.ts";
import type { MeshSnapshot } from "../snapshot.ts";
import { localityPolicy } from "./setting.ts";

/** Where a proxy is, as far as that matters to its endpoints; plain JSON. Proxies of one place share their endpoints. */
export interface Vantage {
  readonly locality?: Locality;
  /** Labels that endpoints are compared by, topology's among them. */
  readonly labels?: Labels;
  /** Empty: reaches all. */
  readonly network?: string;
  /** The only networks whose endpoints it wants. */
  readonly networkView?: readonly string[];
  /** Where some workloads are in others. */
  readonly cluster?: string;
}

/** What about a proxy's place may matter, in the whole mesh. */
export interface VantageKeys {
  readonly locality: boolean;
  readonly labels: ReadonlySet<string>;
  /** Also to clusters: some service resolves names that are in several places. */
  readonly compiled: boolean;
}

export function vantageKeys(
  settings: MeshSettings,
  rules: readonly MeshObject<DestinationRule>[],
  services: readonly ServiceRecord[],
): VantageKeys {
  const preferences = new Set(services.map(({ preference }) => preference)).add(undefined);
  const { outlierDetection } = settings.defaultPolicy;
  const baseline = { ...(outlierDetection === undefined ? {} : { outlierDetection }) };
  const policies = [
    ...[...preferences].map((preference) => localityPolicy(settings, baseline, preference)),
    ...rules.flatMap(askedBy).map((asked) => localityPolicy(settings, { ...baseline, ...asked }, undefined)),
  ];
  const spreads = policies.flatMap(({ spread }) => spread ?? []);
  return {
    compiled: services.some(
      ({ resolution, entryEndpoints }) => resolution.startsWith("dns") && entryEndpoints.length > 1,
    ),
    locality: spreads.some((spread) => spread.kind === "distribute" || spread.by !== "labels"),
    labels: new Set(
      spreads.flatMap((spread) =>
        spread.kind === "failover"
          ? spread.labels.filter(({ value }) => value === undefined).map(({ name }) => name)
          : [],
      ),
    ),
  };
}

interface Asked {
  readonly loadBalancer?: LoadBalancer;
  readonly outlierDetection?: Outliers;
}

/** Everything a rule says about balancing and outliers, wherever: parts of it may be combined, so each with each. */
function askedBy({ spec }: MeshObject<DestinationRule>): readonly Asked[] {
  const policies = [spec.trafficPolicy, ...spec.subsets.map((subset) => subset.trafficPolicy)].flatMap((policy) =>
    policy === undefined ? [] : [policy, ...policy.portLevelSettings],
  );
  const balancers = [undefined, ...policies.map(({ loadBalancer }) => loadBalancer)];
  const outliers = policies.find(({ outlierDetection }) => outlierDetection !== undefined)?.outlierDetection;
  return balancers.flatMap((loadBalancer) => {
    const balancing = loadBalancer === undefined ? {} : { loadBalancer };
    return outliers === undefined ? [balancing] : [balancing, { ...balancing, outlierDetection: outliers }];
  });
}

/** Undefined where nothing about the place matters. */
export function vantageOf(
  { vantage: keys, networks, endpoints }: Pick<MeshSnapshot, "vantage" | "networks" | "endpoints">,
  node: ProxyNode,
  workload: Workload | undefined,
): Vantage | undefined {
  const { clusters } = endpoints.workloads;
  const own = node.cluster || (workload === undefined ? "" : clusterOf(workload));
  const apart = own !== "" && clusters.size > (clusters.has(own) ? 1 : 0);
  if (!keys.locality && keys.labels.size === 0 && !networks.divided && !apart) return undefined;
  const locality = localityAt(node, workload);
  const inside = inNetworks(networks, node, workload);
  const place = placeOf(node, workload, { locality, network: inside.network });
  const labels = { ...node.labels, ...workload?.labels, ...topology(place) };
  const compared = Object.entries(labels).filter(([name]) => keys.labels.has(name));
  return {
    ...(networks.divided ? inside : {}),
    ...(apart ? { cluster: own } : {}),
    ...(keys.locality ? { locality } : {}),
    ...(keys.labels.size === 0 ? {} : { labels: sortedRecord(Object.fromEntries(compared)) }),
  };
}

function inNetworks(
  networks: NetworkIndex,
  node: ProxyNode,
  workload: Workload | undefined,
): { readonly network: string; readonly networkView?: readonly string[] } {
  const own = node.network || (workload?.network ?? "");
  const [address = ""] = node.addresses;
  const owners = [node.cluster, workload?.registry ?? "", workload?.cluster ?? ""].filter((owner) => owner !== "");
  const view = (node.metadata["REQUESTED_NETWORK_VIEW"] ?? "").split(",").filter((network) => network !== "");
  return {
    network: own || networks.networkAt(address, owners),
    ...(view.length === 0 ? {} : { networkView: view }),
  };
}

/** What the registry knows of the workload counts; a proxy it does not know says itself where it is. */
function localityAt(node: ProxyNode, workload: Workload | undefined): Locality {
  const known = workload?.locality;
  return known !== undefined && known.region + known.zone + known.subzone !== "" ? known : (node.locality ?? nowhere);
}

interface Place {
  readonly locality: Locality;
  readonly network: string;
  readonly cluster: string;
  readonly machine: string;
}

function placeOf(node: ProxyNode, workload: Workload | undefined, where: Pick<Place, "locality" | "network">): Place {
  return {
    ...where,
    cluster: node.cluster || (workload?.cluster ?? ""),
    machine: workload?.node || (node.metadata["NODE_NAME"] ?? ""),
  };
}

/** An endpoint's labels, as `failoverPriority` compares them. */
export function comparedLabels({
  labels,
  locality,
  network,
  workload,
}: Pick<EndpointRecord, "labels" | "locality" | "network" | "workload">): Labels {
  const { cluster = "", node: machine = "" } = workload ?? {};
  return { ...labels, ...topology({ locality, network, cluster, machine }) };
}

function topology({ locality, network, cluster, machine }: Place): Labels {
  const labels = {
    "topology.istio.io/network": network,
    "topology.istio.io/cluster": cluster,
    "topology.kubernetes.io/region": locality.region,
    "topology.kubernetes.io/zone": locality.zone,
    "topology.istio.io/subzone": locality.subzone,
    "kubernetes.io/hostname": machine,
  };
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ""));
}

const keys = new WeakMap<Vantage, string>();

/** Equal for two places if and only if they are. */
export function vantageKey(vantage: Vantage | undefined): string {
  if (vantage === undefined) return "";
  const key = keys.get(vantage) ?? JSON.stringify(vantage);
  keys.set(vantage, key);
  return key;
}
