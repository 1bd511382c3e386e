import type { Origin, Violation } from "@lateen/model";
import { isMap, LineCounter, parseDocument } from "yaml";
import type { Document } from "yaml";
import { indexPositions } from "./positions.ts";
import type { PositionIndex, SourceMap } from "./positions.ts";

/** One object as it was written, not yet judged. `origin` is a best guess where the object does not name itself. */
export interface SourceDocument {
  readonly raw: unknown;
  readonly origin: Origin;
  readonly positions: PositionIndex;
}

export interface SourceDocuments {
  readonly documents: readonly SourceDocument[];
  /** Syntax errors, with line and column. The documents they are in are absent; all others are there. */
  readonly violations: readonly Violation[];
}

/**
 * Reads a file of YAML documents or JSON; the items of a `kind: List` count as documents. Never throws.
 * Documents are cut at their `---` lines before they are parsed, so an unclosed quote in one cannot swallow the next.
 */
export function readDocuments(text: string, file: string): SourceDocuments {
  const documents: SourceDocument[] = [];
  const violations: Violation[] = [];
  for (const chunk of splitDocuments(text)) {
    const parsed = parseChunk(chunk, file);
    if ("violations" in parsed) violations.push(...parsed.violations);
    else documents.push(...expandList(parsed.raw, parsed.source, file));
  }
  return { documents, violations };
}

interface Chunk {
  readonly text: string;
  /** Lines before it in the file. */
  readonly lineOffset: number;
}

function splitDocuments(text: string): Chunk[] {
  const chunks: Chunk[] = [];
  const lines = (text.startsWith("\uFEFF") ? text.slice(1) : text).split("\n");
  let start = 0;
  for (let index = 0; index <= lines.length; index++) {
    const line = lines[index];
    if (line !== undefined && !/^(---|\.\.\.)(\s|$)/.test(line)) continue;
    const body = lines.slice(start, index);
    if (body.some((each) => !/^\s*(#.*)?$|^%/.test(each))) chunks.push({ text: body.join("\n"), lineOffset: start });
    start = index + 1;
    const inline = line?.slice(3).trim() ?? "";
    if (inline !== "" && !inline.startsWith("#")) {
      // "--- {a: 1}": the document begins on the marker's own line
      lines[index] = `   ${line?.slice(3) ?? ""}`;
      start = index;
    }
  }
  return chunks;
}

type ParsedChunk = { readonly raw: unknown; readonly source: SourceMap } | { readonly violations: Violation[] };

function parseChunk(chunk: Chunk, file: string): ParsedChunk {
  const lines = new LineCounter();
  try {
    const document: Document = parseDocument(chunk.text, {
      lineCounter: lines,
      merge: true,
      prettyErrors: false,
      logLevel: "error",
    });
    const source: SourceMap = { document, lines, lineOffset: chunk.lineOffset, columnOffset: 0 };
    const [first] = document.errors;
    if (!first) return { raw: document.toJS(), source };
    const position = lines.linePos(first.pos[0]);
    return syntaxError(chunk, file, first.message, position);
  } catch (error) {
    return syntaxError(chunk, file, error instanceof Error ? error.message : String(error));
  }
}

/** Only the first error of a document: what follows is mostly its echo. */
function syntaxError(chunk: Chunk, file: string, reason: string, at?: { line: number; col: number }): ParsedChunk {
  const line = chunk.lineOffset + (at?.line ?? 1);
  const object = { ...guessRef(chunk.text), file, line: chunk.lineOffset + 1 };
  const message = `not readable as YAML or JSON: ${reason.split("\n")[0] ?? reason}`;
  return { violations: [{ object, path: "", severity: "error", code: "syntax", message, line, column: at?.col ?? 1 }] };
}

/** What an unreadable document probably was, so that a message can name it. */
function guessRef(text: string): { kind: string; namespace: string; name: string } {
  const valueIn = (part: string, key: string): string =>
    new RegExp(`(?:^|[\\s{,])["']?${key}["']?:\\s*["']?([\\w.-]+)`).exec(part)?.[1] ?? "";
  const metadata = text.slice(Math.max(0, text.search(/["']?metadata["']?\s*:/)));
  return { kind: valueIn(text, "kind"), namespace: valueIn(metadata, "namespace"), name: valueIn(metadata, "name") };
}

function expandList(raw: unknown, source: SourceMap, file: string): SourceDocument[] {
  if (raw === null || raw === undefined) return [];
  const items =
    isRecord(raw) && typeof raw["kind"] === "string" && raw["kind"].endsWith("List") ? raw["items"] : undefined;
  if (!Array.isArray(items) || !isMap(source.document.contents)) return [toDocument(raw, source, [], file)];
  return items.map((item, index) => toDocument(item, source, ["items", index], file));
}

function toDocument(raw: unknown, source: SourceMap, root: (string | number)[], file: string): SourceDocument {
  const positions = indexPositions(source, root);
  const metadata = isRecord(raw) && isRecord(raw["metadata"]) ? raw["metadata"] : {};
  const origin: Origin = {
    kind: isRecord(raw) ? text(raw["kind"]) : "",
    namespace: text(metadata["namespace"]),
    name: text(metadata["name"]),
    file,
    line: positions.positionOf([])?.line ?? source.lineOffset + 1,
  };
  return { raw, origin, positions };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
