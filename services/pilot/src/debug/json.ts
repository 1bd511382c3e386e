import { createRegistry, toJson } from "@bufbuild/protobuf";
import type { DescMessage, JsonValue, Message, Registry } from "@bufbuild/protobuf";

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

const noTypes = createRegistry();

/** Proto JSON; where a message holds a type that `registry` lacks, a note instead of a failure. */
export function messageJson(schema: DescMessage, message: Message, registry: Registry = noTypes): JsonValue {
  try {
    return toJson(schema, message, { registry });
  } catch (error) {
    return {
      "@type": schema.typeName,
      note: `cannot be shown: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
}
