import { ScalarType } from "@bufbuild/protobuf";
import type { JsonValue } from "@bufbuild/protobuf";
import { describe } from "./suggest.ts";

/** A value in protobuf's JSON form, or what is wrong with it. */
export type Reading =
  | { readonly ok: true; readonly json: JsonValue }
  | { readonly ok: false; readonly problem: string };

const integerRanges: Partial<Record<ScalarType, readonly [min: bigint, max: bigint]>> = {
  [ScalarType.INT32]: [-(2n ** 31n), 2n ** 31n - 1n],
  [ScalarType.SINT32]: [-(2n ** 31n), 2n ** 31n - 1n],
  [ScalarType.SFIXED32]: [-(2n ** 31n), 2n ** 31n - 1n],
  [ScalarType.UINT32]: [0n, 2n ** 32n - 1n],
  [ScalarType.FIXED32]: [0n, 2n ** 32n - 1n],
  [ScalarType.INT64]: [-(2n ** 63n), 2n ** 63n - 1n],
  [ScalarType.SINT64]: [-(2n ** 63n), 2n ** 63n - 1n],
  [ScalarType.SFIXED64]: [-(2n ** 63n), 2n ** 63n - 1n],
  [ScalarType.UINT64]: [0n, 2n ** 64n - 1n],
  [ScalarType.FIXED64]: [0n, 2n ** 64n - 1n],
};

export function readScalar(type: ScalarType, raw: unknown): Reading {
  switch (type) {
    case ScalarType.STRING:
      return readString(raw);
    case ScalarType.BOOL:
      return readBool(raw);
    case ScalarType.BYTES:
      return readBytes(raw);
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return readNumber(raw);
    default:
      return readInteger(type, raw);
  }
}

/** As protobuf's JSON form has it: numbers may be written as text. */
export function readNumberText(type: ScalarType, raw: unknown): Reading {
  const isText = type === ScalarType.STRING || type === ScalarType.BYTES || type === ScalarType.BOOL;
  if (isText || typeof raw !== "string" || !/^-?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(raw)) return readScalar(type, raw);
  return readScalar(type, Number.isSafeInteger(Number(raw)) || raw.includes(".") ? Number(raw) : raw);
}

function readString(raw: unknown): Reading {
  if (typeof raw === "string") return { ok: true, json: raw };
  const quotable = typeof raw === "number" || typeof raw === "boolean" || typeof raw === "bigint";
  const remedy = quotable ? `; write it in quotes: ${JSON.stringify(String(raw))}` : "";
  return { ok: false, problem: `expects a string, got ${describe(raw)}${remedy}` };
}

function readBool(raw: unknown): Reading {
  if (typeof raw === "boolean") return { ok: true, json: raw };
  return { ok: false, problem: `expects true or false, got ${describe(raw)}${unquote(raw, /^(true|false)$/)}` };
}

function readBytes(raw: unknown): Reading {
  if (typeof raw === "string" && /^[A-Za-z0-9+/_-]*={0,2}$/.test(raw) && raw.replace(/=+$/, "").length % 4 !== 1) {
    return { ok: true, json: raw };
  }
  return { ok: false, problem: `expects bytes in base64, got ${describe(raw)}` };
}

function readNumber(raw: unknown): Reading {
  if (typeof raw === "number" && Number.isFinite(raw)) return { ok: true, json: raw };
  return { ok: false, problem: `expects a number, got ${describe(raw)}${unquote(raw, /^-?\d+(\.\d+)?$/)}` };
}

function readInteger(type: ScalarType, raw: unknown): Reading {
  const [min, max] = integerRanges[type] ?? [0n, 0n];
  const wide = max > 2n ** 32n;
  const value = integerOf(raw, wide);
  if (value === undefined) {
    return { ok: false, problem: `expects a whole number, got ${describe(raw)}${unquote(raw, /^-?\d+$/)}` };
  }
  if (value < min || value > max) return { ok: false, problem: `must be from ${min} to ${max}, got ${value}` };
  return { ok: true, json: wide ? value.toString() : Number(value) };
}

/** 64-bit numbers may be strings, as protobuf writes them in JSON. */
function integerOf(raw: unknown, wide: boolean): bigint | undefined {
  if (typeof raw === "bigint") return raw;
  if (typeof raw === "number" && Number.isInteger(raw)) return BigInt(raw);
  if (wide && typeof raw === "string" && /^-?\d{1,20}$/.test(raw)) return BigInt(raw);
  return undefined;
}

function unquote(raw: unknown, pattern: RegExp): string {
  return typeof raw === "string" && pattern.test(raw) ? "; write it without quotes" : "";
}
