import { anyPack, StructSchema } from "@bufbuild/protobuf/wkt";
import { fromJson } from "@bufbuild/protobuf";
import { bootstrapPatchesOf } from "@lateen/compiler";
import type { MeshSnapshot } from "@lateen/compiler";
import { RpcCode, RpcError } from "@lateen/rpc";
import { fields } from "@lateen/runtime";
import type { Logger } from "@lateen/runtime";
import { mergeBootstrap } from "@lateen/xds-build";
import { bootstrapPatchesType, shortTypeName } from "@lateen/xds-server";
import type { Answer, Query, QuerySource } from "@lateen/xds-server";
import type { PilotMetrics } from "../metrics.ts";
import type { Admission } from "./admission.ts";
import { nodeOf } from "./connected-node.ts";

export interface BootstrapPatchesOptions {
  readonly snapshot: () => MeshSnapshot | undefined;
  readonly admission: Pick<Admission, "admit">;
  readonly logger: Logger;
  readonly metrics: Pick<PilotMetrics, "rejects">;
}

/**
 * What EnvoyFilters change of the bootstrap of the asker's proxy, before it starts. One answer: its name is the patches',
 * with commas between, its value all of them merged, as a Struct; no answer where there are none. Names that are asked
 * for leave out the others: so an agent finds out which patch its Envoy does not take.
 */
export function bootstrapQueries(options: BootstrapPatchesOptions): QuerySource {
  return {
    identifier: "",
    handles: (typeUrl) => typeUrl === bootstrapPatchesType,
    async answer(query) {
      await options.admission.admit(query.asker);
      if (query.problem === undefined) return answersOf(options, query);
      options.metrics.rejects.inc({ type: shortTypeName(bootstrapPatchesType).toLowerCase() });
      options.logger.warn(
        { [fields.proxy]: query.asker.id, [fields.origin]: query.names, [fields.reason]: query.problem },
        "a proxy runs without patches of its bootstrap",
      );
      return [];
    },
  };
}

function answersOf({ snapshot, logger }: BootstrapPatchesOptions, { names, asker }: Query): readonly Answer[] {
  const mesh = snapshot();
  if (mesh === undefined) throw new RpcError(RpcCode.UNAVAILABLE, "the mesh is not known yet, try again");
  const meant = bootstrapPatchesOf(mesh, nodeOf(asker));
  const wanted = names.length === 0 ? meant : meant.filter(({ ref }) => names.includes(ref));
  if (wanted.length === 0) return [];
  const { value, findings } = mergeBootstrap(wanted.map(({ patch }) => patch));
  for (const { message } of findings) logger.warn({ [fields.reason]: message }, "a patch of the bootstrap is unusable");
  const name = wanted.map(({ ref }) => ref).join(",");
  return [{ name, resource: anyPack(StructSchema, fromJson(StructSchema, value)) }];
}
