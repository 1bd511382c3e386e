import { LoadBalancerSettings_SimpleLB } from "@lateen/protos/networking/v1alpha3/destination_rule_pb.js";
import type {
  LoadBalancerSettings,
  LoadBalancerSettings_BackendUtilizationLB,
  LoadBalancerSettings_ConsistentHashLB,
} from "@lateen/protos/networking/v1alpha3/destination_rule_pb.js";
import type { Cursor } from "../report.ts";
import { checkDistinct } from "../rules/distinct.ts";
import { checkDuration, checkNoEmptyStrings, checkPercent } from "../rules/values.ts";
import { checkLocality, checkZoneAware } from "./locality.ts";

/** `failsOver`: there is outlier detection beside it. */
export function checkLoadBalancer(settings: LoadBalancerSettings | undefined, at: Cursor, failsOver: boolean): void {
  if (!settings) return;
  checkWarmup(settings, at);
  checkLocality(settings.localityLbSetting, at.at("localityLbSetting"), failsOver);
  checkZoneAware(settings.zoneAwareLbSetting, at.at("zoneAwareLbSetting"));
  if (settings.localityLbSetting && settings.zoneAwareLbSetting)
    at.at("zoneAwareLbSetting").error("conflict", "cannot be used with localityLbSetting; keep one of them");
  if (settings.lbPolicy.case === "consistentHash")
    checkConsistentHash(settings.lbPolicy.value, at.at("consistentHash"));
  if (settings.lbPolicy.case === "backendUtilization")
    checkUtilization(settings.lbPolicy.value, at.at("backendUtilization"));
}

function checkWarmup(settings: LoadBalancerSettings, at: Cursor): void {
  const { warmup, lbPolicy } = settings;
  if (warmup) {
    if (!warmup.duration)
      at.at("warmup", "duration").error("required", "is required: how long a new endpoint takes to its full share");
    checkDuration(warmup.duration, at.at("warmup", "duration"));
    checkPercent(warmup.minimumPercent ?? 0, at.at("warmup", "minimumPercent"));
    if ((warmup.aggression ?? 1) < 1)
      at.at("warmup", "aggression").error("range", `must be at least 1, got ${warmup.aggression}`);
  }
  checkDuration(settings.warmupDurationSecs, at.at("warmupDurationSecs"));
  if (settings.warmupDurationSecs && warmup)
    at.at("warmupDurationSecs").error("conflict", "cannot be used with warmup, which replaces it; keep warmup");
  const [field] = (["warmup", "warmupDurationSecs"] as const).filter((each) => settings[each]);
  const unsuited =
    lbPolicy.case === "consistentHash" ||
    (lbPolicy.case === "simple" &&
      [LoadBalancerSettings_SimpleLB.RANDOM, LoadBalancerSettings_SimpleLB.PASSTHROUGH].includes(lbPolicy.value));
  if (field && unsuited)
    at.at(field).warning("no-effect", "has no effect: only ROUND_ROBIN and LEAST_REQUEST let endpoints warm up");
}

function checkUtilization(settings: LoadBalancerSettings_BackendUtilizationLB, at: Cursor): void {
  checkDuration(settings.weightStabilizationPeriod, at.at("weightStabilizationPeriod"), 0);
  checkDuration(settings.weightExpirationPeriod, at.at("weightExpirationPeriod"), 0);
  checkDuration(settings.weightUpdatePeriod, at.at("weightUpdatePeriod"), 100);
  checkNoEmptyStrings(settings.metricNamesForComputingUtilization, at.at("metricNamesForComputingUtilization"));
}

function checkConsistentHash(hash: LoadBalancerSettings_ConsistentHashLB, at: Cursor): void {
  const { hashKey, hashAlgorithm } = hash;
  switch (hashKey.case) {
    case undefined:
      at.error("required", "needs what to hash: httpHeaderName, httpCookie, useSourceIp or httpQueryParameterName");
      break;
    case "httpCookie":
      if (hashKey.value.name === "") at.at("httpCookie", "name").error("required", "is required");
      checkDuration(hashKey.value.ttl, at.at("httpCookie", "ttl"), 0);
      checkCookieAttributes(hashKey.value.attributes, at.at("httpCookie", "attributes"));
      break;
    case "useSourceIp":
      if (!hashKey.value) at.at("useSourceIp").error("required", "must be true; or choose another key");
      break;
    default:
      if (hashKey.value === "") at.at(hashKey.case).error("required", "must not be empty");
      break;
  }
  if (hash.minimumRingSize !== 0n) {
    if (hashAlgorithm.case)
      at.at("minimumRingSize").error(
        "conflict",
        `cannot be used with ${hashAlgorithm.case}; use ringHash.minimumRingSize`,
      );
    else at.at("minimumRingSize").warning("deprecated", "is deprecated; use ringHash.minimumRingSize");
  }
  if (hashAlgorithm.case === "maglev") {
    const size = hashAlgorithm.value.tableSize;
    if (size !== 0n && (size > maxTableSize || !isPrime(Number(size))))
      at.at("maglev", "tableSize").error("range", `must be a prime number up to ${maxTableSize}, got ${size}`);
  }
}

function checkCookieAttributes(attributes: readonly { readonly name: string }[], at: Cursor): void {
  for (const [index, { name }] of attributes.entries())
    if (name === "") at.at(index, "name").error("required", "is required: the attribute of the cookie");
  const names = attributes.map(({ name }) => name);
  checkDistinct(names, "attribute", (index) => at.at(index, "name"));
}

const maxTableSize = 5_000_011n;

function isPrime(number: number): boolean {
  if (number < 2) return false;
  for (let factor = 2; factor * factor <= number; factor++) if (number % factor === 0) return false;
  return true;
}
