import { create } from "@bufbuild/protobuf";
import type * as ir from "@lateen/ir";
import { NameTableSchema } from "@lateen/protos/istio/networking/nds/v1/name_table_pb.js";
import type { NameTable } from "@lateen/protos/istio/networking/nds/v1/name_table_pb.js";

/** The one name table of a proxy has no name of its own, in Istio neither. */
export const nameTableName = "";

export function buildNameTable({ names }: ir.NameTable): NameTable {
  const entries = names.map(({ host, addresses, cluster }) => [
    host,
    {
      ips: [...addresses],
      registry: cluster === undefined ? "External" : "Kubernetes",
      ...(cluster === undefined ? {} : { shortname: cluster.shortName, namespace: cluster.namespace }),
    },
  ]);
  return create(NameTableSchema, { table: Object.fromEntries(entries) });
}
