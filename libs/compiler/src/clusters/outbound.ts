import type * as ir from "@lateen/ir";
import { formatRef, isEmptyRecord, isIp, selects } from "@lateen/model";
import type { Labels, ObjectRef } from "@lateen/model";
import { knows, requires } from "../context.ts";
import type { Context } from "../context.ts";
import type { DestinationPolicy } from "../index/destination-rules.ts";
import type { RecordPort, ServiceRecord } from "../index/service-record.ts";
import type { Subset } from "../istio.ts";
import {
  balancingOf,
  connectTimeoutOf,
  isPassthrough,
  keepaliveOf,
  limitsOf,
  outlierDetectionOf,
  upstreamHttpOf,
} from "./settings-of-policy.ts";
import { followsHost, upstreamTls } from "./tls.ts";
import { portPolicy } from "./traffic-policy.ts";
import type { PortPolicy } from "./traffic-policy.ts";

/** A cluster for every port of every visible service, and one for each of its subsets. */
export function outboundClusters(context: Context): readonly ir.Cluster[] {
  return context.services.all.flatMap((service) => {
    const policy = context.policyFor(service);
    return service.ports.flatMap((port) => [
      outboundCluster(context, { service, port, policy }),
      ...(policy?.subsets ?? []).map((subset) => outboundCluster(context, { service, port, policy, subset })),
    ]);
  });
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
      ? { kind: "endpoints", query: { ...discovery.query, cluster: ref, onlyMutualTls: true } }
      : discovery.kind === "dns" || discovery.kind === "static"
        ? { ...discovery, endpoints: discovery.endpoints.filter((endpoint) => endpoint.mutualTls) }
        : discovery;
  return { ...cluster, ref, discovery: secured, http: { protocol: "tcp" }, tls: { mode: "none" } };
}

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
  const discovery = discoveryOf(context, ref, destination, isPassthrough(loadBalancer));
  const http = upstreamHttpOf(port.protocol, connectionPool, settings);
  const security = { service, cluster: ref, settings: asked.tls, policy, protocol: http.protocol, discovery };
  const tls = upstreamTls(context, security);
  return {
    ref,
    discovery,
    tls,
    connectTimeoutMs: connectTimeoutOf(connectionPool, settings),
    balancing: discovery.kind === "original-destination" ? { kind: "by-cluster" } : balancing(context, asked, owner),
    limits: limits(context, asked, owner),
    ...keepaliveOf(connectionPool, settings),
    ...outlierDetectionOf(asked.outlierDetection),
    http: { ...http, ...followsHost(tls) },
    ...proxyProtocol(context, asked, owner),
    services: [{ host: service.host, name: service.name, namespace: service.namespace }],
    ...(policy === undefined ? {} : { rule: formatRef(policy.origin) }),
    ...(subset === undefined ? {} : { subset: subset.name }),
    origin: formatRef(owner),
  };
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

function discoveryOf(
  context: Context,
  cluster: ir.OutboundClusterRef,
  destination: Destination,
  passthrough: boolean,
): ir.Discovery {
  const { service, port, subset } = destination;
  const intercepted = context.scope.interception !== "none";
  // A gateway's clients mean the gateway, so it has no destination to go back to.
  if (service.resolution === "none" && context.scope.type !== "router")
    return { kind: "original-destination", ...(port.targetPort > 0 ? { port: port.targetPort } : {}) };
  if (passthrough && intercepted) return { kind: "original-destination" };
  if (service.headless && intercepted && subset === undefined) return { kind: "original-destination" };
  const labels: Labels = subset?.labels ?? {};
  if (service.resolution === "endpoints" || service.resolution === "none") {
    return { kind: "endpoints", query: { cluster, namespace: service.namespace, portName: port.name, labels } };
  }
  const endpoints = dnsEndpoints(context, service, { port, labels });
  // Envoy resolves only one name in a logical cluster.
  const logical = service.resolution === "dns-round-robin" && endpoints.length === 1;
  if (endpoints.every((endpoint) => isIp(endpoint.address))) return { kind: "static", endpoints };
  return {
    kind: "dns",
    mode: logical ? "logical" : "strict",
    refreshMs: context.settings.dnsRefreshMs,
    family: lookupFamily(context),
    endpoints,
  };
}

function lookupFamily({ scope, settings }: Context): "v4" | "v6" | "all" {
  if (scope.families !== "dual") return scope.families;
  return settings.dualStack ? "all" : "v4";
}

/** What a service that resolves names sends to: its own endpoints, or the workloads it selects. */
function dnsEndpoints(
  context: Context,
  service: ServiceRecord,
  { port, labels }: { readonly port: RecordPort; readonly labels: Labels },
): readonly ir.FixedEndpoint[] {
  const records = context.endpointsOf(service)?.records ?? [];
  return records
    .filter(({ address, health }) => health === "healthy" && !address.startsWith("unix:"))
    .filter((record) => isEmptyRecord(labels) || selects(labels, record.labels))
    .flatMap((record) => {
      const number = record.portFor(port.name, port.number, port.targetPort);
      if (number === undefined) return [];
      return [{ address: record.address, port: number, weight: record.weight, mutualTls: record.mutualTls }];
    });
}
