import type * as ir from "@lateen/ir";
import { formatRef, selects } from "@lateen/model";
import type { Protocol } from "@lateen/model";
import type { Context } from "../context.ts";
import { gatewayName } from "../index/gateway-name.ts";
import type { VirtualServiceRecord } from "../index/virtual-services.ts";
import type { ConnectionMatch, RouteTarget } from "../istio.ts";
import { withoutName } from "../lookups.ts";
import { resolveDestination } from "./destination.ts";

/** The port a connection came to, as its service or Gateway numbers it, and the gateways it came through. */
export interface ConnectionSite {
  readonly port: number;
  readonly protocol: Protocol;
  readonly gateways: ReadonlySet<string>;
  /** The client's TLS ends here. */
  readonly terminated?: true;
}

/** Where connections go, and what is true of each of them. */
export interface ConnectionPlan {
  readonly targets: ir.TcpHandler["targets"];
  readonly protocol: Protocol;
  /** Fixed facts for logs. */
  readonly tags: Readonly<Record<string, string>>;
  /** What statistics call it; absent: its target. */
  readonly statName?: string;
  /** The rule behind it, as `Kind/namespace/name`. */
  readonly rule?: string;
}

/** The part of a match that is known beforehand. Who calls counts for sidecars only: a gateway's callers are strangers. */
export function appliesAt(
  context: Context,
  record: VirtualServiceRecord,
  match: ConnectionMatch,
  site: ConnectionSite,
): boolean {
  if (match.port !== 0 && match.port !== site.port) return false;
  const names = match.gateways.map((gateway) => gatewayName(gateway, record.object.meta.namespace));
  if (names.length > 0 && !names.some((name) => site.gateways.has(name))) return false;
  if (context.scope.type === "router") return true;
  if (match.sourceNamespace !== "" && match.sourceNamespace !== context.scope.namespace) return false;
  return selects(match.sourceLabels, context.scope.labels);
}

/** What `routes` of a VirtualService do with a connection. Destinations without weight get nothing. */
export function ruledPlan(
  context: Context,
  record: VirtualServiceRecord,
  routes: readonly RouteTarget[],
  site: ConnectionSite,
): ConnectionPlan {
  const owner = record.object.origin;
  const { name, namespace } = record.object.meta;
  const weighted = routes.length > 1 ? routes.filter((route) => route.weight > 0) : routes;
  const resolved = weighted.map((route) =>
    resolveDestination(context, route.destination, { port: site.port, owner, carries: "connections" }),
  );
  const alone = weighted.length <= 1;
  const targets = resolved.map(({ cluster }, index) => ({
    cluster: withoutName(context, cluster, { site, alone, owner }) ? ({ kind: "black-hole" } as const) : cluster,
    weight: weighted.length > 1 ? (weighted[index]?.weight ?? 1) : 1,
  }));
  const [only, ...others] = resolved;
  return {
    targets,
    protocol: site.protocol,
    tags: only?.cluster.kind === "outbound" && others.length === 0 ? tagsOf(context, only.cluster.host) : {},
    ...(others.length > 0 ? { statName: `${name}.${namespace}` } : {}),
    rule: formatRef(owner),
  };
}

/** Everything to one cluster. */
export function planTo(
  context: Context,
  cluster: ir.OutboundClusterRef | ir.SniClusterRef,
  protocol: Protocol,
): ConnectionPlan {
  return { targets: [{ cluster, weight: 1 }], protocol, tags: tagsOf(context, cluster.host) };
}

function tagsOf({ services }: Context, host: string): Readonly<Record<string, string>> {
  const service = services.byHost.get(host);
  if (service === undefined) return {};
  return {
    destination_service: service.host,
    destination_service_name: service.name,
    destination_service_namespace: service.namespace,
  };
}
