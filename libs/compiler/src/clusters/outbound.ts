import type * as ir from "@lateen/ir";
import { formatRef, isEmptyRecord, isIp, selects } from "@lateen/model";
import type { Labels, ObjectRef } from "@lateen/model";
import { knows, requires } from "../context.ts";
import type { Context } from "../context.ts";
import type { DestinationPolicy } from "../index/destination-rules.ts";
import type { RecordPort, ServiceRecord } from "../index/service-record.ts";
import type { Subset } from "../istio.ts";
import { lookupDiscovery, lookupFamily } from "../lookups.ts";
import { rememberedStep } from "../remembered-step.ts";
import { isClusterLocal } from "../settings.ts";
import {
  balancingOf,
  connectTimeoutOf,
  isPassthrough,
  keepaliveOf,
  limitsOf,
  outlierDetectionOf,
  upstreamHttpOf,
} from "./settings-of-policy.ts";
import { inPlaces, localitiesOf } from "../spread/places.ts";
import { localityPolicy } from "../spread/setting.ts";
import type { LocalityPolicy } from "../spread/setting.ts";
import { outboundStatName } from "../stat-names.ts";
import { followsHost, upstreamTls } from "./tls.ts";
import { portPolicy } from "./traffic-policy.ts";
import type { PortPolicy } from "./traffic-policy.ts";

/** A cluster for every port of every visible service, and one for each of its subsets. */
export function outboundClusters(context: Context): readonly ir.Cluster[] {
  return context.services.all.flatMap((service) => clustersOf(context, service, ""));
}

/** For gateways that pass mutual TLS through: the endpoints of what `reached` says they serve, each port and subset. */
export function sniClusters(context: Context, reached: (service: ServiceRecord) => boolean): readonly ir.Cluster[] {
  return outboundClusters({
    ...context,
    services: { ...context.services, all: context.services.all.filter(reached) },
  }).flatMap((cluster) => (cluster.ref.kind === "outbound" ? [sniCluster(cluster, cluster.ref)] : []));
}

/** Bytes pass as they come: the client's mutual TLS ends at the endpoint, so only those that speak it are in it. */
function sniCluster(cluster: ir.Cluster, { host, port, subset }: ir.OutboundClusterRef): ir.Cluster {
  const ref: ir.SniClusterRef = { kind: "sni", host, port, subset };
  const { discovery } = cluster;
  const secured: ir.Discovery =
    discovery.kind === "endpoints"
      ? { kind: "endpoints", query: { ...withoutStay(discovery.query), cluster: ref, onlyMutualTls: true } }
      : discovery.kind === "dns" || discovery.kind === "static"
        ? { ...discovery, localities: discovery.localities.flatMap(withMutualTls) }
        : discovery;
  return { ...cluster, ref, discovery: secured, http: { protocol: "tcp" }, tls: { mode: "none" } };
}

/** What passes through is the callers' mutual TLS, whatever this proxy would speak itself. */
function withoutStay({ stays: _own, ...query }: ir.EndpointQuery): ir.EndpointQuery {
  return query;
}

function withMutualTls(locality: ir.FixedLocality): readonly ir.FixedLocality[] {
  const endpoints = locality.endpoints.filter((endpoint) => endpoint.mutualTls);
  return endpoints.length === 0 ? [] : [{ ...locality, endpoints }];
}

const clustersOf = rememberedStep((context, service: ServiceRecord): readonly ir.Cluster[] => {
  const policy = context.policyFor(service);
  return service.ports.flatMap((port) => [
    outboundCluster(context, { service, port, policy }),
    ...(policy?.subsets ?? []).map((subset) => outboundCluster(context, { service, port, policy, subset })),
  ]);
});

interface Destination {
  readonly service: ServiceRecord;
  readonly port: RecordPort;
  readonly policy: DestinationPolicy | undefined;
  readonly subset?: Subset;
}

