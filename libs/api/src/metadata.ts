import type { ObjectMeta } from "@lateen/model";
import { checkLabels } from "./rules/labels.ts";
import type { Report } from "./report.ts";
import { describe, didYouMean } from "./schema/suggest.ts";
import { isRecord } from "./source/documents.ts";

/** What Kubernetes keeps in `metadata`; all of it may be written, little of it matters here. */
const known = [
  "name",
  "namespace",
  "labels",
  "annotations",
  "generateName",
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "ownerReferences",
  "finalizers",
  "managedFields",
  "selfLink",
];

/** A copy of the whole object, which would make every annotation change look like a change of everything. */
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

export function readMetadata(raw: unknown, defaultNamespace: string, report: Report): ObjectMeta {
  if (!isRecord(raw)) {
    report.add(
      "error",
      ["metadata"],
      "required",
      raw === undefined
        ? "is required: name and namespace"
        : `expects an object with name and namespace, got ${describe(raw)}`,
    );
    return { name: "", namespace: defaultNamespace, labels: {}, annotations: {}, createdAtMs: 0, generation: 0 };
  }
  for (const key of Object.keys(raw)) {
    if (!known.includes(key))
      report.add(
        "error",
        ["metadata", key],
        "unknown-field",
        `unknown field ${JSON.stringify(key)}${didYouMean(key, known)}`,
        "key",
      );
  }
  const labels = readStrings(raw["labels"], "labels", report);
  const annotations = readStrings(raw["annotations"], "annotations", report);
  checkLabels(labels, report.cursor(["metadata", "labels"]));
  const { [lastApplied]: _dropped, ...kept } = annotations;
  return {
    name: readName(raw["name"], report),
    namespace: readNamespace(raw["namespace"], defaultNamespace, report),
    labels,
    annotations: kept,
    createdAtMs: readTime(raw["creationTimestamp"]),
    generation:
      typeof raw["generation"] === "number" && Number.isSafeInteger(raw["generation"]) ? raw["generation"] : 0,
  };
}

function readName(raw: unknown, report: Report): string {
  if (typeof raw !== "string" || raw === "") {
    report.add(
      "error",
      ["metadata", "name"],
      "required",
      raw === undefined ? "is required" : `expects a name, got ${describe(raw)}`,
    );
    return "";
  }
  if (raw.length > 253 || !raw.split(".").every((label) => /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(label))) {
    report.add(
      "error",
      ["metadata", "name"],
      "name",
      `${JSON.stringify(raw)} is not a name: lower-case letters, digits, "-" and ".", with a letter or digit at both ends`,
    );
  }
  return raw;
}

function readNamespace(raw: unknown, fallback: string, report: Report): string {
  if (raw === undefined || raw === null || raw === "") return fallback;
  if (typeof raw === "string" && /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(raw)) return raw;
  report.add(
    "error",
    ["metadata", "namespace"],
    "namespace",
    `expects a namespace (lower-case letters, digits, hyphens), got ${describe(raw)}`,
  );
  return fallback;
}

/** Sorted by key, so that equal metadata has equal bytes in the store. */
function readStrings(raw: unknown, field: string, report: Report): Record<string, string> {
  if (raw === undefined || raw === null) return {};
  if (!isRecord(raw)) {
    report.add("error", ["metadata", field], "type", `expects a map of strings, got ${describe(raw)}`);
    return {};
  }
  const entries: [string, string][] = [];
  for (const key of Object.keys(raw).sort()) {
    const value = raw[key];
    if (typeof value === "string") entries.push([key, value]);
    else
      report.add(
        "error",
        ["metadata", field, key],
        "type",
        `expects a string, got ${describe(value)}${typeof value === "object" ? "" : `; write it in quotes: ${JSON.stringify(String(value))}`}`,
      );
  }
  return Object.fromEntries(entries);
}

function readTime(raw: unknown): number {
  const time = typeof raw === "string" ? Date.parse(raw) : Number.NaN;
  return Number.isNaN(time) ? 0 : time;
}
