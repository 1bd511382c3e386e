import type * as ir from "@lateen/ir";
import { clusterKey } from "./context.ts";
import type { Context } from "./context.ts";

/** The mesh's own policy and telemetry service. */
const mixerPolicyService = "lateen-mixer-policy";
const mixerPolicyPort = 9091;

/** Its cluster, if the proxy has it. */
export function mixerPolicyCluster(context: Context): ir.OutboundClusterRef | undefined {
  const { rootNamespace, domain } = context.settings;
  return knownCluster(context, `${mixerPolicyService}.${rootNamespace}.svc.${domain}`, mixerPolicyPort);
}

/** The cluster of a provider's `service` (a host, or `namespace/host`) and `port`, if the proxy has it. */
export function providerCluster(
  context: Context,
  provider: { readonly service: string; readonly port: number },
): ir.OutboundClusterRef | undefined {
  const host = provider.service.slice(provider.service.indexOf("/") + 1).toLowerCase();
  return knownCluster(context, host, provider.port);
}

function knownCluster(context: Context, host: string, port: number): ir.OutboundClusterRef | undefined {
  const ref: ir.OutboundClusterRef = { kind: "outbound", host, port, subset: "" };
  return context.clusters.has(clusterKey(ref)) ? ref : undefined;
}
