import { ScalarType } from "@bufbuild/protobuf";
import type { DescEnum, DescField, JsonValue } from "@bufbuild/protobuf";
import { RE2JS } from "re2js";
import { describe } from "./suggest.ts";

/** `validate.FieldRules` in JSON form, of which each field has what is for its type. */
export interface Rules {
  readonly string?: StringRules;
  readonly bytes?: { readonly minLen?: string; readonly maxLen?: string };
  readonly bool?: { readonly const?: boolean };
  readonly enum?: { readonly notIn?: readonly number[] };
  readonly duration?: Bounds & { readonly required?: boolean };
  readonly repeated?: {
    readonly minItems?: string;
    readonly maxItems?: string;
    readonly unique?: boolean;
    readonly items?: Rules;
  };
  readonly map?: { readonly minPairs?: string; readonly keys?: Rules; readonly values?: Rules };
  readonly message?: { readonly required?: boolean; readonly skip?: boolean };
  readonly any?: { readonly required?: boolean };
  readonly uint32?: NumberRules;
  readonly uint64?: NumberRules;
  readonly int32?: NumberRules;
  readonly int64?: NumberRules;
  readonly double?: NumberRules;
  readonly float?: NumberRules;
}

/** Numbers, or texts of numbers and durations. */
interface Bounds {
  readonly gt?: number | string;
  readonly gte?: number | string;
  readonly lt?: number | string;
  readonly lte?: number | string;
}
type NumberRules = Bounds & { readonly ignoreEmpty?: boolean };

interface StringRules {
  readonly minLen?: string;
  readonly maxLen?: string;
  readonly minBytes?: string;
  readonly maxBytes?: string;
  readonly pattern?: string;
  readonly prefix?: string;
  readonly suffix?: string;
  readonly in?: readonly string[];
  readonly wellKnownRegex?: "HTTP_HEADER_NAME" | "HTTP_HEADER_VALUE";
  readonly strict?: boolean;
  readonly ignoreEmpty?: boolean;
}

export interface ValueProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly got?: string;
}

/** What `rules` have against a value; of a wrapped value, those of what it wraps. */
export function problemOf(rules: Rules, json: JsonValue, type?: DescEnum): readonly ValueProblem[] {
  if (rules.repeated !== undefined && Array.isArray(json)) return listProblems(rules.repeated, json, type);
  if (rules.map !== undefined && typeof json === "object" && json !== null && !Array.isArray(json))
    return mapProblems(rules.map, json);
  const message = scalarProblem(rules, json, type);
  return message === undefined ? [] : [{ path: [], message, got: describe(json) }];
}

/** What a field is that is not set, where that can be told from outside at all. */
export function zeroOf(field: DescField): JsonValue | undefined {
  if (field.fieldKind === "list") return [];
  if (field.fieldKind === "map") return {};
  if (field.fieldKind !== "scalar" || field.proto.proto3Optional) return undefined;
  if (field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES) return "";
  return field.scalar === ScalarType.BOOL ? false : 0;
}

function listProblems(
  { minItems = "0", maxItems, unique, items }: NonNullable<Rules["repeated"]>,
  list: readonly JsonValue[],
  type: DescEnum | undefined,
): readonly ValueProblem[] {
  const own = [
    list.length < Number(minItems) ? `needs at least ${minItems} ${minItems === "1" ? "entry" : "entries"}` : undefined,
    maxItems !== undefined && list.length > Number(maxItems) ? `has more than ${maxItems} entries` : undefined,
    unique === true && new Set(list.map((item) => JSON.stringify(item))).size < list.length
      ? "has an entry twice"
      : undefined,
  ].filter((message) => message !== undefined);
  const inside = items === undefined ? [] : list.map((item) => problemOf(items, item, type));
  return [
    ...own.map((message) => ({ path: [], message })),
    ...inside.flatMap((problems, index) => problems.map((problem) => ({ ...problem, path: [index, ...problem.path] }))),
  ];
}

function mapProblems(
  { minPairs = "0", keys = {}, values = {} }: NonNullable<Rules["map"]>,
  map: Readonly<Record<string, JsonValue>>,
): readonly ValueProblem[] {
  const entries = Object.entries(map);
  const few = entries.length < Number(minPairs) ? [{ path: [], message: `needs at least ${minPairs} entries` }] : [];
  const inside = entries.flatMap(([key, value]) =>
    [...problemOf(keys, key), ...problemOf(values, value)].map((problem) => ({
      ...problem,
      path: [key, ...problem.path],
    })),
  );
  return [...few, ...inside];
}

