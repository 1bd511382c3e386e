import type { DescMessage } from "@bufbuild/protobuf";
import { messageTypes } from "@lateen/protos/types";
import { isRecord } from "../source/documents.ts";
import { describe, didYouMean } from "./suggest.ts";

/** What an Any holds, in protobuf's JSON form: its type, and the fields beside `@type`. */
export type AnyReading =
  | {
      readonly ok: true;
      readonly schema: DescMessage;
      readonly typeUrl: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | { readonly ok: false; readonly code: "type" | "required" | "unknown-type"; readonly problem: string };

export function readAny(raw: unknown): AnyReading {
  if (!isRecord(raw))
    return { ok: false, code: "type", problem: `expects an object with "@type", got ${describe(raw)}` };
  const { "@type": typeUrl, ...fields } = raw;
  if (typeof typeUrl !== "string")
    return { ok: false, code: "required", problem: 'needs "@type": type.googleapis.com/ and the name of a message' };
  const name = typeNameOf(typeUrl);
  const schema = typeUrl.includes("/") ? messageTypes.getMessage(name) : undefined;
  return schema === undefined ? unknownType(typeUrl, name) : { ok: true, schema, typeUrl, fields };
}

/** `envoy.type.v3.Percent` of `type.googleapis.com/envoy.type.v3.Percent`. */
export function typeNameOf(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
}

function unknownType(typeUrl: string, name: string): AnyReading {
  return {
    ok: false,
    code: "unknown-type",
    problem: `there is no message type ${JSON.stringify(typeUrl)}${hintFor(typeUrl, name)}`,
  };
}

function hintFor(typeUrl: string, name: string): string {
  if (!typeUrl.includes("/")) return `; write "type.googleapis.com/${name}"`;
  if (/\.v2(alpha\d*)?\.|^envoy\.api\./.test(name)) return "; Envoy's v2 API is gone, use the v3 type";
  const own = name.slice(name.lastIndexOf(".") + 1);
  const namesake = messageTypes.namesBelow("envoy").filter((each) => each.endsWith(`.${own}`));
  return namesake.length === 1
    ? `; did you mean "type.googleapis.com/${namesake[0]}"?`
    : didYouMean(name, messageTypes.namesBelow("envoy"));
}

/** Messages that hold another one as a Struct, with its type beside it: Envoy reads that as the message itself. */
export const typedStructs: ReadonlySet<string> = new Set(["udpa.type.v1.TypedStruct", "xds.type.v3.TypedStruct"]);
