import { equals } from "@bufbuild/protobuf";
import { EntrySchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import type { Entry } from "@lateen/protos/mesh/store/v1/entry_pb.js";

/**
 * Whether two entries mean the same. The line an object begins at does not count: a blank line at the top of a file
 * would rewrite all of its objects otherwise. The schema version is the store's own.
 */
export function sameEntry(left: Entry, right: Entry): boolean {
  return equals(EntrySchema, comparable(left), comparable(right));
}

function comparable(entry: Entry): Entry {
  const { value } = entry;
  if (value.case === "config")
    return { ...entry, schemaVersion: 0, value: { case: "config", value: withoutLine(value.value) } };
  if (value.case === "service")
    return { ...entry, schemaVersion: 0, value: { case: "service", value: withoutLine(value.value) } };
  return { ...entry, schemaVersion: 0 };
}

function withoutLine<T extends { origin?: { line: number } | undefined }>(value: T): T {
  return value.origin ? { ...value, origin: { ...value.origin, line: 0 } } : value;
}
