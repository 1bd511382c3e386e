import { isLoopback, parseNode } from "@lateen/model";
import type { ProxyBinary, ProxyNode } from "@lateen/model";
import { parseSpiffeId } from "@lateen/pki";
import type { WorkloadIdentity } from "@lateen/pki";
import { RpcCode, RpcError } from "@lateen/rpc";
import type { ConnectedProxy } from "@lateen/xds-server";
import { memo } from "../memo.ts";

const nodes = new WeakMap<ConnectedProxy, ProxyNode>();

/** What the proxy says it is; parsed once a connection. Throws INVALID_ARGUMENT. */
export function nodeOf(proxy: ConnectedProxy): ProxyNode {
  return memo(nodes, proxy, parse);
}

function parse(proxy: ConnectedProxy): ProxyNode {
  const parsed = parseNode(proxy.id, proxy.node.metadata, binaryOf(proxy.node));
  if (!parsed.ok) throw new RpcError(RpcCode.INVALID_ARGUMENT, parsed.problem);
  return parsed.node;
}

function binaryOf({ cluster, extensions, locality, userAgentVersionType: build }: ConnectedProxy["node"]): ProxyBinary {
  const version = build.case === "userAgentBuildVersion" ? build.value.version : undefined;
  return {
    serviceCluster: cluster,
    extensions: extensions.map(({ name }) => name),
    configTypes: extensions.flatMap(({ typeUrls }) => typeUrls),
    ...(locality === undefined
      ? {}
      : { locality: { region: locality.region, zone: locality.zone, subzone: locality.subZone } }),
    ...(version === undefined ? {} : { release: { major: version.majorNumber, minor: version.minorNumber } }),
  };
}

/** `1.31.0` as the node says; metrics and syncz show it. */
export function versionOf(proxy: ConnectedProxy): string {
  const version = proxy.node.metadata?.["ISTIO_VERSION"];
  return typeof version === "string" && version !== "" ? version : "unknown";
}

/** Who the certificate says it is. */
export function certificateIdentity({ peer }: ConnectedProxy): WorkloadIdentity | undefined {
  return peer.kind === "tls" && peer.spiffeId !== undefined ? parseSpiffeId(peer.spiffeId) : undefined;
}

export function isLocalPeer({ peerAddress }: ConnectedProxy): boolean {
  if (peerAddress === "unix") return true;
  return isLoopback(peerAddress.slice(0, peerAddress.lastIndexOf(":")).replace(/^::ffff:/, ""));
}
