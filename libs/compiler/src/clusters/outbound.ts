import type * as ir from "@lateen/ir";
import { formatRef, isEmptyRecord, isIp, selects } from "@lateen/model";
import type { Labels } from "@lateen/model";
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
  const asked = portPolicy(policy?.trafficPolicy, subset?.trafficPolicy, port.number);
  const { loadBalancer, connectionPool } = asked;
  const discovery = discoveryOf(context, ref, destination, isPassthrough(loadBalancer));
  const http = upstreamHttpOf(port.protocol, connectionPool, settings);
  const security = { service, cluster: ref, settings: asked.tls, policy, protocol: http.protocol, discovery };
  const tls = upstreamTls(context, security);
  return {
    ref,
    discovery,
    tls,
    connectTimeoutMs: connectTimeoutOf(connectionPool, settings),
    balancing: discovery.kind === "original-destination" ? { kind: "by-cluster" } : balancingOf(loadBalancer),
    limits: limitsOf(connectionPool),
    ...keepaliveOf(connectionPool, settings),
    ...outlierDetectionOf(asked.outlierDetection),
    http: { ...http, ...followsHost(tls) },
    services: [{ host: service.host, name: service.name, namespace: service.namespace }],
    ...(policy === undefined ? {} : { rule: formatRef(policy.origin) }),
    ...(subset === undefined ? {} : { subset: subset.name }),
    origin: formatRef(policy?.origin ?? service.origin),
  };
}

function discoveryOf(
  context: Context,
  cluster: ir.OutboundClusterRef,
  destination: Destination,
  passthrough: boolean,
): ir.Discovery {
  const { service, port, subset } = destination;
  const intercepted = context.scope.interception !== "none";
  if (service.resolution === "none" || (passthrough && intercepted)) return { kind: "original-destination" };
  if (service.headless && intercepted && subset === undefined) return { kind: "original-destination" };
  const labels: Labels = subset?.labels ?? {};
  if (service.resolution === "endpoints") {
    return { kind: "endpoints", query: { cluster, namespace: service.namespace, portName: port.name, labels } };
  }
  const endpoints = dnsEndpoints(service, port, labels);
  // Envoy resolves only one name in a logical cluster.
  const logical = service.resolution === "dns-round-robin" && endpoints.length === 1;
  if (endpoints.every((endpoint) => isIp(endpoint.address))) return { kind: "static", endpoints };
  return { kind: "dns", mode: logical ? "logical" : "strict", refreshMs: context.settings.dnsRefreshMs, endpoints };
}

function dnsEndpoints(service: ServiceRecord, port: RecordPort, labels: Labels): readonly ir.FixedEndpoint[] {
  return service.entryEndpoints
    .filter(
      (endpoint) =>
        !endpoint.address.startsWith("unix:") && (isEmptyRecord(labels) || selects(labels, endpoint.labels)),
    )
    .map((endpoint) => ({
      address: endpoint.address,
      port: endpoint.ports[port.name] ?? (port.targetPort || port.number),
      weight: endpoint.weight || 1,
      mutualTls: endpoint.labels["security.istio.io/tlsMode"] === "istio",
    }));
}
