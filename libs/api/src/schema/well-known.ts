import { ScalarType } from "@bufbuild/protobuf";
import type { JsonValue } from "@bufbuild/protobuf";
import { normalizeDuration } from "./duration.ts";
import { readNumberText, readScalar } from "./scalars.ts";
import type { Reading } from "./scalars.ts";
import { describe } from "./suggest.ts";

/** Messages whose JSON form is not an object of their fields. */
export const wellKnownTypes: Readonly<Record<string, (raw: unknown) => Reading>> = {
  "google.protobuf.Duration": readDuration,
  "google.protobuf.Timestamp": readTimestamp,
  "google.protobuf.Struct": readStruct,
  "google.protobuf.Value": (raw) => readJson(raw, 0),
  "google.protobuf.ListValue": readList,
  "google.protobuf.BoolValue": (raw) => readScalar(ScalarType.BOOL, raw),
  "google.protobuf.StringValue": (raw) => readScalar(ScalarType.STRING, raw),
  "google.protobuf.BytesValue": (raw) => readScalar(ScalarType.BYTES, raw),
  "google.protobuf.DoubleValue": (raw) => readScalar(ScalarType.DOUBLE, raw),
  "google.protobuf.FloatValue": (raw) => readScalar(ScalarType.FLOAT, raw),
  "google.protobuf.Int32Value": (raw) => readScalar(ScalarType.INT32, raw),
  "google.protobuf.UInt32Value": (raw) => readScalar(ScalarType.UINT32, raw),
  "google.protobuf.Int64Value": (raw) => readScalar(ScalarType.INT64, raw),
  "google.protobuf.UInt64Value": (raw) => readScalar(ScalarType.UINT64, raw),
  "google.protobuf.Any": () => ({ ok: false, problem: "holds an arbitrary message (Any), which is not supported" }),
  "google.protobuf.FieldMask": () => ({ ok: false, problem: "is a field mask, which is not supported" }),
};

/** What differs where values are in protobuf's own JSON form. */
export const plainWellKnownTypes: Readonly<Record<string, (raw: unknown) => Reading>> = {
  "google.protobuf.Duration": readPlainDuration,
  "google.protobuf.DoubleValue": (raw) => readNumberText(ScalarType.DOUBLE, raw),
  "google.protobuf.FloatValue": (raw) => readNumberText(ScalarType.FLOAT, raw),
  "google.protobuf.Int32Value": (raw) => readNumberText(ScalarType.INT32, raw),
  "google.protobuf.UInt32Value": (raw) => readNumberText(ScalarType.UINT32, raw),
  "google.protobuf.FieldMask": (raw) => readScalar(ScalarType.STRING, raw),
  "google.protobuf.Empty": (raw) =>
    raw !== null && typeof raw === "object" && Object.keys(raw).length === 0
      ? { ok: true, json: {} }
      : { ok: false, problem: `expects {}, got ${describe(raw)}` },
};

function readPlainDuration(raw: unknown): Reading {
  if (typeof raw === "string" && /^-?\d{1,12}(\.\d{1,9})?s$/.test(raw)) return { ok: true, json: raw };
  const meant = typeof raw === "string" ? normalizeDuration(raw) : typeof raw === "number" ? `${raw}s` : undefined;
  const remedy = meant === undefined ? "" : `; write "${meant}"`;
  return { ok: false, problem: `expects seconds such as "1.5s", got ${describe(raw)}${remedy}` };
}

function readDuration(raw: unknown): Reading {
  const json = typeof raw === "string" ? normalizeDuration(raw) : undefined;
  if (json !== undefined) return { ok: true, json };
  const remedy =
    typeof raw === "number" || (typeof raw === "string" && /^\d+$/.test(raw)) ? `; for seconds write "${raw}s"` : "";
  return { ok: false, problem: `expects a duration such as "1.5s", "100ms" or "1h30m", got ${describe(raw)}${remedy}` };
}

function readTimestamp(raw: unknown): Reading {
  const valid = typeof raw === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(raw);
  if (valid && !Number.isNaN(Date.parse(raw))) return { ok: true, json: raw };
  return { ok: false, problem: `expects a time such as "2026-01-31T12:00:00Z", got ${describe(raw)}` };
}

function readStruct(raw: unknown): Reading {
  if (typeof raw === "object" && raw !== null && !Array.isArray(raw)) return readJson(raw, 0);
  return { ok: false, problem: `expects an object, got ${describe(raw)}` };
}

function readList(raw: unknown): Reading {
  return Array.isArray(raw) ? readJson(raw, 0) : { ok: false, problem: `expects a list, got ${describe(raw)}` };
}

const maxDepth = 64;

/** Copies free-form JSON, refusing what JSON cannot say and nesting that would exhaust the stack. */
function readJson(raw: unknown, depth: number): Reading {
  if (depth > maxDepth) return { ok: false, problem: `is nested more than ${maxDepth} deep` };
  if (raw === null || typeof raw === "string" || typeof raw === "boolean") return { ok: true, json: raw };
  if (typeof raw === "number" && Number.isFinite(raw)) return { ok: true, json: raw };
  if (typeof raw === "bigint") return { ok: true, json: Number(raw) };
  if (typeof raw !== "object") return { ok: false, problem: `holds ${describe(raw)}, which is not JSON` };
  const entries: [string, JsonValue][] = [];
  for (const [key, value] of Object.entries(raw)) {
    const reading = readJson(value, depth + 1);
    if (!reading.ok) return reading;
    entries.push([key, reading.json]);
  }
  return { ok: true, json: Array.isArray(raw) ? entries.map(([, value]) => value) : Object.fromEntries(entries) };
}
