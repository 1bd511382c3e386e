import { LineCounter, parseDocument } from "yaml";
import { decodeObject } from "./decode.ts";
import type { DecodeContext, DecodeResult } from "./decode.ts";
import { Report } from "./report.ts";
import { didYouMean } from "./schema/suggest.ts";
import { isRecord } from "./source/documents.ts";
import { indexPositions } from "./source/positions.ts";
import type { PositionIndex } from "./source/positions.ts";

/** The ConfigMap's name in every Istio installation's root namespace. */
export const meshConfigMapName = "istio";
const meshKey = { key: "mesh", kind: "MeshConfig" } as const;
const networksKey = { key: "meshNetworks", kind: "MeshNetworks" } as const;
type MapKey = typeof meshKey | typeof networksKey;

/**
 * Judges the ConfigMap `istio` of the root namespace as the object `MeshConfig/<root namespace>/istio`.
 * Its key `mesh` holds YAML inside YAML; positions point into the outer file where it is a block (`mesh: |`).
 */
export function decodeMeshConfigMap(raw: unknown, context: DecodeContext): DecodeResult {
  const data = dataOf(raw);
  const text = data[meshKey.key];
  if (typeof text === "string") return decodeKey(raw, text, context, meshKey);
  const report = new Report({ ...context.origin, kind: meshKey.kind }, context.positions);
  report.add(
    "error",
    ["data", meshKey.key],
    "required",
    `is required: the mesh's settings as YAML text${didYouMean(meshKey.key, Object.keys(data))}`,
  );
  return { ok: false, violations: report.violations };
}

/** Its key `meshNetworks`, as `MeshNetworks/<root namespace>/istio`; undefined where the key says nothing. */
export function decodeMeshNetworksMap(raw: unknown, context: DecodeContext): DecodeResult | undefined {
  const text = dataOf(raw)[networksKey.key];
  return typeof text === "string" && text.trim() !== "" ? decodeKey(raw, text, context, networksKey) : undefined;
}

function dataOf(raw: unknown): Record<string, unknown> {
  return isRecord(raw) && isRecord(raw["data"]) ? raw["data"] : {};
}

function decodeKey(raw: unknown, text: string, context: DecodeContext, { key, kind }: MapKey): DecodeResult {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false, logLevel: "error" });
  const [first] = document.errors;
  if (first) {
    const report = new Report({ ...context.origin, kind }, context.positions);
    const position = lines.linePos(first.pos[0]);
    report.add("error", ["data", key], "syntax", `not readable as YAML at its line ${position.line}: ${first.message}`);
    return { ok: false, violations: report.violations };
  }
  const metadata = isRecord(raw) ? raw["metadata"] : undefined;
  const object = { apiVersion: "mesh.istio.io/v1alpha1", kind, metadata, spec: toSettings(document) };
  const inner = indexPositions({ document, lines, lineOffset: 0, columnOffset: 0 });
  return decodeObject(object, { ...context, positions: nested(context.positions, inner, key) });
}

function toSettings(document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS() ?? {};
  } catch (error) {
    return error instanceof Error ? error.message : {};
  }
}

/** Positions of `spec.*` in the outer file: block scalars keep their lines, so inner line n is n lines below the key. */
function nested(outer: PositionIndex | undefined, inner: PositionIndex, key: string): PositionIndex {
  return {
    positionOf(path, of) {
      if (path[0] !== "spec") return outer?.positionOf(path, of);
      const base = outer?.positionOf(["data", key], "key");
      const own = inner.positionOf(path.slice(1), of);
      return base && own ? { line: base.line + own.line, column: base.column + own.column + 1 } : base;
    },
  };
}

/** Whether a raw object is the mesh's ConfigMap. */
export function isMeshConfigMap(raw: unknown, rootNamespace: string): boolean {
  if (!isRecord(raw) || raw["kind"] !== "ConfigMap" || raw["apiVersion"] !== "v1") return false;
  const metadata = isRecord(raw["metadata"]) ? raw["metadata"] : {};
  return metadata["name"] === meshConfigMapName && (metadata["namespace"] ?? "default") === rootNamespace;
}
