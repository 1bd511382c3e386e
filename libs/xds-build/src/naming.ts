import type * as ir from "@lateen/ir";

/**
 * The only place where names of clusters, listeners, routes and secrets are made and read. They are Istio's, to the
 * letter: istioctl, dashboards and EnvoyFilters know them.
 */
const fixedClusters = {
  "black-hole": "BlackHoleCluster",
  passthrough: "PassthroughCluster",
  "inbound-passthrough": "InboundPassthroughCluster",
  "any-host": "AllowAnyDynamicDNSCluster",
  "access-log-service": "envoy_accesslog_service",
} as const;

export function clusterName(ref: ir.ClusterRef): string {
  switch (ref.kind) {
    case "outbound":
      return `outbound|${ref.port}|${ref.subset}|${ref.host}`;
    case "sni":
      return sniName(ref);
    case "inbound":
      return `inbound|${ref.port}||`;
    default:
      return fixedClusters[ref.kind];
  }
}

/** Undefined for a name that `clusterName` does not make. */
export function parseClusterName(name: string): ir.ClusterRef | undefined {
  for (const [kind, fixed] of Object.entries(fixedClusters))
    if (fixed === name) return { kind: kind as keyof typeof fixedClusters };
  const passed = parseSniName(name);
  if (passed !== undefined) return { ...passed, kind: "sni" };
  const [direction, portText = "", subset, host, ...rest] = name.split("|");
  const port = parsePort(portText);
  if (port === undefined || subset === undefined || host === undefined || rest.length > 0) return undefined;
  if (direction === "outbound" && host !== "") return { kind: "outbound", host, port, subset };
  return direction === "inbound" && subset === "" && host === "" ? { kind: "inbound", port } : undefined;
}

/** Envoy knows caches of looked up names by it, in every listener and cluster of a proxy. */
export function dnsCacheName({ host }: ir.DnsCache): string {
  return `${host === "*" ? "allow_any" : host}_dfp_dns_cache`;
}

/** The server name a client asks for under mutual TLS; gateways between networks route by it. */
export function sniName({ port, subset, host }: ir.OutboundClusterRef | ir.SniClusterRef): string {
  return `outbound_.${port}_.${subset}_.${host}`;
}

export function parseSniName(name: string): ir.OutboundClusterRef | undefined {
  const match = /^outbound_\.(\d{1,5})_\.([^_]*)_\.(.+)$/.exec(name);
  const port = parsePort(match?.[1] ?? "");
  return match === null || port === undefined
    ? undefined
    : { kind: "outbound", port, subset: match[2] ?? "", host: match[3] ?? "" };
}

const fixedListeners = { "virtual-outbound": "virtualOutbound", "virtual-inbound": "virtualInbound" } as const;

export function listenerName(ref: ir.ListenerRef): string {
  return ref.kind === "address" ? `${ref.bind}_${ref.port}` : fixedListeners[ref.kind];
}

export function parseListenerName(name: string): ir.ListenerRef | undefined {
  for (const kind of ["virtual-outbound", "virtual-inbound"] as const)
    if (fixedListeners[kind] === name) return { kind };
  const cut = name.lastIndexOf("_");
  const port = parsePort(name.slice(cut + 1));
  return cut > 0 && port !== undefined ? { kind: "address", bind: name.slice(0, cut), port } : undefined;
}

const httpProxyTable = "http_proxy";

export function routeTableName(ref: ir.RouteTableRef): string {
  switch (ref.kind) {
    case "port":
      return String(ref.port);
    case "service":
      return `${ref.host}:${ref.port}`;
    case "socket":
      return ref.path;
    case "http-proxy":
      return httpProxyTable;
    case "gateway-http":
      return `http.${ref.port}${bindSuffix(ref.bind)}`;
    case "gateway-https":
      return `https.${ref.port}.${ref.portName}.${ref.gateway}.${ref.namespace}${bindSuffix(ref.bind)}`;
    // A passthrough chain's table is named like its cluster, too.
    case "inbound":
      return ref.port === 0 ? fixedClusters["inbound-passthrough"] : clusterName({ kind: "inbound", port: ref.port });
  }
}

const grpcServerPrefix = "xds.istio.io/grpc/lds/inbound/";

/** The name a gRPC server's bootstrap makes of the address it listens on (server_listener_resource_name_template). */
export function grpcServerName({ bind, port }: Pick<ir.GrpcServer, "bind" | "port">): string {
  return `${grpcServerPrefix}${bind.includes(":") ? `[${bind}]` : bind}:${port}`;
}

/** As Istio: the table of a service port is called like its cluster. */
export function grpcTableName({ host, port }: ir.GrpcServiceRef): string {
  return clusterName({ kind: "outbound", host, port, subset: "" });
}

function bindSuffix(bind: string): string {
  return bind === "" ? "" : `.${bind}`;
}

/**
 * Names of objects hold no dots but port names may not either (both are checked on entry), so the parts can be told
 * apart; a bind address, which has dots, is the rest.
 */
