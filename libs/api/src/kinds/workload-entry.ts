import { WorkloadEntrySchema } from "@lateen/protos/networking/v1alpha3/workload_entry_pb.js";
import { checkWorkloadAddress, checkWorkloadDetails } from "../rules/workloads.ts";
import { isRecord } from "../source/documents.ts";
import { ageColumn, defineKind, networkingVersions } from "./definition.ts";

/** Annotation on an entry whose health is reported; until it is, it gets no traffic. Istio's name. */
export const healthChecksEnabled = "proxy.istio.io/health-checks-enabled";
/** Annotation on an entry that was made for a proxy of a WorkloadGroup. Istio's name. */
export const autoRegistrationGroup = "istio.io/autoRegistrationGroup";

export const workloadEntry = defineKind({
  ...networkingVersions,
  kind: "WorkloadEntry",
  plural: "workloadentries",
  shortNames: ["we"],
  schema: WorkloadEntrySchema,
  columns: [ageColumn, { name: "Address", type: "string", jsonPath: ".spec.address", description: "Where it is" }],
  check(spec, at) {
    checkWorkloadAddress(spec, at);
    checkWorkloadDetails(spec, at);
  },
  readState: (status, { annotations }) =>
    annotations[healthChecksEnabled]?.toLowerCase() === "true" ? { healthy: isHealthy(status) } : undefined,
});

function isHealthy(status: unknown): boolean {
  const conditions: unknown = isRecord(status) ? status["conditions"] : undefined;
  if (!Array.isArray(conditions)) return false;
  return conditions.some((each) => isRecord(each) && each["type"] === "Healthy" && each["status"] === "True");
}
