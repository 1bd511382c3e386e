import { clone, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, Message, MessageShape } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { ReflectMessage } from "@bufbuild/protobuf/reflect";
import { create } from "@bufbuild/protobuf";
import { AnySchema, StructSchema } from "@bufbuild/protobuf/wkt";
import type { Any } from "@bufbuild/protobuf/wkt";
import { messageTypes } from "@lateen/protos/types";
import { PatchProblem } from "./problem.ts";

/** What becomes of a list that the patch has, too. */
export type ListRule = "append" | "replace";

/**
 * Puts what is set in `from` into `into`, as Istio does: messages are merged, lists appended to (or replaced), entries
 * of maps and durations replaced, and so is a message in an Any. Unlike Istio a wrapped value (`BoolValue`) replaces
 * the other even when it is false or 0.
 * https://github.com/istio/istio/blob/1.31.0/pkg/proto/merge/merge.go
 */
export function mergeInto<Desc extends DescMessage>(
  schema: Desc,
  into: MessageShape<Desc>,
  from: MessageShape<Desc>,
  lists: ListRule,
): void {
  mergeFields(reflect(schema, into), reflect(schema, clone(schema, from)), lists);
}

function mergeFields(into: ReflectMessage, from: ReflectMessage, lists: ListRule): void {
  for (const field of from.fields) {
    if (!from.isSet(field)) continue;
    switch (field.fieldKind) {
      case "list": {
        const list = into.get(field);
        if (lists === "replace") list.clear();
        for (const item of from.get(field)) list.add(item);
        break;
      }
      case "map": {
        const map = into.get(field);
        for (const [key, value] of from.get(field)) map.set(key, value);
        break;
      }
      case "message": {
        const value = from.get(field);
        if (isWhole(field.message) || !into.isSet(field)) into.set(field, value);
        else {
          const target = into.get(field);
          mergeFields(target, value, lists);
          into.set(field, target);
        }
        break;
      }
      default:
        into.set(field, from.get(field));
    }
  }
}

/** Messages that are one value; a Struct is not: its entries are merged one by one. */
function isWhole({ typeName }: DescMessage): boolean {
  return typeName.startsWith("google.protobuf.") && typeName !== StructSchema.typeName;
}

/** Both as messages of the type that `into` has; a patch of another type is a mistake that the caller reports. */
export function mergeAny(into: Any, from: Any, lists: ListRule): Any {
  if (typeName(into) !== typeName(from))
    throw new PatchProblem(
      `it merges ${typeName(from)} into ${typeName(into)}; REPLACE puts one in place of the other`,
    );
  const schema = messageTypes.getMessage(typeName(into));
  if (schema === undefined) throw new PatchProblem(`${typeName(into)} is not a type known here`);
  const message: Message = fromBinary(schema, into.value);
  mergeInto(schema, message, fromBinary(schema, from.value), lists);
  return create(AnySchema, { typeUrl: into.typeUrl, value: toBinary(schema, message) });
}

export function typeName({ typeUrl }: Any): string {
  return typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
}
