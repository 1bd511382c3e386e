import { cidrContains, compareText, isIp, parseCidr } from "@lateen/model";
import type { Cidr, Finding, MeshObject, Service } from "@lateen/model";
import { Findings } from "../findings.ts";
import { byIdentity } from "../index/remember.ts";
import type { MeshNetworks } from "../istio.ts";
import type { MeshState } from "../snapshot.ts";

/** A way into a network, for mutual TLS that ends behind it. */
export interface NetworkGateway {
  readonly network: string;
  readonly address: string;
  readonly port: number;
}

export interface NetworkIndex {
  /** Whether any network has a gateway; without one every endpoint is taken to be directly reachable. */
  readonly divided: boolean;
  /** Sorted; empty: its endpoints are reached directly. */
  gatewaysOf(network: string): readonly NetworkGateway[];
  /** Of an address that does not say its network itself; empty where nothing says it. `owners`: registry and cluster. */
  networkAt(address: string, owners: readonly string[]): string;
  /** What weights are multiplied by, so that every network's gateways can share them evenly. */
  readonly scale: number;
  readonly findings: readonly Finding[];
}

const networkLabel = "topology.istio.io/network";
const portLabel = "networking.istio.io/gatewayPort";
const defaultPort = 15_443;

/** What names stand for. */
export type ResolvedNames = ReadonlyMap<string, readonly string[]>;

/** Services with the network label are gateways, as those that MeshNetworks name. Equal input gives the same object. */
export function indexNetworks(
  objects: readonly MeshObject<MeshNetworks>[],
  services: readonly Service[],
  names: ResolvedNames = new Map(),
): NetworkIndex {
  const { places, labelled } = placesOf(objects, services);
  const unresolved = namesIn(objects, { places, labelled });
  for (const name of unresolved) places[name] = names.get(name) ?? [];
  return remembered(objects)(JSON.stringify([places, labelled]));
}

/** Names by which gateways between networks are to be found, sorted. */
export function gatewayNames({ configs, services }: Pick<MeshState, "configs" | "services">): readonly string[] {
  const objects = configs.filter(({ kind }) => kind === "MeshNetworks") as readonly MeshObject<MeshNetworks>[];
  return namesIn(objects, placesOf(objects, services));
}

/** Outside addresses of the gateways' services by host, and what names stand for. */
type Places = Record<string, readonly string[]>;

interface Found {
  readonly places: Places;
  readonly labelled: readonly NetworkGateway[];
}

function placesOf(objects: readonly MeshObject<MeshNetworks>[], services: readonly Service[]): Found {
  const named = new Set(objects.flatMap(({ spec }) => Object.values(spec.networks).flatMap(gatewayHosts)));
  const places: Places = {};
  const labelled: NetworkGateway[] = [];
  for (const { host, labels, ports, externalAddresses = [] } of services) {
    if (named.has(host)) places[host] = externalAddresses;
    const network = labels[networkLabel] ?? "";
    const port = Number(labels[portLabel] ?? defaultPort);
    // A Service that does not have the port is no gateway for workloads behind sidecars (Istio's rule).
    if (network !== "" && ports.some(({ number }) => number === port))
      labelled.push(...externalAddresses.map((address) => ({ network, address, port })));
  }
  return { places, labelled };
}

function namesIn(objects: readonly MeshObject<MeshNetworks>[], { places, labelled }: Found): readonly string[] {
  const written = objects.flatMap(({ spec }) =>
    Object.values(spec.networks).flatMap(({ gateways }) =>
      gateways.flatMap(({ gw }) => (gw.case === "address" ? [gw.value] : [])),
    ),
  );
  const all = [...written, ...Object.values(places).flat(), ...labelled.map(({ address }) => address)];
  return [...new Set(all.filter((address) => !isIp(address)))].sort();
}

const remembered = byIdentity((objects: readonly MeshObject<MeshNetworks>[]) => {
  const known = new Map<string, NetworkIndex>();
  return (facts: string): NetworkIndex => {
    const index = known.get(facts) ?? createIndex(objects, ...(JSON.parse(facts) as [Places, NetworkGateway[]]));
    known.clear();
    known.set(facts, index);
    return index;
  };
});

function gatewayHosts({ gateways }: MeshNetworks["networks"][string]): readonly string[] {
  return gateways.flatMap(({ gw }) => (gw.case === "registryServiceName" ? [gw.value] : []));
}

function createIndex(
  objects: readonly MeshObject<MeshNetworks>[],
  places: Places,
  labelled: readonly NetworkGateway[],
): NetworkIndex {
  const findings = new Findings();
  const written = objects.flatMap((object) => writtenGateways(object, places, findings));
  const byLabel = labelled.flatMap((gateway) =>
    addressesOf(gateway.address, places).map((address) => ({ ...gateway, address })),
  );
  const gateways = Map.groupBy([...written, ...byLabel].sort(byPlace), ({ network }) => network);
  const ranges = objects.flatMap(({ spec }) => claimsOf(spec));
  return {
    divided: gateways.size > 0,
    gatewaysOf: (network) => gateways.get(network) ?? [],
    networkAt: (address, owners) =>
      ranges.find(({ range }) => range !== undefined && cidrContains(range, address))?.network ??
      ranges.find(({ registry }) => registry !== undefined && owners.includes(registry))?.network ??
      "",
    scale: [...gateways.values()].reduce((scale, { length }) => leastCommonMultiple(scale, length), 1),
    findings: findings.list(),
  };
}

function writtenGateways(object: MeshObject<MeshNetworks>, places: Places, findings: Findings): NetworkGateway[] {
  return Object.entries(object.spec.networks).flatMap(([network, { gateways }]) =>
    gateways.flatMap(({ gw, port }) => {
      const addresses = gw.case === "address" ? [gw.value] : gw.case === undefined ? [] : (places[gw.value] ?? []);
      const usable = addresses.flatMap((address) => addressesOf(address, places));
      if (usable.length === 0)
        findings.warn(
          object.origin,
          "network-gateway-without-address",
          `the gateway ${gw.value ?? ""}:${port} of network "${network}" has no IP address: its name does not resolve, or its Service has no load balancer's address and no externalIPs. Until it has one, the network is reached directly`,
        );
      return usable.map((address) => ({ network, address, port }));
    }),
  );
}

function addressesOf(address: string, places: Places): readonly string[] {
  return isIp(address) ? [address] : (places[address] ?? []).filter(isIp);
}

interface Claim {
  readonly network: string;
  readonly range?: Cidr;
  readonly registry?: string;
}

function claimsOf({ networks }: MeshNetworks): readonly Claim[] {
  return Object.entries(networks).flatMap(([network, { endpoints }]) =>
    endpoints.map(({ ne }): Claim => {
      if (ne.case === "fromRegistry") return { network, registry: ne.value };
      const range = ne.case === "fromCidr" ? parseCidr(ne.value) : undefined;
      return { network, ...(range === undefined ? {} : { range }) };
    }),
  );
}

function byPlace(left: NetworkGateway, right: NetworkGateway): number {
  return compareText(left.network, right.network) || compareText(left.address, right.address) || left.port - right.port;
}

function leastCommonMultiple(left: number, right: number): number {
  const divisor = (first: number, second: number): number => (second === 0 ? first : divisor(second, first % second));
  return (left / divisor(left, right)) * right;
}
