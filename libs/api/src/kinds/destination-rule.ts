import { DestinationRuleSchema } from "@lateen/protos/networking/v1alpha3/destination_rule_pb.js";
import type {
  Subset,
  TrafficPolicy,
  TrafficPolicy_PortTrafficPolicy,
} from "@lateen/protos/networking/v1alpha3/destination_rule_pb.js";
import type { Cursor } from "../report.ts";
import type { NotBuiltField } from "../schema/read-message.ts";
import { checkDistinct } from "../rules/distinct.ts";
import { checkWildcardDomain, isDnsLabel } from "../rules/hosts.ts";
import { checkLabels, checkSelector } from "../rules/labels.ts";
import { checkDuration, checkPercent, checkPort } from "../rules/values.ts";
import { checkExportTo } from "../rules/visibility.ts";
import { ageColumn, defineKind, networkingVersions } from "./definition.ts";
import { checkLoadBalancer } from "./load-balancer.ts";
import { checkClientTls, checkConnectionPool, checkOutlierDetection, checkTunnel } from "./traffic-policy.ts";

/** Fields of a traffic policy, wherever one stands. */
const policyFields: readonly NotBuiltField[] = [
  {
    path: "outlierDetection.consecutiveErrors",
    reason: "it is deprecated; use consecutive5xxErrors or consecutiveGatewayErrors",
  },
];

function below(prefix: string, fields: readonly NotBuiltField[]): NotBuiltField[] {
  return fields.map((field) => ({ ...field, path: `${prefix}.${field.path}` }));
}

export const destinationRule = defineKind({
  ...networkingVersions,
  kind: "DestinationRule",
  plural: "destinationrules",
  shortNames: ["dr"],
  schema: DestinationRuleSchema,
  columns: [
    { name: "Host", type: "string", jsonPath: ".spec.host", description: "Host whose traffic this policy is for" },
    ageColumn,
  ],
  notBuilt: [
    ...["trafficPolicy", "subsets[].trafficPolicy"].flatMap((prefix) => [
      ...below(prefix, policyFields),
      ...below(`${prefix}.portLevelSettings[]`, policyFields),
    ]),
  ],
  check(spec, at, meta) {
    checkWildcardDomain(spec.host, at.at("host"));
    checkSelector(spec.workloadSelector, at.at("workloadSelector"));
    checkTrafficPolicy(spec.trafficPolicy, at.at("trafficPolicy"));
    checkSubsets(spec.subsets, at.at("subsets"));
    checkExportTo(spec.exportTo, meta.namespace, at.at("exportTo"));
  },
});

function checkSubsets(subsets: readonly Subset[], at: Cursor): void {
  for (const [index, subset] of subsets.entries()) {
    const here = at.at(index);
    if (subset.name === "") here.at("name").error("required", "is required: VirtualServices name the subset by it");
    else if (!isDnsLabel(subset.name))
      here
        .at("name")
        .error("subset", `${JSON.stringify(subset.name)} is not a subset's name (lower-case letters, digits, hyphens)`);
    checkLabels(subset.labels, here.at("labels"));
    checkTrafficPolicy(subset.trafficPolicy, here.at("trafficPolicy"));
  }
  const names = subsets.map((subset) => subset.name);
  checkDistinct(names, "subset", (index) => at.at(index, "name"));
}

function checkTrafficPolicy(policy: TrafficPolicy | undefined, at: Cursor): void {
  if (!policy) return;
  const nested = policy.tunnel ?? policy.proxyProtocol ?? policy.retryBudget;
  if (!hasSettings(policy) && policy.portLevelSettings.length === 0 && !nested)
    at.error("required", "must have at least one setting; or remove it");
  checkSettings(policy, at);
  checkTunnel(policy.tunnel, at.at("tunnel"));
  checkPercent(policy.retryBudget?.percent ?? 0, at.at("retryBudget", "percent"));
  checkDuration(policy.retryBudget?.budgetInterval, at.at("retryBudget", "budgetInterval"), 0);
  for (const [index, settings] of policy.portLevelSettings.entries())
    checkPortSettings(settings, at.at("portLevelSettings", index));
  const ports = policy.portLevelSettings.map((settings) => settings.port?.number ?? 0);
  checkDistinct(ports, "port", (index) => at.at("portLevelSettings", index, "port", "number"));
}

function checkPortSettings(settings: TrafficPolicy_PortTrafficPolicy, at: Cursor): void {
  if (settings.port) checkPort(settings.port.number, at.at("port", "number"));
  else at.at("port").error("required", "is required: the service port these settings are for");
  checkSettings(settings, at);
}

type Settings = Pick<TrafficPolicy, "loadBalancer" | "connectionPool" | "outlierDetection" | "tls">;

function hasSettings(policy: Settings): boolean {
  return (policy.loadBalancer ?? policy.connectionPool ?? policy.outlierDetection ?? policy.tls) !== undefined;
}

function checkSettings(settings: Settings, at: Cursor): void {
  checkLoadBalancer(settings.loadBalancer, at.at("loadBalancer"), settings.outlierDetection !== undefined);
  checkConnectionPool(settings.connectionPool, at.at("connectionPool"));
  checkOutlierDetection(settings.outlierDetection, at.at("outlierDetection"));
  checkClientTls(settings.tls, at.at("tls"));
}
