import type { Cursor } from "../report.ts";
import { isDnsLabel } from "./hosts.ts";

const name = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

/** Kubernetes labels: `[prefix/]name` to at most 63 characters. */
export function checkLabels(labels: Readonly<Record<string, string>>, at: Cursor): void {
  for (const [key, value] of Object.entries(labels)) {
    const problem = labelKeyProblem(key);
    if (problem !== undefined) at.at(key).error("label", problem);
    if (value !== "" && !name.test(value)) {
      at.at(key).error(
        "label",
        `${JSON.stringify(value)} is not a label value: at most 63 letters, digits, "-", "_", ".", with a letter or digit at both ends`,
      );
    }
  }
}

function labelKeyProblem(key: string): string | undefined {
  const [first = "", second, ...rest] = key.split("/");
  const own = second ?? first;
  const prefixed = second === undefined || first.split(".").every(isDnsLabel);
  if (rest.length === 0 && name.test(own) && prefixed) return undefined;
  return `${JSON.stringify(key)} is not a label name: at most 63 letters, digits, "-", "_", ".", optionally after a DNS name and "/"`;
}

/** The selector of a policy: no empty names, no wildcards (Istio refuses both). */
export function checkSelector(
  selector: { readonly matchLabels: Readonly<Record<string, string>> } | undefined,
  at: Cursor,
): void {
  if (!selector) return;
  warnOfEmpty(selector.matchLabels, at);
  for (const [key, value] of Object.entries(selector.matchLabels)) {
    const here = at.at("matchLabels", key);
    if (key === "") here.error("label", "a label name must not be empty");
    if (key.includes("*") || value.includes("*"))
      here.error("label", "wildcards are not supported in selectors; name the exact label");
  }
}

/** A selector that names no label selects as if it were not there (Istio warns of it, too). */
export function warnOfEmpty(labels: Readonly<Record<string, string>>, at: Cursor): void {
  if (Object.keys(labels).length === 0)
    at.warning(
      "empty-selector",
      "has no labels and so selects every workload; name labels, or remove it to say the same",
    );
}