function outboundCluster(context: Context, destination: Destination): ir.Cluster {
  const { service, port, policy, subset } = destination;
  const { settings } = context;
  const ref: ir.OutboundClusterRef = {
    kind: "outbound",
    host: service.host,
    port: port.number,
    subset: subset?.name ?? "",
  };
  const asked = portPolicy(settings, { policy, subset: subset?.name ?? "", port: port.number });
  const { loadBalancer, connectionPool } = asked;
  const owner = policy?.origin ?? service.origin;
  const places = localityPolicy(settings, asked, service.preference);
  const question = { ...destination, cluster: ref, places, asked };
  const found = discoveryOf(context, question);
  const http = undetected(context, port, connectionPool, upstreamHttpOf(port.protocol, connectionPool, settings));
  const security = { service, cluster: ref, settings: asked.tls, policy, protocol: http.protocol, discovery: found };
  const tls = upstreamTls(context, security);
  const discovery = withinReach(context, found, tls);
  if (discovery.kind === "by-request" && loadBalancer !== undefined) tellOfNoChoice(context, ref.host, owner);
  return {
    ref,
    discovery,
    tls,
    connectTimeoutMs: connectTimeoutOf(connectionPool, settings),
    ...(hasChoice(discovery)
      ? { balancing: balancing(context, asked, owner), ...betweenLocalities(context, places, { asked, owner }) }
      : { balancing: { kind: "by-cluster" } }),
    limits: limits(context, asked, owner),
    ...keepaliveOf(connectionPool, settings),
    ...outlierDetectionOf(asked.outlierDetection),
    ...panic(discovery, asked, service),
    http: { ...http, ...followsHost(tls, discovery, settings) },
    ...proxyProtocol(context, asked, owner),
    services: [{ host: service.host, name: service.name, namespace: service.namespace }],
    ...(policy === undefined ? {} : { rule: formatRef(policy.origin) }),
    ...(subset === undefined ? {} : { subset: subset.name }),
    ...(service.external ? { external: true } : {}),
    ...outboundStatName(context, ref),
    origin: formatRef(owner),
  };
}

/**
 * To a port whose protocol is to be detected a sidecar speaks what its application does. Clients of a gateway choose HTTP/2
 * by themselves, wherever it leads, so it speaks HTTP/1.1 unless told otherwise:
 * https://github.com/istio/istio/blob/0098d99f8e43fe516aaac5a84a131b4ce3c8b9d1/pilot/pkg/networking/core/cluster_builder.go
 */
function undetected(
  context: Context,
  port: RecordPort,
  pool: PortPolicy["connectionPool"],
  http: ir.UpstreamHttp,
): ir.UpstreamHttp {
  const follows = http.protocol === "downstream" && pool?.http?.useClientProtocol !== true;
  return context.scope.type === "router" && port.protocol === "auto" && follows ? { ...http, protocol: "http1" } : http;
}

/** The connection or request says who gets it. */
function hasChoice({ kind }: ir.Discovery): boolean {
  return kind !== "original-destination" && kind !== "by-request";
}

/**
 * Endpoints that are not ready are known to the proxy, and must not get requests when most of them are. Where a rule
 * wants that panic they are left out, except where their share decides when the next place is used.
 */
function panicPercentOf({ outlierDetection }: PortPolicy, { preference }: ServiceRecord): number {
  return preference === undefined ? (outlierDetection?.minHealthPercent ?? 0) : 0;
}

function panic(discovery: ir.Discovery, asked: PortPolicy, service: ServiceRecord): Pick<ir.Cluster, "panicPercent"> {
  return discovery.kind === "by-request" ? {} : { panicPercent: panicPercentOf(asked, service) };
}

function tellOfNoChoice(context: Context, host: string, owner: ObjectRef): void {
  context.findings.warn(
    owner,
    "no-load-balancing",
    `balances load for "${host}", but with resolution DYNAMIC_DNS each request says who gets it; the loadBalancer has no effect`,
  );
}

/** Gateways between networks tell connections apart by the server name of the mesh's mutual TLS. */
function withinReach(context: Context, discovery: ir.Discovery, tls: ir.UpstreamTls): ir.Discovery {
  if (discovery.kind !== "endpoints" || !context.scope.dividedNetworks) return discovery;
  const crosses = tls.mode === "workload-identity" && typeof tls.sni !== "string";
  return crosses ? discovery : { ...discovery, query: { ...discovery.query, stays: true } };
}

const byUtilization = "envoy.load_balancing_policies.client_side_weighted_round_robin";

function balancing(context: Context, { loadBalancer }: PortPolicy, owner: ObjectRef): ir.Balancing {
  const balancing = balancingOf(loadBalancer);
  return balancing.kind !== "utilization" || requires(context, byUtilization, owner, "the default balancing is used")
    ? balancing
    : { kind: "least-request" };
}

