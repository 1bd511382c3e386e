import { fromJson } from "@bufbuild/protobuf";
import type { DescMessage, JsonObject, Message } from "@bufbuild/protobuf";
import type { MeshObject, Origin, Violation } from "@lateen/model";
import type { KindDefinition } from "./kinds/definition.ts";
import { resolveKind } from "./kinds/registry.ts";
import { readMetadata } from "./metadata.ts";
import { Report } from "./report.ts";
import { readMessage } from "./schema/read-message.ts";
import type { ReadOptions } from "./schema/read-message.ts";
import { describe, didYouMean } from "./schema/suggest.ts";
import { isRecord } from "./source/documents.ts";
import type { PositionIndex } from "./source/positions.ts";

export interface DecodeContext {
  readonly origin: Origin;
  readonly positions?: PositionIndex;
  /** For objects that name none; `default` if absent. */
  readonly defaultNamespace?: string;
}

export type DecodeResult =
  | { readonly ok: true; readonly object: MeshObject<Message>; readonly warnings: readonly Violation[] }
  /** Errors and warnings together, in the order of the object. */
  | { readonly ok: false; readonly violations: readonly Violation[] };

const topLevel = ["apiVersion", "kind", "metadata", "spec", "status"];

/**
 * Judges one object as a whole: kind, metadata, the spec's shape and its meaning. All mistakes are collected; what
 * comes back `ok` is safe to compile. Total: any value gets an answer, nothing is thrown.
 */
export function decodeObject(raw: unknown, context: DecodeContext): DecodeResult {
  const report = new Report(context.origin, context.positions);
  const definition = readKind(raw, report);
  if (!definition || !isRecord(raw)) return { ok: false, violations: report.violations };
  for (const key of Object.keys(raw)) {
    if (!topLevel.includes(key))
      report.add(
        "error",
        [key],
        "unknown-field",
        `unknown field ${JSON.stringify(key)}${didYouMean(key, topLevel) || "; the settings belong under spec"}`,
        "key",
      );
  }
  const meta = readMeta(raw["metadata"], definition, { context, report });
  const origin = { ...context.origin, kind: definition.kind, namespace: meta.namespace, name: meta.name };
  const spec = readSpec(definition, raw["spec"] ?? {}, meta, report);
  if (report.failed || !spec)
    return { ok: false, violations: report.violations.map((each) => ({ ...each, object: origin })) };
  const state = definition.readState?.(raw["status"], meta);
  const object = {
    apiVersion: String(raw["apiVersion"]),
    kind: definition.kind,
    meta,
    spec,
    ...(state === undefined ? {} : { state }),
    origin,
  };
  return { ok: true, object, warnings: report.violations.map((each) => ({ ...each, object: origin })) };
}

/** What is of no namespace is stored in the empty one, whatever is written. */
function readMeta(
  raw: unknown,
  { scope }: KindDefinition,
  { context, report }: { readonly context: DecodeContext; readonly report: Report },
): MeshObject<unknown>["meta"] {
  const meta = readMetadata(raw, context.defaultNamespace ?? "default", report);
  return scope === "Cluster" ? { ...meta, namespace: "" } : meta;
}

function readKind(raw: unknown, report: Report): KindDefinition | undefined {
  if (!isRecord(raw)) {
    report.add("error", [], "type", `expects an object with apiVersion, kind, metadata and spec, got ${describe(raw)}`);
    return undefined;
  }
  const { apiVersion, kind } = raw;
  if (typeof apiVersion !== "string")
    report.add("error", ["apiVersion"], "required", `is required, got ${describe(apiVersion)}`);
  if (typeof kind !== "string") report.add("error", ["kind"], "required", `is required, got ${describe(kind)}`);
  if (typeof apiVersion !== "string" || typeof kind !== "string") return undefined;
  const resolution = resolveKind(apiVersion, kind);
  if (resolution.is === "built") return resolution.definition;
  const message =
    resolution.is === "refused" ? resolution.message : `${kind} (${apiVersion}) is not configuration of the mesh`;
  const code = resolution.is === "refused" ? resolution.code : "unknown-kind";
  report.add("error", [code === "unknown-version" ? "apiVersion" : "kind"], code, message);
  return undefined;
}

/** Reads the spec by its descriptor, then asks the kind's own rules. */
function readSpec(
  definition: KindDefinition,
  raw: unknown,
  meta: MeshObject<unknown>["meta"],
  report: Report,
): Message | undefined {
  const json = readMessage(definition.schema, raw, ["spec"], report, readOptionsOf(definition));
  const spec = toMessage(definition.schema, { ...definition.defaults, ...json }, report);
  if (!spec) return undefined;
  const structural = [...report.violations];
  definition.check(spec, report.cursor(["spec"]), meta);
  const semantic = report.violations.splice(structural.length).filter((violation) => !isEcho(violation, structural));
  report.violations.push(...semantic);
  return spec;
}

/** `readMessage` makes JSON that always fits; if it ever does not, that is our mistake and still no reason to throw. */
function toMessage(schema: DescMessage, json: JsonObject, report: Report): Message | undefined {
  try {
    return fromJson(schema, json);
  } catch (error) {
    report.add(
      "error",
      ["spec"],
      "internal",
      `cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
    return undefined;
  }
}

/** A rule speaking of a field that could not be read, or of one missing next to a misspelt one, says nothing new. */
function isEcho(semantic: Violation, structural: readonly Violation[]): boolean {
  return structural.some((earlier) => {
    if (earlier.severity !== "error") return false;
    if (
      semantic.path === earlier.path ||
      semantic.path.startsWith(`${earlier.path}.`) ||
      semantic.path.startsWith(`${earlier.path}[`)
    )
      return true;
    return (
      earlier.code === "unknown-field" &&
      semantic.code === "required" &&
      isWithin(semantic.path, parentOf(earlier.path))
    );
  });
}

function isWithin(path: string, parent: string): boolean {
  return path === parent || parentOf(path) === parent;
}

function parentOf(path: string): string {
  return path.replace(/(\.[^.[\]]+|\[[^\]]*\])$/, "");
}

const optionsByKind = new WeakMap<KindDefinition, ReadOptions>();

function readOptionsOf(definition: KindDefinition): ReadOptions {
  let options = optionsByKind.get(definition);
  if (!options) {
    const notBuilt = new Map(definition.notBuilt.map((field) => [field.path, field]));
    options = {
      notBuilt,
      unknownFields: definition.unknownFields,
      nonEmpty: new Map(Object.entries(definition.nonEmpty)),
    };
    optionsByKind.set(definition, options);
  }
  return options;
}
