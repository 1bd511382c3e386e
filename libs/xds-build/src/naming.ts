import type { ir } from "./ir.ts";

/**
 * Envoy's names for clusters, listeners and routes, exactly as Istio makes them, because dashboards, EnvoyFilters and
 * istioctl read them. Made and parsed here and nowhere else.
 */
const fixedClusters = {
  "black-hole": "BlackHoleCluster",
  passthrough: "PassthroughCluster",
  "inbound-passthrough": "InboundPassthroughCluster",
} as const;

/** `outbound|80|v1|reviews.shop.svc.cluster.local`, `inbound|8080||`, `BlackHoleCluster`. */
export function clusterName(ref: ir.ClusterRef): string {
  switch (ref.kind) {
    case "outbound":
      return `outbound|${ref.port}|${ref.subset}|${ref.host}`;
    case "inbound":
      return `inbound|${ref.port}||`;
    case "black-hole":
    case "passthrough":
    case "inbound-passthrough":
      return fixedClusters[ref.kind];
  }
}

/** The inverse of `clusterName`; undefined for a name that is not one of ours. */
export function parseClusterName(name: string): ir.ClusterRef | undefined {
  for (const [kind, fixed] of Object.entries(fixedClusters)) {
    if (name === fixed) return { kind: kind as keyof typeof fixedClusters };
  }
  const [direction, portText = "", subset, host, ...rest] = name.split("|");
  if (subset === undefined || host === undefined || rest.length > 0 || !/^\d{1,5}$/.test(portText)) return undefined;
  const port = Number(portText);
  if (direction === "outbound" && host !== "") return { kind: "outbound", host, port, subset };
  if (direction === "inbound" && subset === "" && host === "") return { kind: "inbound", port };
  return undefined;
}

/** The server name a sidecar asks for: `outbound_.80_.v1_.reviews.shop.svc.cluster.local`. */
export function serverNameOf(ref: ir.OutboundClusterRef): string {
  return `outbound_.${ref.port}_.${ref.subset}_.${ref.host}`;
}

/** `virtualOutbound`, `virtualInbound`, `0.0.0.0_80`. */
export function listenerName(ref: ir.ListenerRef): string {
  switch (ref.kind) {
    case "virtual-outbound":
      return "virtualOutbound";
    case "virtual-inbound":
      return "virtualInbound";
    case "address":
      return `${ref.bind}_${ref.port}`;
  }
}

/** Empty where Istio gives the chain no name. */
export function filterChainName(name: ir.ChainName): string {
  switch (name.kind) {
    case "address":
      return `${name.bind}_${name.port}`;
    case "fixed":
      return name.name;
    case "none":
      return "";
  }
}

export function parseListenerName(name: string): ir.ListenerRef | undefined {
  if (name === "virtualOutbound") return { kind: "virtual-outbound" };
  if (name === "virtualInbound") return { kind: "virtual-inbound" };
  const [, bind, port] = /^(.+)_(\d{1,5})$/.exec(name) ?? [];
  return bind === undefined ? undefined : { kind: "address", bind, port: Number(port) };
}

/** `80`, `<host>:<port>`, `http.80[.<bind>]`, `https.443.<port name>.<gateway>.<namespace>[.<bind>]`, `inbound|8080||`. */
export function routeTableName(ref: ir.RouteTableRef): string {
  switch (ref.kind) {
    case "port":
      return String(ref.port);
    case "service":
      return `${ref.host}:${ref.port}`;
    case "gateway-http":
      return `http.${ref.port}${bindSuffix(ref.bind)}`;
    case "gateway-https":
      return `https.${ref.port}.${ref.portName}.${ref.gateway}.${ref.namespace}${bindSuffix(ref.bind)}`;
    case "inbound":
      return clusterName({ kind: "inbound", port: ref.port });
  }
}

function bindSuffix(bind: string): string {
  return bind === "" ? "" : `.${bind}`;
}

/** `<host>:<port>`, or Istio's fixed names for what no service answers. */
export function virtualHostName(virtualHost: ir.VirtualHost): string {
  switch (virtualHost.kind) {
    case "service":
      return `${virtualHost.host}:${virtualHost.port}`;
    case "allow-any":
      return "allow_any";
    case "block-all":
      return "block_all";
    case "black-hole":
      return `blackhole:${virtualHost.port}`;
    case "inbound":
      return `inbound|http|${virtualHost.port}`;
  }
}
