import { type DescField, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { type Entry, EntrySchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";

/** What this version writes, and the highest it reads. Raised only when an older reader would misread a value. */
export const schemaVersion = 1;

export type Decoded = { readonly ok: true; readonly entry: Entry } | { readonly ok: false; readonly reason: string };

/** Equal entries give equal bytes, whatever order their maps were filled in. A missing schema_version becomes ours. */
export function encodeEntry(entry: Entry): Uint8Array {
  const versioned = entry.schemaVersion === 0 ? { ...entry, schemaVersion } : entry;
  return toBinary(EntrySchema, sortMaps(reflect(EntrySchema, versioned)) as Entry);
}

export function decodeEntry(bytes: Uint8Array): Decoded {
  let entry: Entry;
  try {
    entry = fromBinary(EntrySchema, bytes);
  } catch (error) {
    return { ok: false, reason: `no mesh.store.v1.Entry: ${String(error)}` };
  }
  if (entry.schemaVersion > schemaVersion) {
    return {
      ok: false,
      reason: `schema_version ${entry.schemaVersion} is newer than ${schemaVersion}: upgrade this service`,
    };
  }
  return { ok: true, entry };
}

/** A shallow copy of the message, and of those inside it, with map keys in order: protobuf-es writes maps as they were filled. */
function sortMaps(message: ReflectMessage): Message {
  const copy: Record<string, unknown> = { ...message.message };
  for (const field of message.fields) {
    if (message.isSet(field)) setSorted(copy, field, message);
  }
  return copy as unknown as Message;
}

function setSorted(copy: Record<string, unknown>, field: DescField, message: ReflectMessage): void {
  if (field.fieldKind === "map") {
    const map = copy[field.localName] as Record<string, unknown>;
    copy[field.localName] = Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
  } else if (field.fieldKind === "message") {
    const sorted = sortMaps(message.get(field));
    if (field.oneof === undefined) copy[field.localName] = sorted;
    else copy[field.oneof.localName] = { case: field.localName, value: sorted };
  }
}
