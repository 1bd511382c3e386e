import type * as ir from "@lateen/ir";
import type { Context } from "../context.ts";
import { milliseconds, optionalMs, positive } from "../durations.ts";
import type { Tunnel } from "../istio.ts";
import { portPolicy } from "./traffic-policy.ts";

type Settings = Pick<ir.TcpHandler, "idleTimeoutMs" | "maxConnectionMs" | "hashSourceIp" | "tunnel">;

/** What a DestinationRule says about TCP connections that are forwarded to `cluster`. */
export function tcpSettings(context: Context, cluster: ir.ClusterRef): Settings {
  if (cluster.kind !== "outbound" && cluster.kind !== "sni") return {};
  const service = context.services.byHost.get(cluster.host);
  if (service === undefined) return {};
  const policy = context.policyFor(service);
  const { connectionPool, loadBalancer, tunnel } = portPolicy(context.settings, { ...cluster, policy });
  const balancing = loadBalancer?.lbPolicy;
  const key = balancing?.case === "consistentHash" ? balancing.value.hashKey : undefined;
  const { idleTimeout, maxConnectionDuration } = connectionPool?.tcp ?? {};
  return {
    ...optionalMs("idleTimeoutMs", idleTimeout),
    ...(maxConnectionDuration === undefined ? {} : positive("maxConnectionMs", milliseconds(maxConnectionDuration))),
    ...(key?.case === "useSourceIp" && key.value ? { hashSourceIp: true } : {}),
    // What passes through a gateway under the mesh's TLS is not the gateway's to wrap.
    ...(tunnel === undefined || cluster.kind === "sni" ? {} : { tunnel: tunnelOf(tunnel) }),
  };
}

function tunnelOf({ protocol, targetHost, targetPort }: Tunnel): NonNullable<ir.TcpHandler["tunnel"]> {
  return { host: targetHost, port: targetPort, method: protocol.toUpperCase() === "POST" ? "POST" : "CONNECT" };
}
