import type * as ir from "@lateen/ir";
import { resolveHost } from "@lateen/model";
import type { ObjectRef } from "@lateen/model";
import { clusterKey, proxyRef, requires, supports } from "./context.ts";
import type { Context } from "./context.ts";
import { byIdentity } from "./index/remember.ts";
import type { ServiceRecord } from "./index/service-record.ts";
import type { VisibleServices } from "./index/services.ts";
import { findGateway, nameOfGateway } from "./index/gateways.ts";
import type { VirtualServiceRecord } from "./index/virtual-services.ts";
import { isTlsPassthrough } from "./istio-names.ts";
import type { ConnectionSite } from "./routes/connection-rules.ts";
import { isHttpProxy } from "./view/egress.ts";

/** Looking up what a request names takes a filter before the cluster; both share a cache of names. */
const cluster = "envoy.clusters.dynamic_forward_proxy";
const requestFilter = "envoy.filters.http.dynamic_forward_proxy";
const connectionFilter = "envoy.filters.network.sni_dynamic_forward_proxy";

/** Stands for every host in a cache's name. */
const anyHost = "*";

export function lookupFamily({ scope, settings }: Context): ir.DnsCache["family"] {
  if (scope.families !== "dual") return scope.families;
  return settings.dualStack ? "all" : "v4";
}

function cacheOf(context: Context, host: string): ir.DnsCache {
  return { host, family: lookupFamily(context) };
}

/** Nobody is reached where the binary cannot look names up. */
export function lookupDiscovery(context: Context, { host, origin }: ServiceRecord): ir.Discovery {
  return requires(context, cluster, origin, `nobody is reached at "${host}"`)
    ? { kind: "by-request", cache: cacheOf(context, host) }
    : { kind: "none" };
}

/** Whether requests for hosts nobody knows go where DNS says: a Sidecar's own policy counts before the mesh's. */
export function looksUpUnknown(context: Context): boolean {
  const { scope, settings, view } = context;
  if (scope.type !== "sidecar" || settings.outboundPolicy !== "look-up") return false;
  if (view.sidecar?.spec.outboundTrafficPolicy !== undefined) return false;
  return [cluster, requestFilter].every((extension) =>
    requires(context, extension, proxyRef(context), "requests for unknown hosts go on as they came"),
  );
}

export function unknownHostDiscovery(context: Context): ir.Discovery {
  return { kind: "by-request", cache: cacheOf(context, anyHost) };
}

const lookedUp = byIdentity((services: VisibleServices): readonly ServiceRecord[] =>
  services.all.filter(({ resolution }) => resolution === "by-request"),
);

/** The caches for what `table` may lead to: services of its port, and those that rules send to. */
export function requestLookups(context: Context, table: ir.RouteTableRef): Pick<ir.HttpHandler, "lookups"> {
  if (!supports(context, requestFilter)) return {};
  const services = lookedUp(context.services);
  const here = services.length === 0 ? [] : services.filter((service) => leadsTo(context, table, service));
  const hosts = [...here.map(({ host }) => host), ...(hasUnknown(table) && looksUpUnknown(context) ? [anyHost] : [])];
  return hosts.length === 0 ? {} : { lookups: hosts.sort().map((host) => cacheOf(context, host)) };
}

function hasUnknown({ kind }: ir.RouteTableRef): boolean {
  return kind === "port" || kind === "socket" || kind === "http-proxy";
}

function leadsTo(context: Context, table: ir.RouteTableRef, service: ServiceRecord): boolean {
  if (destinations(context).has(service.host)) return true;
  switch (table.kind) {
    case "port":
      return isOpen(context, table.port) || service.ports.some(({ number }) => number === table.port);
    case "service":
      return table.host === service.host;
    case "socket":
    case "http-proxy":
      return true;
    default:
      return false;
  }
}

/** Requests for every port come to it. */
function isOpen({ view }: Context, port: number): boolean {
  return view.egress.some(({ listener }) => listener?.port?.number === port && isHttpProxy(listener.port.protocol));
}

/** Hosts of services that rules send requests to. */
const destinations = byIdentity((context: Context): ReadonlySet<string> => {
  const { scope, routing, settings, snapshot } = context;
  const rules =
    scope.type === "router"
      ? scope.gateways.flatMap((ref) => {
          const gateway = findGateway(snapshot.gateways, ref);
          return gateway === undefined ? [] : context.boundTo(nameOfGateway(gateway));
        })
      : routing.all;
  const hosts = rules.flatMap((record) =>
    destinationsOf(record).flatMap((written) => {
      const full = resolveHost(written, record.object.meta.namespace, settings.domain);
      return context.services.find(full)?.host ?? [];
    }),
  );
  return new Set(hosts);
});

const destinationsOf = byIdentity((record: VirtualServiceRecord): readonly string[] => [
  ...new Set(
    record.object.spec.http
      .flatMap(({ route }) => route.map(({ destination }) => destination?.host ?? ""))
      .filter(Boolean),
  ),
]);

/** Whether a connection there goes to the name it asks for. */
export function isLookedUp(context: Context, ref: ir.ClusterRef): boolean {
  return context.clusters.get(clusterKey(ref))?.discovery.kind === "by-request";
}

/** What connections to `targets` have looked up on the way. */
export function connectionLookup(context: Context, [target]: ir.TcpHandler["targets"]): Pick<ir.TcpHandler, "lookup"> {
  if (target?.cluster.kind !== "outbound") return {};
  const { host, port: number } = target.cluster;
  const discovery = context.clusters.get(clusterKey(target.cluster))?.discovery;
  if (discovery?.kind !== "by-request" || !supports(context, connectionFilter)) return {};
  const port = context.services.byHost.get(host)?.ports.find((each) => each.number === number);
  return { lookup: { cache: discovery.cache, port: port?.targetPort || number } };
}

/** Why connections that `owner` sends to `target` cannot arrive there, which is told; undefined: they can. */
export function withoutName(
  context: Context,
  target: ir.ClusterRef,
  { site, alone, owner }: { readonly site: ConnectionSite; readonly alone: boolean; readonly owner: ObjectRef },
): boolean {
  if (target.kind !== "outbound" || !isLookedUp(context, target)) return false;
  const readable = isTlsPassthrough(site.protocol) && site.terminated !== true;
  if (readable && alone) return !requires(context, connectionFilter, owner, "these connections are closed");
  context.findings.warn(
    owner,
    "unknown-server-name",
    `sends connections to "${target.host}" (resolution DYNAMIC_DNS), ${
      readable
        ? "among other destinations, but one server name cannot be looked up for several"
        : "but only the server name of TLS that is passed through says which host is meant"
    }; they are closed. ${readable ? "Make it the only destination" : "Use a tls route on a port of protocol TLS"}`,
  );
  return true;
}
