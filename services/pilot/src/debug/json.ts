import { fromBinary, toJson } from "@bufbuild/protobuf";
import type { DescMessage, JsonObject, JsonValue, Message } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import type { Any } from "@bufbuild/protobuf/wkt";
import { messageTypes } from "@lateen/protos/types";

/** JSON for people: revisions as numbers (they stay far below 2^53), maps as objects. */
export function plainJson(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, part: unknown) => {
      if (typeof part === "bigint") return Number(part);
      if (part instanceof Map) return Object.fromEntries(part);
      if (part instanceof Set) return [...part];
      return part;
    }) ?? "null",
  );
}

/** Proto JSON; where a message holds a type that is not known, a note instead of a failure. */
export function messageJson(schema: DescMessage, message: Message): JsonValue {
  try {
    return toJson(schema, message, { registry: messageTypes });
  } catch (error) {
    return {
      "@type": schema.typeName,
      note: `cannot be shown: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
}

/** An encoded Any that holds a resource, as proto JSON of the resource. */
export function resourceJson(any: Uint8Array): JsonValue {
  return unpackedJson(fromBinary(AnySchema, any));
}

/** Proto JSON of an Any. */
export function anyJson(any: Any): JsonValue {
  return { "@type": any.typeUrl, ...(unpackedJson(any) as JsonObject) };
}

function unpackedJson({ typeUrl, value }: Any): JsonValue {
  const schema = messageTypes.getMessage(typeUrl.slice(typeUrl.lastIndexOf("/") + 1));
  return schema === undefined ? { "@type": typeUrl } : messageJson(schema, fromBinary(schema, value));
}
