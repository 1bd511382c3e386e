import type * as ir from "@lateen/ir";
import { resolveHost } from "@lateen/model";
import type { ObjectRef } from "@lateen/model";
import { portPolicy } from "../clusters/traffic-policy.ts";
import { clusterKey, supports } from "../context.ts";
import type { Context } from "../context.ts";
import { optionalMs } from "../durations.ts";
import type { ServiceRecord } from "../index/service-record.ts";
import type { ConsistentHash, Destination } from "../istio.ts";

export const setFilterState = "envoy.filters.http.set_filter_state";

/** A place a rule sends requests to. A cluster the proxy does not have becomes the black hole, with a finding. */
export interface ResolvedDestination {
  readonly cluster: ir.ClusterRef;
  readonly hash: readonly ir.HashPolicy[];
  /** The server must be told that it is spoken HTTP to. */
  readonly announceHttp: boolean;
}

export function resolveDestination(
  context: Context,
  destination: Destination | undefined,
  site: { readonly port: number; readonly owner: ObjectRef; readonly carries?: "requests" | "connections" },
): ResolvedDestination {
  const host = resolveHost(destination?.host ?? "", site.owner.namespace, context.settings.domain);
  const service = context.services.find(host);
  const [onlyPort, ...otherPorts] = service?.ports ?? [];
  const port =
    destination?.port?.number || (onlyPort !== undefined && otherPorts.length === 0 ? onlyPort.number : site.port);
  const subset = destination?.subset ?? "";
  const ref: ir.OutboundClusterRef = { kind: "outbound", host: service?.host ?? host, port, subset };
  const cluster = context.clusters.get(clusterKey(ref));
  if (service === undefined || cluster === undefined) {
    context.findings.warn(
      site.owner,
      "unknown-destination",
      missing(ref, service !== undefined, {
        knownPort: service?.ports.some((own) => own.number === port) ?? false,
        outcome: site.carries === "connections" ? "these connections are closed" : "these requests get 503",
      }),
    );
    return { cluster: { kind: "black-hole" }, hash: [], announceHttp: false };
  }
  return {
    cluster: ref,
    hash: hashOf(context, service, ref),
    announceHttp: needsAnnouncement(context, cluster),
  };
}

/** What of a request says which endpoint of a cluster gets it. */
export function hashOf(
  context: Context,
  service: ServiceRecord,
  { subset, port }: ir.OutboundClusterRef,
): readonly ir.HashPolicy[] {
  const policy = portPolicy(context.settings, { policy: context.policyFor(service), subset, port });
  const balancing = policy.loadBalancer?.lbPolicy;
  return balancing?.case === "consistentHash" ? hashPolicies(balancing.value) : [];
}

function missing(
  ref: ir.OutboundClusterRef,
  knownHost: boolean,
  { knownPort, outcome }: { readonly knownPort: boolean; readonly outcome: string },
): string {
  if (!knownHost)
    return `routes to host "${ref.host}", which is no service this proxy can see; ${outcome}. Declare the service, or correct the host`;
  if (!knownPort)
    return `routes to port ${ref.port} of "${ref.host}", which it does not have; ${outcome}. Name one of its ports`;
  return `routes to subset "${ref.subset}" of "${ref.host}", which no DestinationRule that applies here defines; ${outcome}. Define the subset`;
}

/**
 * A server that sniffs cannot look under mutual TLS, so a client says by ALPN that it speaks HTTP, as Istio's own
 * alpn filter does.
 */
export function needsAnnouncement(context: Context, cluster: ir.Cluster): boolean {
  return (
    (cluster.http.protocol === "downstream" || isDetected(context, cluster)) &&
    cluster.tls.mode === "workload-identity" &&
    supports(context, setFilterState)
  );
}

/** Gateways speak HTTP/1.1 to ports whose protocol the server detects. */
function isDetected({ scope, services }: Context, { ref, http }: ir.Cluster): boolean {
  if (scope.type !== "router" || http.protocol !== "http1" || ref.kind !== "outbound") return false;
  return (
    services.find(ref.host)?.ports.some(({ number, protocol }) => number === ref.port && protocol === "auto") === true
  );
}

function hashPolicies({ hashKey }: ConsistentHash): readonly ir.HashPolicy[] {
  switch (hashKey.case) {
    case "httpHeaderName":
      return [{ kind: "header", name: hashKey.value }];
    case "httpCookie":
      return [
        {
          kind: "cookie",
          name: hashKey.value.name,
          path: hashKey.value.path,
          ...optionalMs("ttlMs", hashKey.value.ttl),
          ...(hashKey.value.attributes.length === 0
            ? {}
            : { attributes: hashKey.value.attributes.map(({ name, value }) => ({ name, value })) }),
        },
      ];
    case "useSourceIp":
      return hashKey.value ? [{ kind: "source-ip" }] : [];
    case "httpQueryParameterName":
      return [{ kind: "query", name: hashKey.value }];
    default:
      return [];
  }
}
