import type { Finding, MeshObject } from "@lateen/model";
import type { DestinationRule } from "@lateen/protos/networking/v1alpha3/destination_rule_pb.js";
import { finding, refOf } from "./world.ts";
import type { World } from "./world.ts";

export function analyzeDestinationRules(world: World): Finding[] {
  return world.of<DestinationRule>("DestinationRule").flatMap((rule) => analyzeRule(rule, world));
}

function analyzeRule(rule: MeshObject<DestinationRule>, world: World): Finding[] {
  if (rule.spec.host.startsWith("*")) return [];
  const host = world.resolve(rule.spec.host, rule.meta.namespace);
  const known = world.find(host);
  if (!known) {
    return [
      finding(
        refOf(rule),
        "warning",
        "IST0174",
        `spec.host: ${JSON.stringify(host)} is not known: no Service or ServiceEntry has it, so the rule has no effect`,
      ),
    ];
  }
  const { service } = known;
  if (!service || !world.input.workloads || Object.keys(service.selector).length === 0) return [];
  return rule.spec.subsets.flatMap((subset, index) => {
    if (world.select({ ...service.selector, ...subset.labels }, service.namespace).length > 0) return [];
    const labels = Object.entries(subset.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(",");
    return [
      finding(
        refOf(rule),
        "error",
        "IST0173",
        `spec.subsets[${index}]: no workload of ${host} has the labels ${labels} of subset ${JSON.stringify(subset.name)}`,
      ),
    ];
  });
}
