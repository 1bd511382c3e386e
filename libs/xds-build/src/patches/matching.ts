import type * as ir from "@lateen/ir";
import type { Cluster } from "@lateen/protos/envoy/config/cluster/v3/cluster_pb.js";
import type { FilterChain } from "@lateen/protos/envoy/config/listener/v3/listener_components_pb.js";
import type { Listener } from "@lateen/protos/envoy/config/listener/v3/listener_pb.js";
import type { RouteConfiguration } from "@lateen/protos/envoy/config/route/v3/route_pb.js";
import type { Route, VirtualHost } from "@lateen/protos/envoy/config/route/v3/route_components_pb.js";
import { parseClusterName, parseRouteTableName } from "../naming.ts";

/** Whether a selection picks a message; a selection that is absent picks all. As Istio does it, by names and ports. */

const virtual: ReadonlySet<string> = new Set(["virtualInbound", "virtualOutbound"]);

/** The two listeners that stand for all ports are matched by port only in their chains. */
export function picksListener(
  { target, listener: selection }: ir.Patch,
  { name, port }: { readonly name: string; readonly port: number | undefined },
): boolean {
  if (selection === undefined) return true;
  if (selection.name !== undefined && selection.name !== name) return false;
  return selection.port === undefined || (target !== "listener" && virtual.has(name)) || selection.port === port;
}

/** Of a listener that is picked. */
export function picksChain({ listener: selection }: ir.Patch, listener: Listener, chain: FilterChain): boolean {
  if (selection === undefined) return true;
  const match = chain.filterChainMatch;
  if (selection.port !== undefined && virtual.has(listener.name) && match?.destinationPort !== selection.port)
    return false;
  const wanted = selection.chain;
  if (wanted === undefined) return true;
  return (
    (wanted.name ?? chain.name) === chain.name &&
    (wanted.serverName === undefined || match?.serverNames.includes(wanted.serverName) === true) &&
    (wanted.transportProtocol === undefined || match?.transportProtocol === wanted.transportProtocol) &&
    (wanted.destinationPort === undefined || match?.destinationPort === wanted.destinationPort) &&
    (wanted.transportSocket === undefined || wanted.transportSocket === transportSocketOf(chain)) &&
    (wanted.applicationProtocols ?? []).every((each) => match?.applicationProtocols.includes(each) === true)
  );
}

/** A chain without a socket of its own has Envoy's default. */
function transportSocketOf({ transportSocket }: FilterChain): string {
  return transportSocket?.name ?? "envoy.transport_sockets.raw_buffer";
}

/** For an inbound cluster the host is that of any service on its port. */
export function picksCluster(
  { cluster: selection }: ir.Patch,
  { name }: Pick<Cluster, "name">,
  services: readonly ir.ServiceName[],
): boolean {
  if (selection === undefined) return true;
  if (selection.name !== undefined) return selection.name === name;
  const ref = parseClusterName(name);
  const { host = "", port = 0, subset = "" } = { ...ref } as Partial<ir.OutboundClusterRef>;
  const hosts = ref?.kind === "inbound" ? services.map((service) => service.host) : [host];
  return (
    (selection.subset ?? subset) === subset &&
    (selection.host === undefined || hosts.includes(selection.host)) &&
    (selection.port ?? port) === port
  );
}

export function picksTable({ routes: selection }: ir.Patch, { name }: Pick<RouteConfiguration, "name">): boolean {
  if (selection === undefined) return true;
  if (selection.name !== undefined && selection.name !== name) return false;
  const ref = parseRouteTableName(name);
  const secure = ref?.kind === "gateway-https" ? ref : undefined;
  const gateway = secure === undefined ? undefined : `${secure.namespace}/${secure.gateway}`;
  return (
    (selection.port === undefined || (ref !== undefined && "port" in ref && ref.port === selection.port)) &&
    (selection.portName === undefined ||
      ref?.kind.startsWith("gateway-") !== true ||
      secure?.portName === selection.portName) &&
    (selection.gateway === undefined || ref?.kind.startsWith("gateway-") !== true || gateway === selection.gateway)
  );
}

/** Of a table that is picked. */
export function picksVirtualHost({ routes: selection }: ir.Patch, { name, domains }: VirtualHost): boolean {
  const wanted = selection?.virtualHost;
  if (wanted === undefined) return true;
  return (wanted.name ?? name) === name && (wanted.domain === undefined || domains.includes(wanted.domain));
}

const actions = { forward: "route", redirect: "redirect", respond: "directResponse" } as const;

/** Of a virtual host that is picked. */
export function picksRoute({ routes: selection }: ir.Patch, { name, action }: Route): boolean {
  const wanted = selection?.virtualHost?.route;
  if (wanted === undefined) return true;
  return (wanted.name ?? name) === name && (wanted.action === undefined || actions[wanted.action] === action.case);
}
