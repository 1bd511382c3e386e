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
const ignoredKeys = ["meshNetworks"];

/**
 * Judges the ConfigMap `istio` of the root namespace as the object `MeshConfig/<root namespace>/istio`.
 * Its key `mesh` holds YAML inside YAML; positions point into the outer file where it is a block (`mesh: |`).
 */
export function decodeMeshConfigMap(raw: unknown, context: DecodeContext): DecodeResult {
  const report = new Report({ ...context.origin, kind: "MeshConfig" }, context.positions);
  const data = isRecord(raw) && isRecord(raw["data"]) ? raw["data"] : {};
  const text = data["mesh"];
  if (typeof text !== "string") {
    report.add(
      "error",
      ["data", "mesh"],
      "required",
      `is required: the mesh's settings as YAML text${didYouMean("mesh", Object.keys(data))}`,
    );
    return { ok: false, violations: report.violations };
  }
  for (const key of ignoredKeys) {
    if (!/^(networks:\s*\{\s*\}\s*)?$/.test(String(data[key] ?? "").trim()))
      report.add(
        "warning",
        ["data", key],
        "not-built",
        "is not built yet and has no effect: endpoints are taken to be directly reachable",
        "key",
      );
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false, logLevel: "error" });
  const [first] = document.errors;
  if (first) {
    const position = lines.linePos(first.pos[0]);
    report.add(
      "error",
      ["data", "mesh"],
      "syntax",
      `not readable as YAML at its line ${position.line}: ${first.message}`,
    );
    return { ok: false, violations: report.violations };
  }
  const metadata = isRecord(raw) ? raw["metadata"] : undefined;
  const object = { apiVersion: "mesh.istio.io/v1alpha1", kind: "MeshConfig", metadata, spec: toSettings(document) };
  const inner = indexPositions({ document, lines, lineOffset: 0, columnOffset: 0 });
  const result = decodeObject(object, { ...context, positions: nested(context.positions, inner) });
  return result.ok
    ? { ...result, warnings: [...report.violations, ...result.warnings] }
    : { ok: false, violations: [...report.violations, ...result.violations] };
}

function toSettings(document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS() ?? {};
  } catch (error) {
    return error instanceof Error ? error.message : {};
  }
}

/** Positions of `spec.*` in the outer file: block scalars keep their lines, so inner line n is n lines below the key. */
function nested(outer: PositionIndex | undefined, inner: PositionIndex): PositionIndex {
  return {
    positionOf(path, of) {
      if (path[0] !== "spec") return outer?.positionOf(path, of);
      const base = outer?.positionOf(["data", "mesh"], "key");
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
