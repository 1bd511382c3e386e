import { create, toJson } from "@bufbuild/protobuf";
import type { JsonObject } from "@bufbuild/protobuf";
import type * as ir from "@lateen/ir";
import type { Finding } from "@lateen/model";
import { messageTypes } from "@lateen/protos/types";
import { mergeInto } from "./merge.ts";
import { leftOut } from "./patched-resource.ts";
import { PatchProblem } from "./problem.ts";
import { isMerge, patchValue } from "./values.ts";

/** What goes over the bootstrap of a proxy. */
export interface MergedBootstrap {
  /** A `Bootstrap` in protobuf's JSON form, with nothing but what the patches set. */
  readonly value: JsonObject;
  readonly findings: readonly Finding[];
}

const bootstrapMessage = "envoy.config.bootstrap.v3.Bootstrap";

/**
 * `patches` as one, in their order: of two that set a field the later one counts. Lists are appended to, also to those of
 * the bootstrap itself: Istio has no other operation there.
 * https://github.com/istio/istio/blob/1.31.0/pilot/pkg/xds/bootstrapds.go
 */
export function mergeBootstrap(patches: readonly ir.Patch[]): MergedBootstrap {
  const schema = messageTypes.getMessage(bootstrapMessage);
  if (schema === undefined) throw new Error(`${bootstrapMessage} is not among the descriptors`);
  const merged = create(schema);
  const findings: Finding[] = [];
  for (const patch of patches) {
    if (!isMerge(patch)) continue;
    try {
      mergeInto(schema, merged, patchValue(schema, patch), "append");
    } catch (error) {
      if (!(error instanceof PatchProblem)) throw error;
      findings.push(leftOut(patch, error.message));
    }
  }
  return { value: toJson(schema, merged, { registry: messageTypes, useProtoFieldName: true }) as JsonObject, findings };
}
