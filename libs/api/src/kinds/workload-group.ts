import { WorkloadGroupSchema } from "@lateen/protos/networking/v1alpha3/workload_group_pb.js";
import type { ReadinessProbe } from "@lateen/protos/networking/v1alpha3/workload_group_pb.js";
import type { Cursor } from "../report.ts";
import { checkLabels } from "../rules/labels.ts";
import { checkNotNegative, checkPort } from "../rules/values.ts";
import { checkWorkloadDetails } from "../rules/workloads.ts";
import { ageColumn, defineKind, networkingVersions } from "./definition.ts";

export const workloadGroup = defineKind({
  ...networkingVersions,
  kind: "WorkloadGroup",
  plural: "workloadgroups",
  shortNames: ["wg"],
  schema: WorkloadGroupSchema,
  columns: [ageColumn],
  check(spec, at) {
    if (spec.template === undefined)
      at.at("template").error("required", "is required: what the group's workloads have in common; {} if nothing");
    else {
      const here = at.at("template");
      checkWorkloadDetails(spec.template, here);
      if (spec.template.address !== "")
        here.at("address").warning("ineffective", "has no effect: every workload registers with its own address");
    }
    checkLabels(spec.metadata?.labels ?? {}, at.at("metadata", "labels"));
    if (spec.probe !== undefined) checkProbe(spec.probe, at.at("probe"));
  },
});

const counts = [
  "initialDelaySeconds",
  "timeoutSeconds",
  "periodSeconds",
  "successThreshold",
  "failureThreshold",
] as const;

function checkProbe(probe: ReadinessProbe, at: Cursor): void {
  for (const field of counts) checkNotNegative(probe[field], at.at(field));
  const { case: method, value } = probe.healthCheckMethod;
  switch (method) {
    case undefined:
      at.error("required", "needs what to ask: httpGet, tcpSocket, exec or grpc");
      return;
    case "httpGet":
      checkPort(value.port, at.at("httpGet", "port"));
      if (!["", "HTTP", "HTTPS"].includes(value.scheme))
        at.at("httpGet", "scheme").error("scheme", `must be HTTP or HTTPS, got ${JSON.stringify(value.scheme)}`);
      if (value.path !== "" && !value.path.startsWith("/"))
        at.at("httpGet", "path").error("path", `must begin with "/", got ${JSON.stringify(value.path)}`);
      for (const [index, header] of value.httpHeaders.entries())
        if (!/^[-_A-Za-z0-9]+$/.test(header.name))
          at.at("httpGet", "httpHeaders", index, "name").error(
            "header",
            `${JSON.stringify(header.name)} is not a header name`,
          );
      return;
    case "tcpSocket":
    case "grpc":
      checkPort(value.port, at.at(method, "port"));
      return;
    case "exec":
      if (value.command.length === 0 || value.command.includes(""))
        at.at("exec", "command").error("required", "needs the command to run, without empty words");
  }
}
