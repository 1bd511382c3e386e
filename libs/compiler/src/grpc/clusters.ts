import type * as ir from "@lateen/ir";
import type { ObjectRef } from "@lateen/model";
import { proxyRef } from "../context.ts";
import type { Context } from "../context.ts";

/**
 * A sidecar's cluster as a gRPC library can have it; undefined when it cannot. Mutual TLS only where a
 * DestinationRule asks for it, as Istio has it: a library does not know a permissive server from a plaintext one, and
 * a client without xDS credentials would ignore it.
 */
export function grpcCluster(context: Context, cluster: ir.Cluster): ir.GrpcCluster | undefined {
  const { ref, tls, origin } = cluster;
  if (ref.kind !== "outbound") return undefined;
  const owner = ownerOf(context, cluster);
  const discovery = discoveryOf(cluster.discovery);
  if (discovery === undefined) {
    lacks(
      context,
      owner,
      `cannot reach "${ref.host}": it looks up no list of DNS names and knows no original destination; it gets no cluster`,
    );
    return undefined;
  }
  if (tls.mode === "originate") {
    lacks(
      context,
      owner,
      `cannot originate TLS to "${ref.host}" with trafficPolicy.tls of mode SIMPLE or MUTUAL; it gets no cluster. Use ISTIO_MUTUAL or DISABLE`,
    );
    return undefined;
  }
  if (cluster.outlierDetection !== undefined) {
    lacks(
      context,
      owner,
      `does not count consecutive errors; the outlierDetection for "${ref.host}" has no effect on it`,
    );
  }
  return {
    ref,
    discovery,
    balancing: balancingOf(context, cluster, owner),
    ...(tls.mode === "workload-identity" && tls.when === "always"
      ? { mutualTls: { acceptedPeers: tls.acceptedPeers } }
      : {}),
    ...(cluster.limits.maxRequests === undefined ? {} : { maxRequests: cluster.limits.maxRequests }),
    ...(origin === undefined ? {} : { origin }),
  };
}

function discoveryOf(discovery: ir.Discovery): ir.GrpcCluster["discovery"] | undefined {
  if (discovery.kind === "endpoints") return discovery;
  if (discovery.kind !== "dns" && discovery.kind !== "static") return undefined;
  // The one form in which gRPC takes addresses from the cluster itself is a single name.
  const [only, ...others] = discovery.localities.flatMap(({ endpoints }) => endpoints);
  if (only === undefined || others.length > 0) return undefined;
  return { kind: "dns", address: only.address, port: only.port };
}

function balancingOf(context: Context, { balancing, ref }: ir.Cluster, owner: ObjectRef): ir.GrpcCluster["balancing"] {
  switch (balancing.kind) {
    case "ring-hash":
      return balancing;
    case "round-robin":
    case "least-request":
    case "by-cluster":
      return { kind: "round-robin" };
    default: {
      const host = ref.kind === "outbound" ? ref.host : "";
      lacks(
        context,
        owner,
        `does not balance "${host}" by ${balancing.kind}; it takes turns instead. Use ROUND_ROBIN or a ring hash`,
      );
      return { kind: "round-robin" };
    }
  }
}

function ownerOf(context: Context, { origin }: ir.Cluster): ObjectRef {
  const [kind = "", namespace = "", name = ""] = origin?.split("/") ?? [];
  return kind === "" ? proxyRef(context) : { kind, namespace, name };
}

export function lacks(context: Context, owner: ObjectRef, what: string): void {
  context.findings.warn(owner, "grpc-unsupported", `a gRPC library that speaks xDS itself ${what}`);
}
