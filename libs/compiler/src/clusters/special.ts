import type * as ir from "@lateen/ir";
import type { Context } from "../context.ts";
import type { ServedPort } from "../scope.ts";
import { upstreamHttpOf } from "./settings-of-policy.ts";

/** The source address Istio's traffic capture recognises as "from the sidecar to its own application". */
const inboundSourceAddress = "127.0.0.6";

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
  if (context.scope.interception === "none") return [blackHole];
  const passthrough = plainCluster(context, { kind: "passthrough" }, { kind: "original-destination" });
  const inbound = plainCluster(
    context,
    { kind: "inbound-passthrough" },
    { kind: "original-destination", sourceAddress: inboundSourceAddress },
  );
  return [blackHole, passthrough, inbound];
}

/** One cluster for each port the proxy's own application serves. */
export function inboundClusters(context: Context): readonly ir.Cluster[] {
  const byPort = Map.groupBy(context.scope.serves, (served) => served.targetPort);
  return [...byPort].map(([targetPort, served]) => inboundCluster(context, targetPort, served));
}

function inboundCluster(context: Context, port: number, served: readonly ServedPort[]): ir.Cluster {
  const discovery: ir.Discovery =
    context.scope.interception === "none"
      ? { kind: "static", endpoints: [{ address: "127.0.0.1", port, weight: 1, mutualTls: false }] }
      : { kind: "original-destination", sourceAddress: inboundSourceAddress };
  const services = new Map(served.map(({ host, name, namespace }) => [host, { host, name, namespace }]));
  return {
    ...plainCluster(context, { kind: "inbound", port }, discovery),
    http: upstreamHttpOf(served[0]?.protocol ?? "auto", undefined, context.settings),
    services: [...services.values()],
  };
}