function limits(context: Context, { connectionPool, retryBudget }: PortPolicy, owner: ObjectRef): ir.ConnectionLimits {
  const { retryBudget: budget, ...limits } = limitsOf(connectionPool, retryBudget);
  if (budget?.intervalMs === undefined || knows(context, "retry-budget-interval"))
    return { ...limits, ...(budget === undefined ? {} : { retryBudget: budget }) };
  const { intervalMs: _unknown, ...rest } = budget;
  context.findings.warn(
    owner,
    "envoy-too-old",
    "retryBudget.budgetInterval needs Envoy 1.40: the budget is a share of the requests of the moment",
  );
  return { ...limits, retryBudget: rest };
}

const announcing = "envoy.transport_sockets.upstream_proxy_protocol";

function proxyProtocol(
  context: Context,
  { proxyProtocol: asked }: PortPolicy,
  owner: ObjectRef,
): { readonly proxyProtocol?: 1 | 2 } {
  if (asked === undefined || !requires(context, announcing, owner, "connections begin without a PROXY header"))
    return {};
  return { proxyProtocol: asked.version === 1 ? 2 : 1 };
}

const weighingPlaces = "envoy.load_balancing_policies.wrr_locality";

function betweenLocalities(
  context: Context,
  { weighted, zoneAware }: LocalityPolicy,
  { asked, owner }: { readonly asked: PortPolicy; readonly owner: ObjectRef },
): Pick<ir.Cluster, "betweenLocalities"> {
  const byExtension = asked.loadBalancer?.lbPolicy.case === "backendUtilization";
  if (weighted && byExtension && !requires(context, weighingPlaces, owner, "localities have no shares")) return {};
  if (weighted) return { betweenLocalities: { by: "weight" } };
  return zoneAware === undefined ? {} : { betweenLocalities: { by: "zone", minimumSize: zoneAware.minimumSize } };
}

interface DiscoveryQuestion extends Destination {
  readonly cluster: ir.OutboundClusterRef;
  readonly places: LocalityPolicy;
  readonly asked: PortPolicy;
}

function discoveryOf(context: Context, question: DiscoveryQuestion): ir.Discovery {
  const { service, port, subset, cluster, places, asked } = question;
  const intercepted = context.scope.interception !== "none";
  if (service.resolution === "by-request") return lookupDiscovery(context, service);
  // A gateway's clients mean the gateway, so it has no destination to go back to.
  if (service.resolution === "none" && context.scope.type !== "router")
    return { kind: "original-destination", ...(port.targetPort > 0 ? { port: port.targetPort } : {}) };
  if (isPassthrough(asked.loadBalancer) && intercepted) return { kind: "original-destination" };
  if (service.headless && intercepted && subset === undefined) return { kind: "original-destination" };
  const labels: Labels = subset?.labels ?? {};
  if (service.resolution === "endpoints" || service.resolution === "none") {
    const { spread } = places;
    const { namespace } = service;
    const query: ir.EndpointQuery = {
      cluster,
      namespace,
      portName: port.name,
      labels,
      ...(isClusterLocal(context.settings, service.host) ? { sameCluster: true } : {}),
      ...(panicPercentOf(asked, service) > 0 ? { onlyReady: true } : {}),
      ...(spread && { spread }),
    };
    return { kind: "endpoints", query };
  }
  const localities = dnsEndpoints(context, service, { port, labels, places });
  const endpoints = localities.flatMap((locality) => locality.endpoints);
  // Envoy resolves only one name in a logical cluster.
  const logical = service.resolution === "dns-round-robin" && endpoints.length === 1;
  if (endpoints.every((endpoint) => isIp(endpoint.address))) return { kind: "static", localities };
  return {
    kind: "dns",
    mode: logical ? "logical" : "strict",
    refreshMs: context.settings.dnsRefreshMs,
    family: lookupFamily(context),
    localities,
  };
}

/** What a service that resolves names sends to: its own endpoints, or the workloads it selects. */
function dnsEndpoints(
  context: Context,
  service: ServiceRecord,
  { port, labels, places }: { readonly port: RecordPort; readonly labels: Labels; readonly places: LocalityPolicy },
): readonly ir.FixedLocality[] {
  const records = context.endpointsOf(service)?.records ?? [];
  const members = records
    .filter(({ address, health }) => health === "healthy" && !address.startsWith("unix:"))
    .filter((record) => isEmptyRecord(labels) || selects(labels, record.labels))
    .flatMap((record) => {
      const number = record.portFor(port.name, port.number, port.targetPort);
      if (number === undefined) return [];
      const { address, weight, mutualTls, label: workload } = record;
      return [{ record, endpoint: { address, port: number, weight, mutualTls, workload } }];
    });
  return localitiesOf(inPlaces(members), places.spread, context.scope.vantage);
}
