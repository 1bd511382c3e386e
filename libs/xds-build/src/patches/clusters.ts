import type * as ir from "@lateen/ir";
import { ClusterSchema } from "@lateen/protos/envoy/config/cluster/v3/cluster_pb.js";
import type { Cluster } from "@lateen/protos/envoy/config/cluster/v3/cluster_pb.js";
import type { TransportSocket } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import { picksCluster } from "./matching.ts";
import { mergeAny, mergeInto } from "./merge.ts";
import type { ListRule } from "./merge.ts";
import type { Applied } from "./sequence.ts";
import { isMerge, listRule, patchValue } from "./values.ts";

/** Undefined for a cluster that is removed. */
export function patchCluster(
  cluster: Cluster,
  services: readonly ir.ServiceName[],
  patches: readonly ir.Patch[],
  applied: Applied,
): Cluster | undefined {
  for (const patch of patches) {
    if (patch.target !== "cluster" || !picksCluster(patch, cluster, services)) continue;
    if (patch.operation === "remove") {
      applied(patch);
      return undefined;
    }
    if (!isMerge(patch)) continue;
    mergeCluster(cluster, patchValue(ClusterSchema, patch), listRule(patch));
    applied(patch);
  }
  return cluster;
}

/**
 * A transport socket goes into the one of its name, or in place of another; where each endpoint picks its socket, only
 * into the one of its name, as Envoy takes no other beside those.
 */
function mergeCluster(cluster: Cluster, value: Cluster, lists: ListRule): void {
  const { transportSocket: socket } = value;
  delete value.transportSocket;
  mergeInto(ClusterSchema, cluster, value, lists);
  if (socket === undefined) return;
  const choices = cluster.transportSocketMatches.flatMap((choice) => choice.transportSocket ?? []);
  const own = cluster.transportSocket === undefined ? [] : [cluster.transportSocket];
  const target = (choices.length > 0 ? choices : own).find(({ name }) => name === socket.name);
  if (target !== undefined) mergeSocket(target, socket, lists);
  else if (choices.length === 0) cluster.transportSocket = socket;
}

export function mergeSocket(into: TransportSocket, from: TransportSocket, lists: ListRule): void {
  const [mine, theirs] = [into.configType, from.configType];
  if (theirs.case === undefined) return;
  if (mine.case === undefined) into.configType = theirs;
  else into.configType = { case: "typedConfig", value: mergeAny(mine.value, theirs.value, lists) };
}
