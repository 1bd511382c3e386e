import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type * as ir from "@lateen/ir";
import type { Finding } from "@lateen/model";
import { packResource } from "../resources.ts";
import type { BuiltResource } from "../resources.ts";
import { PatchProblem } from "./problem.ts";
import type { Applied } from "./sequence.ts";

/** How resources of one type are patched and judged. */
export interface Patching<Desc extends DescMessage> {
  readonly schema: Desc;
  /** Undefined: the resource is removed. */
  patch(message: MessageShape<Desc>, patches: readonly ir.Patch[], applied: Applied): MessageShape<Desc> | undefined;
  /** What Envoy would refuse it for. */
  problem(message: MessageShape<Desc>): string | undefined;
}

export interface Patched {
  readonly resource: BuiltResource | undefined;
  readonly findings: readonly Finding[];
}

/**
 * `base` with `patches`; itself where they change nothing. A patch that would make it invalid is left out, found by
 * trying them one by one, and the others apply.
 */
export function patchResource<Desc extends DescMessage>(
  base: BuiltResource,
  patches: readonly ir.Patch[],
  patching: Patching<Desc>,
): Patched {
  const attempt = tryPatches(base, patches, patching);
  if (attempt.ok) return { resource: attempt.resource, findings: [] };
  const kept: ir.Patch[] = [];
  const findings: Finding[] = [];
  let resource: BuiltResource | undefined = base;
  for (const patch of patches) {
    const one = tryPatches(base, [...kept, patch], patching);
    if (one.ok) {
      kept.push(patch);
      resource = one.resource;
    } else findings.push(leftOut(patch, one.problem));
  }
  return { resource, findings };
}

export function leftOut({ origin, path }: ir.Patch, problem: string): Finding {
  const [kind = "", namespace = "", name = ""] = origin.split("/");
  const message = `${path} is left out: ${problem}`;
  return { object: { kind, namespace, name }, severity: "error", code: "patch-unusable", message };
}

type Attempt =
  | { readonly ok: true; readonly resource: BuiltResource | undefined }
  | { readonly ok: false; readonly problem: string };

function tryPatches<Desc extends DescMessage>(
  base: BuiltResource,
  patches: readonly ir.Patch[],
  { schema, patch, problem }: Patching<Desc>,
): Attempt {
  const origins = new Set(base.origin?.split(",") ?? []);
  try {
    const message = patch(fromBinary(schema, base.value), patches, ({ origin }) => origins.add(origin));
    if (message === undefined) return { ok: true, resource: undefined };
    const wrong = problem(message);
    if (wrong !== undefined) return { ok: false, problem: wrong };
    return { ok: true, resource: changed(base, toBinary(schema, message), origins) };
  } catch (error) {
    if (error instanceof PatchProblem) return { ok: false, problem: error.message };
    throw error;
  }
}

function changed(base: BuiltResource, value: Uint8Array, origins: ReadonlySet<string>): BuiltResource {
  if (sameBytes(base.value, value)) return base;
  const { digest: _ofBase, ...rest } = base;
  const patches = [...origins].filter((origin) => !(base.origin?.split(",") ?? []).includes(origin)).join(",");
  const parts = [...(base.partOrigins ?? [])].map(([part, origin]) => [part, `${origin},${patches}`] as const);
  return {
    ...rest,
    ...packResource(base.typeUrl, value),
    origin: [...origins].join(","),
    ...(base.partOrigins === undefined ? {} : { partOrigins: new Map(parts) }),
  };
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