export function parseRouteTableName(name: string): ir.RouteTableRef | undefined {
  const whole = parsePort(name);
  if (whole !== undefined) return { kind: "port", port: whole };
  if (name === fixedClusters["inbound-passthrough"]) return { kind: "inbound", port: 0 };
  if (name === httpProxyTable) return { kind: "http-proxy" };
  if (name.startsWith("unix:")) return { kind: "socket", path: name };
  const cluster = parseClusterName(name);
  if (cluster !== undefined) return cluster.kind === "inbound" ? { kind: "inbound", port: cluster.port } : undefined;
  return parseGatewayTable(name) ?? parseServiceTable(name);
}

function parseGatewayTable(name: string): ir.RouteTableRef | undefined {
  if (/:\d+$/.test(name)) return undefined;
  const [scheme, portText = "", ...rest] = name.split(".");
  const port = parsePort(portText);
  if (port === undefined) return undefined;
  if (scheme === "http") return { kind: "gateway-http", port, bind: rest.join(".") };
  const [portName, gateway, namespace, ...bind] = rest;
  if (scheme !== "https" || portName === undefined || gateway === undefined || namespace === undefined)
    return undefined;
  return { kind: "gateway-https", port, portName, gateway, namespace, bind: bind.join(".") };
}

function parseServiceTable(name: string): ir.RouteTableRef | undefined {
  const cut = name.lastIndexOf(":");
  const port = parsePort(name.slice(cut + 1));
  return cut > 0 && port !== undefined ? { kind: "service", host: name.slice(0, cut), port } : undefined;
}

export function virtualHostName({ kind, host, port }: ir.VirtualHost): string {
  switch (kind) {
    case "service":
      return `${host}:${port}`;
    case "allow-any":
      return "allow_any";
    case "allow-any-looked-up":
      return "allow_any_dynamic_dns";
    case "block-all":
      return "block_all";
    case "black-hole":
      return `blackhole:${port}`;
    case "inbound":
      return `inbound|http|${port}`;
  }
}

/**
 * Of its configuration and of the filters that ask for it: a WasmPlugin is a TrafficExtension to proxies, as in Istio.
 * https://github.com/istio/istio/blob/master/pilot/pkg/model/extensions.go
 */
export function extensionName({ name }: Pick<ir.Extension, "name">): string {
  return `extensions.istio.io/trafficextension/${name}`;
}

/** Where a gateway's certificate comes from, by the name its user wrote; a full URI is left alone. */
export function secretName(credential: string): string {
  return credential.includes("://") ? credential : `kubernetes://${credential}`;
}

export interface SecretRef {
  readonly namespace: string;
  readonly name: string;
  /** The CA certificates of the secret, not its key pair. */
  readonly ca: boolean;
}

/** `kubernetes://name`, `kubernetes://ns/name`, each possibly with `-cacert`; `namespace` is that of the asking proxy. */
export function parseSecretName(resource: string, namespace: string): SecretRef | undefined {
  const scheme = ["kubernetes://", "kubernetes-gateway://"].find((candidate) => resource.startsWith(candidate));
  if (scheme === undefined) return undefined;
  const path = resource.slice(scheme.length);
  const slash = path.indexOf("/");
  const full = path.slice(slash + 1);
  const ca = full.endsWith("-cacert");
  const name = ca ? full.slice(0, -"-cacert".length) : full;
  const owner = slash < 0 ? namespace : path.slice(0, slash);
  return name === "" || owner === "" || name.includes("/") ? undefined : { namespace: owner, name, ca };
}

/** A pair of files by the name that Istio's agent has for it. */
export function fileCertificateName(certificate: string, privateKey: string): string {
  return `${pairScheme}${certificate}~${privateKey}`;
}

/** A file of authorities, likewise. */
export function fileAuthoritiesName(path: string): string {
  return `${authoritiesScheme}${path}`;
}

const pairScheme = "file-cert:";
const authoritiesScheme = "file-root:";

export type FileSecret =
  | { readonly kind: "pair"; readonly certificate: string; readonly privateKey: string }
  | { readonly kind: "authorities"; readonly path: string };

/** Undefined: it names no files. */
export function parseFileSecret(resource: string): FileSecret | undefined {
  if (resource.startsWith(authoritiesScheme)) {
    const path = resource.slice(authoritiesScheme.length);
    return path === "" ? undefined : { kind: "authorities", path };
  }
  if (!resource.startsWith(pairScheme)) return undefined;
  const [certificate = "", privateKey = "", ...more] = resource.slice(pairScheme.length).split("~");
  if (certificate === "" || privateKey === "" || more.length > 0) return undefined;
  return { kind: "pair", certificate, privateKey };
}

function parsePort(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && String(Number(text)) === text ? Number(text) : undefined;
}

/** `Kind/namespace/name` as the path dashboards show: `/apis/networking.istio.io/v1/namespaces/ns/virtual-service/name`. */
export function configPath(ref: string): string {
  const [kind = "", namespace = "", name = ""] = ref.split("/");
  if (kind === "Ingress") return `/apis/networking.k8s.io/v1/namespaces/${namespace}/ingresses/${name}`;
  const words = kind.replace(/([a-z])([A-Z])/g, "$1-$2").toLowerCase();
  return `/apis/networking.istio.io/v1/namespaces/${namespace}/${words}/${name}`;
}

/**
 * A name as statistics carry it: names have dots, and the proxy's tags end at the mark.
 * https://github.com/istio/istio/blob/1.28.0/tools/packaging/common/envoy_bootstrap.json#L84
 */
export function delimited(name: string): string {
  return `${name};`;
}
