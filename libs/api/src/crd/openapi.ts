import { ScalarType } from "@bufbuild/protobuf";
import type { DescField, DescMessage, DescOneof } from "@bufbuild/protobuf";

/** A structural schema, as Kubernetes wants it in a CRD. */
export type JsonSchema = { readonly [key: string]: unknown };

const freeForm: JsonSchema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
const uint32: JsonSchema = { type: "integer", minimum: 0, maximum: 4_294_967_295 };

/** Messages whose JSON form is not an object of their fields; the same list as the reader's. */
const wellKnown: Readonly<Record<string, JsonSchema>> = {
  "google.protobuf.Duration": { type: "string" },
  "google.protobuf.Timestamp": { type: "string", format: "date-time" },
  "google.protobuf.Struct": freeForm,
  "google.protobuf.Value": { "x-kubernetes-preserve-unknown-fields": true },
  "google.protobuf.ListValue": { type: "array", items: { "x-kubernetes-preserve-unknown-fields": true } },
  "google.protobuf.BoolValue": { type: "boolean", nullable: true },
  "google.protobuf.StringValue": { type: "string", nullable: true },
  "google.protobuf.BytesValue": { type: "string", format: "byte", nullable: true },
  "google.protobuf.DoubleValue": { type: "number", format: "double", nullable: true },
  "google.protobuf.FloatValue": { type: "number", format: "float", nullable: true },
  "google.protobuf.Int32Value": { type: "integer", format: "int32", nullable: true },
  "google.protobuf.UInt32Value": { ...uint32, nullable: true },
  "google.protobuf.Int64Value": { "x-kubernetes-int-or-string": true },
  "google.protobuf.UInt64Value": { "x-kubernetes-int-or-string": true },
};

const scalars: Partial<Record<ScalarType, JsonSchema>> = {
  [ScalarType.STRING]: { type: "string" },
  [ScalarType.BOOL]: { type: "boolean" },
  [ScalarType.BYTES]: { type: "string", format: "byte" },
  [ScalarType.DOUBLE]: { type: "number", format: "double" },
  [ScalarType.FLOAT]: { type: "number", format: "float" },
  [ScalarType.INT32]: { type: "integer", format: "int32" },
  [ScalarType.SINT32]: { type: "integer", format: "int32" },
  [ScalarType.SFIXED32]: { type: "integer", format: "int32" },
  [ScalarType.UINT32]: uint32,
  [ScalarType.FIXED32]: uint32,
};

/** The schema of a message's JSON form. Field names are JSON names; unknown fields are Kubernetes' to refuse or prune. */
export function schemaOf(message: DescMessage): JsonSchema {
  const known = wellKnown[message.typeName];
  if (known) return known;
  if (message.fields.length === 0) return { type: "object" };
  const properties = message.fields.map((field) => [field.jsonName, fieldSchema(field)] as const);
  return { type: "object", properties: Object.fromEntries(properties), ...exclusions(message.oneofs) };
}

function fieldSchema(field: DescField): JsonSchema {
  switch (field.fieldKind) {
    case "list":
      return { type: "array", items: elementSchema(field) };
    case "map":
      return { type: "object", additionalProperties: elementSchema(field) };
    default:
      return elementSchema(field);
  }
}

function elementSchema(field: DescField): JsonSchema {
  if (field.message) return schemaOf(field.message);
  if (field.enum) return { type: "string", enum: field.enum.values.map((value) => value.name) };
  return scalars[field.scalar ?? ScalarType.STRING] ?? { "x-kubernetes-int-or-string": true };
}

/** At most one member of each oneof: either none of them, or exactly one. */
function exclusions(oneofs: readonly DescOneof[]): JsonSchema {
  const constraints = oneofs
    .filter((oneof) => oneof.fields.length > 1)
    .map((oneof) => {
      const members = oneof.fields.map((field) => ({ required: [field.jsonName] }));
      return { oneOf: [{ not: { anyOf: members } }, ...members] };
    });
  const [only] = constraints;
  if (!only) return {};
  return constraints.length === 1 ? only : { allOf: constraints };
}