function scalarProblem(rules: Rules, json: JsonValue, type: DescEnum | undefined): string | undefined {
  const numbers = rules.uint32 ?? rules.uint64 ?? rules.int32 ?? rules.int64 ?? rules.double ?? rules.float;
  if (numbers !== undefined)
    return numbers.ignoreEmpty === true && Number(json) === 0 ? undefined : outside(numbers, json);
  if (rules.duration !== undefined) return outside(rules.duration, json);
  if (rules.string !== undefined && typeof json === "string") return stringProblem(rules.string, json);
  if (rules.bytes !== undefined && typeof json === "string")
    return lengthProblem(rules.bytes, byteLength(json), "bytes");
  if (rules.bool?.const !== undefined && json !== rules.bool.const) return `must be ${rules.bool.const}`;
  const number = typeof json === "number" ? json : type?.values.find(({ name }) => name === json)?.number;
  return number !== undefined && rules.enum?.notIn?.includes(number) === true ? "is not allowed here" : undefined;
}

function byteLength(base64: string): number {
  return Math.floor((base64.replace(/=+$/, "").length * 3) / 4);
}

function outside({ gt, gte, lt, lte }: Bounds, json: JsonValue): string | undefined {
  const value = numberIn(json);
  const low = gt === undefined ? true : value > numberIn(gt);
  const high = lt === undefined ? true : value < numberIn(lt);
  const least = gte === undefined ? true : value >= numberIn(gte);
  const most = lte === undefined ? true : value <= numberIn(lte);
  if (low && high && least && most) return undefined;
  const bounds = [
    gt === undefined ? undefined : `above ${gt}`,
    gte === undefined ? undefined : `at least ${gte}`,
    lt === undefined ? undefined : `below ${lt}`,
    lte === undefined ? undefined : `at most ${lte}`,
  ];
  return `must be ${bounds.filter((bound) => bound !== undefined).join(" and ")}`;
}

/** `7`, `"7"`, `"1.5s"`. */
function numberIn(json: JsonValue): number {
  return Number(typeof json === "string" ? json.replace(/s$/, "") : json);
}

/** Of Envoy's validation: https://github.com/bufbuild/protoc-gen-validate#strings */
const headers = {
  HTTP_HEADER_NAME: {
    isStrict: (text: string) => /^:?[0-9a-zA-Z!#$%&'*+\-.^_|~`]+$/.test(text),
    what: "the name of a header",
  },
  HTTP_HEADER_VALUE: {
    isStrict: (text: string) => Array.from(text).every((each) => each === "\t" || (each >= " " && each !== "\x7f")),
    what: "the value of a header",
  },
} as const;

function isLoose(text: string): boolean {
  return !/[\0\n\r]/.test(text);
}

function stringProblem(rules: StringRules, text: string): string | undefined {
  if (rules.ignoreEmpty === true && text === "") return undefined;
  const { minLen, maxLen, minBytes, maxBytes, pattern, prefix, suffix, wellKnownRegex, strict = true } = rules;
  const header = wellKnownRegex === undefined ? undefined : headers[wellKnownRegex];
  if (prefix !== undefined && !text.startsWith(prefix)) return `must begin with ${JSON.stringify(prefix)}`;
  if (suffix !== undefined && !text.endsWith(suffix)) return `must end in ${JSON.stringify(suffix)}`;
  if (rules.in !== undefined && !rules.in.includes(text)) return `must be one of ${rules.in.join(", ")}`;
  if (header !== undefined && !(strict ? header.isStrict : isLoose)(text)) return `must be ${header.what}`;
  if (pattern !== undefined && !RE2JS.compile(pattern).matcher(text).find()) return `must match ${pattern}`;
  return (
    lengthProblem({ ...(minLen && { minLen }), ...(maxLen && { maxLen }) }, Array.from(text).length, "characters") ??
    lengthProblem(
      { ...(minBytes && { minLen: minBytes }), ...(maxBytes && { maxLen: maxBytes }) },
      utf8Length(text),
      "bytes",
    )
  );
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

function lengthProblem(
  { minLen = "0", maxLen }: { readonly minLen?: string; readonly maxLen?: string },
  length: number,
  unit: string,
): string | undefined {
  if (length < Number(minLen)) return minLen === "1" ? "must not be empty" : `must have at least ${minLen} ${unit}`;
  return maxLen !== undefined && length > Number(maxLen) ? `must have at most ${maxLen} ${unit}` : undefined;
}
