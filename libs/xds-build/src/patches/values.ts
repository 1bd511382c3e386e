import { clone, fromJson } from "@bufbuild/protobuf";
import type { DescMessage, Message, MessageShape } from "@bufbuild/protobuf";
import type { JsonValue } from "@bufbuild/protobuf";
import type * as ir from "@lateen/ir";
import { messageTypes } from "@lateen/protos/types";
import { PatchProblem } from "./problem.ts";

const read = new WeakMap<ir.Patch, Message>();

/** The patch's value, a message of its own for each caller. Fields of a newer Envoy than ours are left out. */
export function patchValue<Desc extends DescMessage>(schema: Desc, patch: ir.Patch): MessageShape<Desc> {
  let value = read.get(patch) as MessageShape<Desc> | undefined;
  if (value === undefined) {
    value = parse(schema, patch);
    read.set(patch, value);
  }
  return clone(schema, value);
}

function parse<Desc extends DescMessage>(schema: Desc, { value }: ir.Patch): MessageShape<Desc> {
  try {
    return fromJson(schema, (value ?? {}) as JsonValue, { registry: messageTypes, ignoreUnknownFields: true });
  } catch (error) {
    throw new PatchProblem(`its value cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export function listRule({ operation }: ir.Patch): "append" | "replace" {
  return operation === "merge-replacing-lists" ? "replace" : "append";
}

export function isMerge({ operation }: ir.Patch): boolean {
  return operation === "merge" || operation === "merge-replacing-lists";
}

/** Where order means nothing an insertion is an addition. */
export function isAddition({ operation }: ir.Patch): boolean {
  return operation === "add" || operation.startsWith("insert-");
}
