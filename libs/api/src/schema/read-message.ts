import { ScalarType } from "@bufbuild/protobuf";
import type { DescEnum, DescField, DescMessage, JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Path } from "../path.ts";
import type { Report } from "../report.ts";
import { isRecord } from "../source/documents.ts";
import { readAny, typedStructs } from "./any.ts";
import { isSkipped, problemsOfAbsent, problemsOfField } from "./envoy-rules.ts";
import type { Judged, RuleProblem } from "./envoy-rules.ts";
import { readNumberText, readScalar } from "./scalars.ts";
import { describe, didYouMean } from "./suggest.ts";
import { plainWellKnownTypes, wellKnownTypes } from "./well-known.ts";

/** A field the configuration has and this version does not act on. `path` is from the spec: `http[].match[].statPrefix`. */
export interface NotBuiltField {
  /** `[]` enters a list, `{}` a map; `=VALUE` at the end means only that value of the field. */
  readonly path: string;
  /** What happens without it, or what to use. */
  readonly reason: string;
  /** `error` where ignoring the field would allow what its author meant to forbid. */
  readonly severity?: "error" | "warning";
}

export interface ReadOptions {
  readonly notBuilt: ReadonlyMap<string, NotBuiltField>;
  readonly unknownFields: "error" | "warning";
  /** Lists that may be left out but not written empty, by pattern, with what to write. */
  readonly nonEmpty: ReadonlyMap<string, string>;
  /**
   * How values are written. `istio`: as its users do, Go's durations among them. `protobuf`: protobuf's JSON form with
   * all that it allows, for messages that are not Istio's.
   */
  readonly dialect?: "istio" | "protobuf";
  /** Only of Envoy's messages: whether its own rules are held to, and whether all of the message is there. */
  readonly judged?: Judged;
}

/** Where the walk is: the object's path for messages, the pattern for data about fields. */
interface Place {
  readonly path: Path;
  readonly pattern: string;
  readonly report: Report;
  readonly options: ReadOptions;
}

/**
 * Checks `raw` against a message's descriptor and copies it into protobuf's JSON form, map keys sorted. Every mistake
 * is reported and its field left out, so that `fromJson` accepts the answer whatever came in.
 */
export function readMessage(
  schema: DescMessage,
  raw: unknown,
  path: Path,
  report: Report,
  options: ReadOptions,
): JsonObject {
  const value = readMessageValue(schema, raw, { path, pattern: "", report, options });
  return isRecord(value) ? (value as JsonObject) : {};
}

function readMessageValue(schema: DescMessage, raw: unknown, place: Place): JsonValue | undefined {
  const isPlain = place.options.dialect === "protobuf";
  if (isPlain && schema.typeName === "google.protobuf.Any") return readAnyValue(raw, place);
  const wellKnown = (isPlain ? plainWellKnownTypes[schema.typeName] : undefined) ?? wellKnownTypes[schema.typeName];
  if (wellKnown) {
    const reading = wellKnown(raw);
    if (reading.ok) return reading.json;
    place.report.add("error", place.path, "type", `${reading.problem}`);
    return undefined;
  }
  if (!isRecord(raw)) {
    const names = schema.fields.map((field) => field.jsonName);
    place.report.add("error", place.path, "type", `expects an object with ${listNames(names)}, got ${describe(raw)}`);
    return undefined;
  }
  return readFields(schema, raw, place);
}

/** The message inside, and inside a TypedStruct the message it stands for. */
function readAnyValue(raw: unknown, place: Place): JsonValue | undefined {
  const reading = readAny(raw);
  if (!reading.ok) {
    const path = reading.code === "unknown-type" ? [...place.path, "@type"] : place.path;
    place.report.add("error", path, reading.code, reading.problem);
    return undefined;
  }
  const { schema, typeUrl, fields } = reading;
  if (wellKnownTypes[schema.typeName]) {
    const at = { ...place, path: [...place.path, "value"] };
    const value = readMessageValue(schema, fields["value"], at);
    return value === undefined ? undefined : { "@type": typeUrl, value };
  }
  const members = readFields(schema, fields, place);
  if (typedStructs.has(schema.typeName) && isRecord(fields["value"]))
    readAnyValue({ ...fields["value"], "@type": members["typeUrl"] }, { ...place, path: [...place.path, "value"] });
  return { "@type": typeUrl, ...members };
}

