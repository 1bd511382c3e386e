import { create } from "@bufbuild/protobuf";
import { ConfigObjectSchema, type Entry, EntrySchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";

/** A config entry for tests; `generation` makes two of one name differ. */
export function configEntry(name: string, generation = 1n, labels: Record<string, string> = {}): Entry {
  const value = create(ConfigObjectSchema, {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    namespace: "default",
    name,
    generation,
    labels,
  });
  return create(EntrySchema, { value: { case: "config", value } });
}

export function generationOf(entry: Entry): bigint {
  return entry.value.case === "config" ? entry.value.value.generation : -1n;
}
