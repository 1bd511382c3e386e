import type {
  LocalityLoadBalancerSetting,
  LocalityLoadBalancerSetting_Distribute,
  ZoneAwareLoadBalancerSetting,
} from "@lateen/protos/networking/v1alpha3/destination_rule_pb.js";
import type { Cursor } from "../report.ts";
import { checkDistinct } from "../rules/distinct.ts";

type Failovers = LocalityLoadBalancerSetting["failover"];

/** `failsOver`: hosts can be found unhealthy; without that no proxy ever leaves its own locality. */
export function checkLocality(setting: LocalityLoadBalancerSetting | undefined, at: Cursor, failsOver: boolean): void {
  if (!setting) return;
  const { distribute, failover, failoverPriority } = setting;
  if (distribute.length > 0 && (failover.length > 0 || failoverPriority.length > 0))
    at.at("distribute").error(
      "conflict",
      "cannot be used with failover or failoverPriority: what is distributed does not fail over; keep one of them",
    );
  for (const [index, each] of distribute.entries()) checkDistribute(each, at.at("distribute", index));
  const origins = distribute.map((each) => each.from);
  checkDistinct(origins, "origin", (index) => at.at("distribute", index, "from"));
  checkFailovers(failover, at.at("failover"));
  checkPriorityLabels(failoverPriority, at.at("failoverPriority"));
  for (const [index, label] of failover.length === 0 ? [] : failoverPriority.entries())
    if (label === regionLabel)
      at.at("failoverPriority", index).error("conflict", "cannot be used with failover, which orders the regions");
  if (!failsOver && distribute.length === 0)
    for (const field of ["failover", "failoverPriority"] as const)
      if (setting[field].length > 0)
        at.at(field).warning(
          "no-outlier-detection",
          "has no effect without outlierDetection beside it: only that finds out that hosts are unhealthy",
        );
}

function checkDistribute({ from, to }: LocalityLoadBalancerSetting_Distribute, at: Cursor): void {
  if (from === "") at.at("from").error("required", "is required: the locality of the clients");
  else checkLocalityPattern(from, at.at("from"));
  const targets = Object.entries(to);
  if (targets.length === 0) {
    at.at("to").error("required", "is required: localities and their shares");
    return;
  }
  for (const [locality, weight] of targets) {
    checkLocalityPattern(locality, at.at("to", locality));
    if (weight < 1 || weight > 100) at.at("to", locality).error("range", `must be from 1 to 100, got ${weight}`);
  }
  const sum = targets.reduce((total, [, weight]) => total + weight, 0);
  if (sum !== 100) at.at("to").error("range", `the shares must add up to 100, got ${sum}`);
  checkOverlap(
    targets.map(([locality]) => locality),
    at.at("to"),
  );
}

/** `region/zone/subzone`; `*` stands for everything from there on. */
export function checkLocalityPattern(locality: string, at: Cursor): void {
  const parts = locality.split("/");
  const wildcard = parts.indexOf("*");
  if (parts.length > 3) at.error("locality", `${JSON.stringify(locality)} has more than region/zone/subzone`);
  else if (parts.includes("")) at.error("locality", `${JSON.stringify(locality)} has an empty part`);
  else if (parts.some((part) => part !== "*" && part.includes("*")))
    at.error("locality", `${JSON.stringify(locality)}: "*" may only be a whole part`);
  else if (wildcard >= 0 && wildcard !== parts.length - 1)
    at.error("locality", `${JSON.stringify(locality)}: nothing may follow "*"`);
}

function checkOverlap(localities: readonly string[], at: Cursor): void {
  const stems = localities.map((locality) => locality.replace(/\/?\*$/, ""));
  for (const [index, stem] of stems.entries()) {
    const other = stems.findIndex(
      (candidate, place) =>
        place !== index && (candidate === "" || stem === candidate || stem.startsWith(`${candidate}/`)),
    );
    if (other >= 0 && (stems[other] !== stem || other < index))
      at.at(localities[index] ?? "").error(
        "overlap",
        `is already covered by ${JSON.stringify(localities[other])}; let each locality be in one of them`,
      );
  }
}

function checkFailovers(failovers: Failovers, at: Cursor): void {
  for (const [index, { from, to }] of failovers.entries()) {
    const here = at.at(index);
    for (const [field, region] of [
      ["from", from],
      ["to", to],
    ] as const) {
      if (region === "") here.at(field).error("required", "is required: a region");
      else if (region.includes("/") || region.includes("*"))
        here
          .at(field)
          .error("locality", `${JSON.stringify(region)} is not a region alone; zones fail over by themselves`);
    }
    if (from !== "" && from === to) here.error("conflict", `${JSON.stringify(from)} cannot fail over to itself`);
  }
  const origins = failovers.map(({ from }) => from);
  checkDistinct(origins, "origin", (index) => at.at(index, "from"));
}

function checkPriorityLabels(labels: readonly string[], at: Cursor): void {
  for (const [index, label] of labels.entries())
    if (!/^[^=\s]+(=[^=\s]*)?$/.test(label))
      at.at(index).error("label", `${JSON.stringify(label)} must be a label's name, or name=value`);
}

const regionLabel = "topology.kubernetes.io/region";
const zoneLabels: readonly string[] = [regionLabel, "topology.kubernetes.io/zone", "topology.istio.io/subzone"];

export function checkZoneAware(setting: ZoneAwareLoadBalancerSetting | undefined, at: Cursor): void {
  if (!setting) return;
  if (setting.enabled !== false)
    at.warning("partly-built", "keeps requests in the caller's region; zones inside it are not told apart yet");
  checkFailovers(setting.failover as unknown as Failovers, at.at("failover"));
  checkPriorityLabels(setting.failoverPriority, at.at("failoverPriority"));
  for (const [index, label] of setting.failoverPriority.entries())
    if (zoneLabels.includes(label.split("=")[0] ?? ""))
      at.at("failoverPriority", index).error("conflict", "regions, zones and subzones are taken care of; remove it");
  if (setting.minClusterSize === 0) at.at("minClusterSize").error("range", "must be at least 1");
}