function readFields(schema: DescMessage, raw: Record<string, unknown>, place: Place): JsonObject {
  const known = fieldsOf(schema);
  const seen = new Map<DescField, string>();
  const members: [string, JsonValue][] = [];
  for (const [key, value] of Object.entries(raw)) {
    const at = { ...place, path: [...place.path, key] };
    const field = known.get(key);
    if (!field) reportUnknownField(schema, key, at);
    else if (value === null && !acceptsNull(field))
      at.report.add(
        "warning",
        at.path,
        "empty-field",
        "has no value and counts as not set; remove it or give it one",
        "key",
      );
    else if (!conflicts(field, key, seen, at)) {
      const json = readField(field, value, {
        ...at,
        path: [...place.path, place.options.dialect === "protobuf" ? key : field.jsonName],
        pattern: join(place.pattern, field.jsonName),
      });
      if (json !== undefined) members.push([field.jsonName, json]);
      const { judged } = place.options;
      if (json !== undefined && judged !== undefined) reportProblems(problemsOfField(field, json, judged), at);
    }
  }
  if (place.options.judged === "whole") reportProblems(problemsOfAbsent(schema, new Set(seen.keys())), place);
  return Object.fromEntries(members);
}

function reportProblems(problems: readonly RuleProblem[], place: Place): void {
  for (const { path, code, message } of problems) place.report.add("error", [...place.path, ...path], code, message);
}

/** In a message that is merged into another, what is in a list or a map is whole nevertheless. */
function judgedWhole(options: ReadOptions): ReadOptions {
  return options.judged === "given" ? { ...options, judged: "whole" } : options;
}

function unjudged({ judged: _judged, ...options }: ReadOptions): ReadOptions {
  return options;
}

function reportUnknownField(schema: DescMessage, key: string, place: Place): void {
  const names = schema.fields.map((field) => field.jsonName);
  const hint = didYouMean(key, names) || `; known here: ${listNames(names)}`;
  const ignored = place.options.unknownFields === "warning" ? " is ignored" : "";
  place.report.add(
    place.options.unknownFields,
    place.path,
    "unknown-field",
    `unknown field ${JSON.stringify(key)}${ignored}${hint}`,
    "key",
  );
}

/** Whether the field was given already, by its other name or through another member of its oneof. */
function conflicts(field: DescField, key: string, seen: Map<DescField, string>, place: Place): boolean {
  const same = seen.get(field);
  if (same !== undefined) {
    place.report.add(
      "error",
      place.path,
      "duplicate-field",
      `is the same field as ${JSON.stringify(same)}; keep one of them`,
      "key",
    );
    return true;
  }
  for (const [other, otherKey] of seen) {
    if (field.oneof === undefined || other.oneof !== field.oneof) continue;
    const members = field.oneof.fields.map((member) => member.jsonName).join(", ");
    place.report.add(
      "error",
      place.path,
      "oneof-conflict",
      `${JSON.stringify(key)} and ${JSON.stringify(otherKey)} exclude each other; set one of ${members}`,
      "key",
    );
    return true;
  }
  seen.set(field, key);
  return false;
}

function readField(field: DescField, raw: unknown, place: Place): JsonValue | undefined {
  const built = checkBuilt(raw, place);
  const inner = built ? place : { ...place, options: { ...place.options, notBuilt: nothing } };
  switch (field.fieldKind) {
    case "scalar":
      return readScalarValue(field.scalar, raw, inner);
    case "enum":
      return readEnumValue(field.enum, raw, inner);
    case "message": {
      const skipped = inner.options.judged !== undefined && isSkipped(field);
      return readMessageValue(field.message, raw, skipped ? { ...inner, options: unjudged(inner.options) } : inner);
    }
    case "list":
      return readListValue(field, raw, { ...inner, options: judgedWhole(inner.options) });
    case "map":
      return readMapValue(field, raw, { ...inner, options: judgedWhole(inner.options) });
  }
}

const nothing: ReadonlyMap<string, NotBuiltField> = new Map();

/** Warns of (or refuses) a field that is set but not acted on; once for a whole subtree. */
function checkBuilt(raw: unknown, place: Place): boolean {
  const { notBuilt } = place.options;
  const whole = isSet(raw) ? notBuilt.get(place.pattern) : undefined;
  const entry = whole ?? (isScalar(raw) ? notBuilt.get(`${place.pattern}=${String(raw)}`) : undefined);
  if (!entry) return true;
  const severity = entry.severity ?? "warning";
  const what = whole ? "is not built yet" : `${JSON.stringify(raw)} is not built yet`;
  const effect = severity === "error" ? "and is refused because ignoring it would be unsafe" : "and has no effect";
  place.report.add(severity, place.path, "not-built", `${what} ${effect}: ${entry.reason}`, "key");
  return false;
}

