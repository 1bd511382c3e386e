import { create } from "@bufbuild/protobuf";
import { autoRegistrationGroup, healthChecksEnabled, toConfigObject } from "@lateen/api";
import type { WorkloadGroup } from "@lateen/api";
import type { MeshObject } from "@lateen/model";
import { sortedRecord } from "@lateen/model";
import { EntrySchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import type { Entry, Registration } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import { WorkloadEntrySchema } from "@lateen/protos/networking/v1alpha3/workload_entry_pb.js";

/**
 * What a registered workload is, as Istio has it: the group's template at the workload's address, with the labels of
 * group and proxy. Where its agent reports health, it is unwell until it has said otherwise.
 */
export function workloadEntryOf(registration: Registration, group: MeshObject<WorkloadGroup>): Entry {
  const { namespace, name } = registration;
  const { template, metadata } = group.spec;
  const labels = { ...template?.labels, ...metadata?.labels, ...registration.labels };
  const annotations = {
    ...metadata?.annotations,
    [autoRegistrationGroup]: registration.group,
    ...(registration.healthChecked ? { [healthChecksEnabled]: "true" } : {}),
  };
  const spec = create(WorkloadEntrySchema, {
    address: registration.address,
    ports: { ...template?.ports },
    labels: sortedRecord(labels),
    network: template?.network || registration.network,
    locality: registration.locality || (template?.locality ?? ""),
    weight: template?.weight ?? 0,
    serviceAccount: template?.serviceAccount || registration.serviceAccount,
  });
  const object = {
    apiVersion: "networking.istio.io/v1",
    kind: "WorkloadEntry",
    meta: {
      namespace,
      name,
      labels: sortedRecord(labels),
      annotations: sortedRecord(annotations),
      createdAtMs: group.meta.createdAtMs,
      generation: 1,
    },
    spec,
    ...(registration.healthChecked ? { state: { healthy: registration.healthy ?? false } } : {}),
    origin: { kind: "WorkloadEntry", namespace, name },
  };
  return create(EntrySchema, { value: { case: "config", value: toConfigObject(object) } });
}
