import type * as ir from "@lateen/ir";
import { resolveHost } from "@lateen/model";
import { clusterKey } from "./context.ts";
import type { Context } from "./context.ts";
import { looksUpUnknown } from "./lookups.ts";

/** What becomes of calls to places nothing is known of: sent on through a cluster, or refused. */
export type UnknownTraffic = { readonly kind: "refuse" } | { readonly kind: "send"; readonly cluster: ir.ClusterRef };

/** Requests to hosts nobody knows. */
export function unknownRequests(context: Context): UnknownTraffic {
  return looksUpUnknown(context) ? { kind: "send", cluster: { kind: "any-host" } } : unknownTraffic(context);
}

/** A Sidecar's word counts before the mesh's. */
function unknownTraffic(context: Context): UnknownTraffic {
  const allowAny = 1;
  const own = context.view.sidecar?.spec.outboundTrafficPolicy;
  const allowed = own === undefined ? context.settings.outboundPolicy !== "registry-only" : own.mode === allowAny;
  if (!allowed) return { kind: "refuse" };
  if (own?.egressProxy !== undefined) return { kind: "send", cluster: egressProxy(context, own.egressProxy) };
  // Without capture there is no original destination to go to.
  return context.scope.interception === "none"
    ? { kind: "refuse" }
    : { kind: "send", cluster: { kind: "passthrough" } };
}

/** Where a connection goes that no listener knows the destination of. */
export function unknownCluster(context: Context): ir.ClusterRef {
  const unknown = unknownTraffic(context);
  return unknown.kind === "send" ? unknown.cluster : { kind: "black-hole" };
}

interface EgressProxy {
  readonly host: string;
  readonly subset: string;
  readonly port?: { readonly number: number } | undefined;
}

function egressProxy(context: Context, { host, subset, port }: EgressProxy): ir.ClusterRef {
  const { sidecar } = context.view;
  const full = resolveHost(host, sidecar?.meta.namespace ?? context.scope.namespace, context.settings.domain);
  const ref: ir.OutboundClusterRef = { kind: "outbound", host: full, port: port?.number ?? 0, subset };
  if (context.clusters.has(clusterKey(ref))) return ref;
  if (sidecar !== undefined) {
    context.findings.warn(
      sidecar.origin,
      "unknown-destination",
      `sends unknown traffic to port ${ref.port} of "${full}", which is no service its egress hosts import; this traffic is refused. Import it, or correct outboundTrafficPolicy.egressProxy`,
    );
  }
  return { kind: "black-hole" };
}
