import type { Duration } from "@bufbuild/protobuf/wkt";
import { RE2JS } from "re2js";
import type { Cursor } from "../report.ts";

/** 1 to 65535. */
export function checkPort(port: number, at: Cursor): void {
  if (port < 1 || port > 65_535) at.error("port", `must be a port from 1 to 65535, got ${port}`);
}

/** Proxies take whole milliseconds; `minimumMs` 0 allows "0s". */
export function checkDuration(duration: Duration | undefined, at: Cursor, minimumMs = 1): void {
  if (!duration) return;
  const nanos = Number(duration.seconds) * 1e9 + duration.nanos;
  if (nanos < minimumMs * 1e6) {
    at.error(
      "duration",
      minimumMs === 0 ? "must not be negative" : `must be at least ${minimumMs}ms; leave it out for the default`,
    );
  } else if (duration.nanos % 1_000_000 !== 0) at.error("duration", "must be whole milliseconds");
}

export function checkPercent(value: number, at: Cursor): void {
  if (value < 0 || value > 100) at.error("percent", `must be from 0 to 100, got ${value}`);
}

/** Envoy matches with RE2: no look-around, no back-references. */
export function checkRegex(pattern: string, at: Cursor): void {
  try {
    if (pattern === "") at.error("regex", "must not be empty");
    else RE2JS.compile(pattern);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    at.error(
      "regex",
      `${JSON.stringify(pattern)} is not an RE2 expression (${reason}); RE2 has no look-around and no back-references`,
    );
  }
}

/** A header's name; `:authority`, `:path`, `:method` and `:scheme` too where `pseudo` allows. */
export function checkHeaderName(name: string, at: Cursor, pseudo = false): void {
  const plain = pseudo ? name.replace(/^:/, "") : name;
  if (name === "") at.error("header", "a header name must not be empty");
  else if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(plain))
    at.error("header", `${JSON.stringify(name)} is not a header name`);
}

/** Literal text in which `%%` is a percent sign and `%COMMAND(arguments):length%` something of the request, as Envoy reads it. */
const headerValue = /^(?:[^%]|%%|%[A-Z0-9_]+(?:\([^)]*\))?(?::\d+)?%)*$/;

export function checkHeaderValue(value: string, at: Cursor): void {
  if (/[\r\n\0]/.test(value)) at.error("header", "a header's value must be one line");
  else if (!headerValue.test(value))
    at.error(
      "header",
      `${JSON.stringify(value)} has a "%" that begins no command such as %REQ(name)%; write "%%" for a percent sign`,
    );
}

export function checkNotNegative(value: number | bigint | undefined, at: Cursor): void {
  if (value !== undefined && value < 0) at.error("range", `must not be negative, got ${value}`);
}

/** Every string of a list must say something. */
export function checkNoEmptyStrings(values: readonly string[], at: Cursor): void {
  for (const [index, value] of values.entries())
    if (value === "") at.at(index).error("empty", "must not be an empty string; remove it");
}
