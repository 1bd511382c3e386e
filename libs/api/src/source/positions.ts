import { isAlias, isMap, isScalar, isSeq } from "yaml";
import type { Document, LineCounter, Pair } from "yaml";
import type { Path } from "../path.ts";

/** 1-based, in the file (not in the document). */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Finds where a path of an object was written. The nearest existing ancestor answers for what is missing. */
export interface PositionIndex {
  positionOf(path: Path, of?: "key" | "value"): Position | undefined;
}

export interface SourceMap {
  readonly document: Document;
  readonly lines: LineCounter;
  /** Added to every line and column: where the document's text begins in its file. */
  readonly lineOffset: number;
  readonly columnOffset: number;
}

/** An index over a parsed document, below `root` (an item of a List). Nothing is computed before it is asked. */
export function indexPositions(source: SourceMap, root: Path = []): PositionIndex {
  return {
    positionOf(path, of = "value") {
      const offset = offsetOf(source.document, [...root, ...path], of);
      if (offset === undefined) return undefined;
      const { line, col } = source.lines.linePos(offset);
      return { line: line + source.lineOffset, column: col + source.columnOffset };
    },
  };
}

function offsetOf(document: Document, path: Path, of: "key" | "value"): number | undefined {
  let node: unknown = document.contents;
  let found = startOf(node);
  for (const [depth, segment] of path.entries()) {
    const container = isAlias(node) ? node.resolve(document) : node;
    const step = isMap(container) ? stepIntoMap(container.items, segment) : stepIntoList(container, segment);
    if (!step) return found;
    const last = depth === path.length - 1;
    const preferValue = last && of === "value" && isScalar(step.value);
    found = (preferValue ? startOf(step.value) : startOf(step.key)) ?? startOf(step.value) ?? found;
    node = step.value;
  }
  return found;
}

interface Step {
  readonly key: unknown;
  readonly value: unknown;
}

function stepIntoMap(items: readonly Pair[], segment: string | number): Step | undefined {
  const wanted = String(segment);
  const exact = items.find((pair) => keyOf(pair) === wanted);
  return exact ?? items.find((pair) => jsonNameOf(keyOf(pair)) === wanted);
}

function stepIntoList(node: unknown, segment: string | number): Step | undefined {
  if (!isSeq(node) || typeof segment !== "number") return undefined;
  const value = node.items[segment];
  return value === undefined ? undefined : { key: undefined, value };
}

function keyOf(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
}

/** The JSON name protobuf gives a field: `ignore_uri_case` is `ignoreUriCase`. */
export function jsonNameOf(protoName: string): string {
  return protoName.replace(/_([A-Za-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
}

function startOf(node: unknown): number | undefined {
  const range = (node as { range?: readonly number[] | null } | null | undefined)?.range;
  return range?.[0];
}
