import type { DescMessage, JsonObject } from "@bufbuild/protobuf";
import type { Origin, Violation } from "@lateen/model";
import { formatPath } from "./path.ts";
import type { Path } from "./path.ts";
import type { Judged } from "./schema/envoy-rules.ts";
import { readMessage } from "./schema/read-message.ts";
import type { ReadOptions } from "./schema/read-message.ts";
import type { PositionIndex } from "./source/positions.ts";

/** Points at one place of the object under check. Rules move it down with `at` and speak through it. */
export interface Cursor {
  at(...segments: (string | number)[]): Cursor;
  error(code: string, message: string): void;
  warning(code: string, message: string): void;
  /**
   * Judges `raw`, which stands here as free-form JSON, as a message of `schema` in protobuf's own JSON form, and by
   * Envoy's rules: all of it, or what is given of it.
   */
  read(schema: DescMessage, raw: unknown, judged: Judged): JsonObject;
}

const plainMessages: ReadOptions = {
  notBuilt: new Map(),
  unknownFields: "error",
  nonEmpty: new Map(),
  dialect: "protobuf",
};

/** Collects every violation of one object. Positions are looked up as they come, so a good object costs nothing. */
export class Report {
  readonly violations: Violation[] = [];
  readonly #origin: Origin;
  readonly #positions: PositionIndex | undefined;

  constructor(origin: Origin, positions?: PositionIndex) {
    this.#origin = origin;
    this.#positions = positions;
  }

  get failed(): boolean {
    return this.violations.some((violation) => violation.severity === "error");
  }

  add(severity: Violation["severity"], path: Path, code: string, message: string, of: "key" | "value" = "value"): void {
    const position = this.#positions?.positionOf(path, of);
    const located = position ? { line: position.line, column: position.column } : {};
    this.violations.push({ object: this.#origin, path: formatPath(path), severity, code, message, ...located });
  }

  cursor(path: Path): Cursor {
    return {
      at: (...segments) => this.cursor([...path, ...segments]),
      error: (code, message) => this.add("error", path, code, message),
      warning: (code, message) => this.add("warning", path, code, message),
      read: (schema, raw, judged) => readMessage(schema, raw, path, this, { ...plainMessages, judged }),
    };
  }
}
