import type { Address } from "@lateen/protos/envoy/config/core/v3/address_pb.js";
import type { AccessLogCommon, TLSProperties } from "@lateen/protos/envoy/data/accesslog/v3/accesslog_pb.js";
import type { Destination, ServiceIndex } from "../mirror/service-index.ts";
import { type Peer, unknownPeer } from "../mirror/peer.ts";
import type { WorkloadIndex } from "../mirror/workload-index.ts";
import { type Reporter, type Side, sideOf } from "./reporter.ts";
import { flagsText } from "./response-flags.ts";
import { taggable, type TrafficLabel, type TrafficLabels } from "./traffic-labels.ts";

/** What is known of a call besides its numbers. */
export interface Call {
  readonly side: Side;
  readonly source: Peer;
  readonly destination: Peer;
  readonly service: Destination;
  readonly sourcePrincipal: string;
  readonly destinationPrincipal: string;
  readonly security: string;
  readonly protocol: string;
  readonly flags: string;
  readonly code: string;
  readonly grpcStatus: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Equal keys give equal labels. */
  readonly key: string;
}

export interface Mesh {
  readonly workloads: WorkloadIndex;
  readonly services: ServiceIndex;
}

/** The part of an entry that differs between HTTP and TCP. */
export interface Outcome {
  readonly authority: string;
  readonly protocol: string;
  readonly code: string;
  readonly grpcStatus: string;
}

/** undefined where neither the log's name nor a tag says which side reports. */
export function callOf(common: AccessLogCommon, outcome: Outcome, reporter: Reporter, mesh: Mesh): Call | undefined {
  const side = sideOf(common.customTags["reporter"] ?? "") ?? reporter.side;
  if (side === undefined) return undefined;
  const ends =
    side === "destination"
      ? inbound(common, outcome, reporter.local, mesh)
      : outbound(common, outcome, reporter.local, mesh);
  const flags = flagsText(common.responseFlags);
  const tags = common.customTags;
  const key = [
    side,
    ends.source.key,
    ends.destination.key,
    ends.service.host,
    ends.service.name,
    ends.sourcePrincipal,
    ends.destinationPrincipal,
    ends.security,
    outcome.protocol,
    flags,
    outcome.code,
    outcome.grpcStatus,
    ...taggable.map((label) => tags[label] ?? ""),
  ].join("\n");
  return {
    side,
    ...ends,
    flags,
    tags,
    key,
    protocol: outcome.protocol,
    code: outcome.code,
    grpcStatus: outcome.grpcStatus,
  };
}

type Ends = Pick<Call, "source" | "destination" | "service" | "sourcePrincipal" | "destinationPrincipal" | "security">;

const unknownService: Destination = { host: "unknown", name: "unknown", namespace: "unknown" };

function inbound(common: AccessLogCommon, { authority }: Outcome, local: Peer, mesh: Mesh): Ends {
  const sourcePrincipal = principal(common.tlsProperties, "peer");
  const caller = socket(common.downstreamDirectRemoteAddress ?? common.downstreamRemoteAddress);
  const port = /^inbound\|(\d+)\|/.exec(common.upstreamCluster)?.[1];
  return {
    source: peerAt(mesh.workloads, caller.address, sourcePrincipal),
    destination: local,
    service:
      mesh.services.inbound(
        local,
        port === undefined ? socket(common.downstreamLocalAddress).port : Number(port),
        authority,
      ) ?? unknownService,
    sourcePrincipal: sourcePrincipal || "unknown",
    destinationPrincipal: principal(common.tlsProperties, "local") || "unknown",
    security: sourcePrincipal === "" ? "none" : "mutual_tls",
  };
}

/** A client's proxy knows no certificate but its own, and its log tells neither: Istio's `unknown`, unless a tag says. */
function outbound(common: AccessLogCommon, { authority }: Outcome, local: Peer, mesh: Mesh): Ends {
  return {
    source: local,
    destination: peerAt(mesh.workloads, socket(common.upstreamRemoteAddress).address, ""),
    service: serviceCalled(common.upstreamCluster, authority, mesh),
    sourcePrincipal: "unknown",
    destinationPrincipal: "unknown",
    security: "unknown",
  };
}

function serviceCalled(cluster: string, authority: string, { services }: Mesh): Destination {
  const [direction, , , host] = cluster.split("|");
  if (direction === "outbound" && host) return services.destinationOf(host);
  if (cluster !== "") return { ...unknownService, name: cluster }; // PassthroughCluster, BlackHoleCluster
  const named = services.destinationOf(authority.replace(/:\d+$/, "").toLowerCase());
  return named.namespace === "unknown" ? unknownService : named; // an authority is any text a caller likes
}

/** A shared service account names no workload, and an address behind a gateway is another's: so both are asked. */
function peerAt(workloads: WorkloadIndex, address: string, spiffeId: string): Peer {
  const found = (spiffeId === "" ? undefined : workloads.ofPrincipal(spiffeId)) ?? workloads.atAddress(address);
  if (found !== undefined) return found;
  const [, namespace] = /\/ns\/([^/]+)\//.exec(spiffeId) ?? [];
  return namespace === undefined ? unknownPeer : { ...unknownPeer, namespace, key: `unknown in ${namespace}` };
}

function principal(tls: TLSProperties | undefined, whose: "peer" | "local"): string {
  const certificate = whose === "peer" ? tls?.peerCertificateProperties : tls?.localCertificateProperties;
  for (const { san } of certificate?.subjectAltName ?? [])
    if (san.case === "uri" && san.value.startsWith("spiffe://")) return san.value;
  return "";
}

function socket(address: Address | undefined): { address: string; port: number } {
  if (address?.address.case !== "socketAddress") return { address: "", port: 0 };
  const { portSpecifier } = address.address.value;
  return { address: address.address.value.address, port: portSpecifier.case === "portValue" ? portSpecifier.value : 0 };
}

export function labelsOf(call: Call): TrafficLabels {
  const { source, destination, service } = call;
  const labels: Record<TrafficLabel, string> = {
    reporter: call.side,
    source_workload: source.workload,
    source_canonical_service: source.canonicalService,
    source_canonical_revision: source.canonicalRevision,
    source_workload_namespace: source.namespace,
    source_principal: call.sourcePrincipal,
    source_app: source.app,
    source_version: source.version,
    source_cluster: source.cluster,
    destination_workload: destination.workload,
    destination_workload_namespace: destination.namespace,
    destination_principal: call.destinationPrincipal,
    destination_app: destination.app,
    destination_version: destination.version,
    destination_service: service.host,
    destination_service_name: service.name,
    destination_service_namespace: service.namespace,
    destination_canonical_service: destination.canonicalService,
    destination_canonical_revision: destination.canonicalRevision,
    destination_cluster: destination.cluster,
    request_protocol: call.protocol,
    response_flags: call.flags,
    connection_security_policy: call.security,
    response_code: call.code,
    grpc_response_status: call.grpcStatus,
  };
  for (const label of taggable) if (call.tags[label]) labels[label] = call.tags[label];
  return labels;
}