function isSet(raw: unknown): boolean {
  if (Array.isArray(raw)) return raw.length > 0;
  return raw !== null && raw !== undefined && raw !== false && raw !== "" && raw !== 0;
}

function isScalar(raw: unknown): raw is string | number | boolean {
  return typeof raw === "string" || typeof raw === "number" || typeof raw === "boolean";
}

function readScalarValue(type: ScalarType, raw: unknown, place: Place): JsonValue | undefined {
  const reading = place.options.dialect === "protobuf" ? readNumberText(type, raw) : readScalar(type, raw);
  if (reading.ok) return reading.json;
  place.report.add("error", place.path, "type", reading.problem);
  return undefined;
}

function readEnumValue(descriptor: DescEnum, raw: unknown, place: Place): JsonValue | undefined {
  const names = descriptor.values.map((value) => value.name);
  if (typeof raw === "string" && names.includes(raw)) return raw;
  if (place.options.dialect === "protobuf" && descriptor.values.some(({ number }) => number === raw))
    return raw as number;
  const hint = typeof raw === "string" ? didYouMean(raw, names) : "";
  place.report.add("error", place.path, "enum", `expects one of ${names.join(", ")}, got ${describe(raw)}${hint}`);
  return undefined;
}

function readListValue(field: DescField & { fieldKind: "list" }, raw: unknown, place: Place): JsonValue | undefined {
  if (!Array.isArray(raw)) {
    place.report.add("error", place.path, "type", `expects a list, got ${describe(raw)}`);
    return undefined;
  }
  const remedy = raw.length === 0 ? place.options.nonEmpty.get(place.pattern) : undefined;
  if (remedy !== undefined) place.report.add("error", place.path, "empty-list", `must not be an empty list: ${remedy}`);
  const items: JsonValue[] = [];
  for (const [index, item] of raw.entries()) {
    const json = readElement(field, item, { ...place, path: [...place.path, index], pattern: `${place.pattern}[]` });
    if (json !== undefined) items.push(json);
  }
  return items;
}

function readMapValue(field: DescField & { fieldKind: "map" }, raw: unknown, place: Place): JsonValue | undefined {
  if (!isRecord(raw)) {
    place.report.add("error", place.path, "type", `expects a map, got ${describe(raw)}`);
    return undefined;
  }
  const entries: [string, JsonValue][] = [];
  for (const key of Object.keys(raw).sort()) {
    const at = { ...place, path: [...place.path, key], pattern: `${place.pattern}{}` };
    const keyReading = readScalar(
      field.mapKey,
      /^(-?\d+)$/.test(key) && field.mapKey !== ScalarType.STRING ? Number(key) : key,
    );
    if (!keyReading.ok) at.report.add("error", at.path, "type", `the key ${keyReading.problem}`, "key");
    const json = readElement(field, raw[key], at);
    if (json !== undefined && keyReading.ok) entries.push([key, json]);
  }
  return Object.fromEntries(entries);
}

function readElement(
  field: DescField & { fieldKind: "list" | "map" },
  raw: unknown,
  place: Place,
): JsonValue | undefined {
  const built = checkBuilt(raw, place);
  const inner = built ? place : { ...place, options: { ...place.options, notBuilt: nothing } };
  if (field.scalar !== undefined) return readScalarValue(field.scalar, raw, inner);
  if (field.enum !== undefined) return readEnumValue(field.enum, raw, inner);
  return readMessageValue(field.message, raw, inner);
}

function acceptsNull(field: DescField): boolean {
  return field.message?.typeName === "google.protobuf.Value";
}

const fieldsByMessage = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>();

/** By JSON name and by proto name; both are accepted, as in protobuf's JSON form. */
function fieldsOf(schema: DescMessage): ReadonlyMap<string, DescField> {
  let fields = fieldsByMessage.get(schema);
  if (!fields) {
    fields = new Map(
      schema.fields.flatMap(
        (field) =>
          [
            [field.name, field],
            [field.jsonName, field],
          ] as const,
      ),
    );
    fieldsByMessage.set(schema, fields);
  }
  return fields;
}

function join(pattern: string, name: string): string {
  return pattern === "" ? name : `${pattern}.${name}`;
}

function listNames(names: readonly string[]): string {
  return names.length === 0 ? "no fields" : names.join(", ");
}
