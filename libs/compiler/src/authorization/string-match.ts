import type * as ir from "@lateen/ir";

/** Istio's form of a value: `*` for anything there is, `*suffix`, `prefix*`, or the exact text; all but `*` after `prefix`. */
export function valueMatch(value: string, prefix = "", ignoreCase = false): ir.StringMatch {
  const fold = ignoreCase ? { ignoreCase: true } : {};
  if (value === "*") return { kind: "regex", value: ".+" };
  if (value.startsWith("*") && prefix !== "")
    return { kind: "regex", value: `${prefix}.*${escapeRegex(value.slice(1))}` };
  if (value.startsWith("*")) return { kind: "suffix", value: value.slice(1), ...fold };
  if (value.endsWith("*")) return { kind: "prefix", value: prefix + value.slice(0, -1), ...fold };
  return { kind: "exact", value: prefix + value, ...fold };
}

/** As `valueMatch`, for a header: `*` asks for presence. */
export function headerValue(name: string, value: string): ir.Predicate {
  return { kind: "header", header: value === "*" ? { name } : { name, match: valueMatch(value) } };
}

export function escapeRegex(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
