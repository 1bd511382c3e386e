import type * as ir from "@lateen/ir";
import { usableAddresses } from "../addressing.ts";
import type { EndpointRecord } from "../index/endpoints.ts";
import { localityKey } from "../index/locality.ts";
import type { ProxyScope } from "../scope.ts";
import type { NetworkGateway, NetworkIndex } from "./index-networks.ts";

/** What spreading needs to know of an endpoint besides its address. */
export interface Member {
  readonly record: Pick<EndpointRecord, "locality" | "labels" | "network" | "workload">;
  readonly endpoint: ir.EndpointAddress;
}

/** An endpoint says its network itself, or its address or registry does. */
function networkOf(networks: NetworkIndex, { network, workload, address, registry }: EndpointRecord): string {
  return network || networks.networkAt(address, [registry, workload?.cluster ?? ""]);
}

/**
 * Endpoints as a proxy reaches them: of its own network as they are, of others by that network's gateways, which stand
 * in for them at their locality with their weight. Gateways pass on mutual TLS of the mesh only, by its server name,
 * so what does not speak it, or `stays`, is out of reach. They stand in for endpoints that are ready: what waits behind
 * them cannot be told from here.
 */
export function acrossNetworks(
  members: readonly (Member & { readonly record: EndpointRecord })[],
  { networks, scope, stays }: { readonly networks: NetworkIndex; readonly scope: ProxyScope; readonly stays: boolean },
): readonly Member[] {
  const { vantage = {} } = scope;
  const reached: Member[] = [];
  const crossing = new Map<
    string,
    { readonly gateway: NetworkGateway; weight: number; readonly record: EndpointRecord }
  >();
  for (const { record, endpoint } of members) {
    const network = networkOf(networks, record);
    if (vantage.networkView !== undefined && network !== "" && !vantage.networkView.includes(network)) continue;
    const weight = endpoint.weight * networks.scale;
    const gateways = usableGateways(networks.gatewaysOf(network), scope);
    if (network === "" || vantage.network === "" || vantage.network === network || gateways.length === 0) {
      reached.push({ record: { ...record, network }, endpoint: { ...endpoint, weight } });
      continue;
    }
    if (stays || !endpoint.mutualTls || endpoint.unready === true) continue;
    for (const gateway of gateways) {
      const key = `${localityKey(record.locality)} ${gateway.address} ${gateway.port}`;
      const known = crossing.get(key) ?? { gateway, weight: 0, record };
      crossing.set(key, known);
      known.weight += weight / gateways.length;
    }
  }
  return [...reached, ...[...crossing.values()].map(standIn)];
}

/** A name may stand for addresses of both families. */
function usableGateways(gateways: readonly NetworkGateway[], scope: ProxyScope): readonly NetworkGateway[] {
  if (gateways.length < 2) return gateways;
  const usable = new Set(
    usableAddresses(
      gateways.map(({ address }) => address),
      scope,
    ),
  );
  return gateways.filter(({ address }) => usable.has(address));
}

function standIn({
  gateway: { network, address, port },
  weight,
  record,
}: {
  readonly gateway: NetworkGateway;
  readonly weight: number;
  readonly record: EndpointRecord;
}): Member {
  return {
    record: { locality: record.locality, labels: {}, network },
    endpoint: { address, port, weight: Math.max(1, Math.floor(weight)), mutualTls: true, workload: "" },
  };
}
