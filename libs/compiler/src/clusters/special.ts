import type * as ir from "@lateen/ir";
import type { Context } from "../context.ts";
import { discoveryOf, inboundPorts, ruleAt } from "../inbound-ports.ts";
import type { InboundPort } from "../inbound-ports.ts";
import type { ConnectionPool } from "../istio.ts";
import { followsHost, tlsToUnknown } from "./tls.ts";
import { looksUpUnknown, unknownHostDiscovery } from "../lookups.ts";
import { inboundStatName } from "../stat-names.ts";
import { connectTimeoutOf, keepaliveOf, limitsOf, upstreamHttpOf } from "./settings-of-policy.ts";

/**
 * The source address Istio's traffic capture recognises as "from the sidecar to its own application". Transparent
 * proxies come under the caller's own.
 */
function inboundSource({ scope }: Context): { readonly sourceAddresses?: readonly string[] } {
  if (scope.interception === "tproxy") return {};
  const byFamily = { v4: ["127.0.0.6"], v6: ["::6"], dual: ["127.0.0.6", "::6"] };
  return { sourceAddresses: byFamily[scope.families] };
}

function plainCluster(context: Context, ref: ir.ClusterRef, discovery: ir.Discovery): ir.Cluster {
  return {
    ref,
    discovery,
    connectTimeoutMs: context.settings.connectTimeoutMs,
    balancing: discovery.kind === "original-destination" ? { kind: "by-cluster" } : { kind: "round-robin" },
    limits: {},
    http: { protocol: "downstream" },
    tls: { mode: "none" },
    services: [],
  };
}

/** Clusters that no service stands behind. Without interception there is no original destination to go to. */
export function builtInClusters(context: Context): readonly ir.Cluster[] {
  const blackHole: ir.Cluster = {
    ...plainCluster(context, { kind: "black-hole" }, { kind: "none" }),
    http: { protocol: "tcp" },
  };
  const anyHost = looksUpUnknown(context) ? [anyHostCluster(context)] : [];
  if (context.scope.interception === "none") return [blackHole, ...anyHost];
  const passthrough = throughCluster(context, { kind: "passthrough" });
  const inbound = throughCluster(context, { kind: "inbound-passthrough" }, inboundSource(context));
  return [blackHole, ...anyHost, passthrough, inbound];
}

/** As long as Istio lets connections rest that lead to where nobody is known. */
const throughIdleMs = 300_000;

function throughCluster(
  context: Context,
  ref: ir.ClusterRef,
  source: { readonly sourceAddresses?: readonly string[] } = {},
): ir.Cluster {
  const cluster = plainCluster(context, ref, { kind: "original-destination", ...source });
  const pool = context.settings.defaultPolicy.connectionPool;
  return { ...cluster, ...connectionsOf(context, pool), http: { ...cluster.http, idleTimeoutMs: throughIdleMs } };
}

function connectionsOf(
  { settings }: Context,
  pool: ConnectionPool | undefined,
): Pick<ir.Cluster, "connectTimeoutMs" | "limits" | "keepalive"> {
  return {
    connectTimeoutMs: connectTimeoutOf(pool, settings),
    limits: limitsOf(pool),
    ...keepaliveOf(pool, settings),
  };
}

/** For requests to hosts nobody knows. Connections go on to where they were going. */
function anyHostCluster(context: Context): ir.Cluster {
  const discovery = unknownHostDiscovery(context);
  const tls = tlsToUnknown(context, context.settings.unknownHostTls);
  return {
    ...plainCluster(context, { kind: "any-host" }, discovery),
    balancing: { kind: "by-cluster" },
    http: { protocol: "downstream", ...followsHost(tls, discovery, context.settings) },
    tls,
  };
}

/** One cluster for each port on which calls come in. */
export function inboundClusters(context: Context): readonly ir.Cluster[] {
  return inboundPorts(context).map((port) => inboundCluster(context, port));
}

function inboundCluster(context: Context, port: InboundPort): ir.Cluster {
  const { settings } = context;
  const { pool } = port;
  const rule = ruleAt(context, port);
  const services = new Map(port.services.map(({ host, name, namespace }) => [host, { host, name, namespace }]));
  return {
    ...plainCluster(context, { kind: "inbound", port: port.number }, discoveryOf(port, inboundSource(context))),
    ...connectionsOf(context, pool),
    http: upstreamHttpOf(port.service.protocol, pool, settings),
    services: [...services.values()],
    ...(rule === undefined ? {} : { rule }),
    ...inboundStatName(context, port.service),
  };
}
