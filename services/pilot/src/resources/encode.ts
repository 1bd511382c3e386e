import { createHash } from "node:crypto";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { BuiltResource } from "@lateen/xds-build";
import type { Resource } from "@lateen/xds-server";
import { memo } from "../memo.ts";

const anyField = { typeUrl: 1, value: 2 } as const;
const encoded = new WeakMap<BuiltResource, Resource>();

/** The resource as it travels. The same object for the same `built`, so every proxy shares its bytes. */
export function encodeResource(built: BuiltResource): Resource {
  return memo(encoded, built, encode);
}

function encode({ name, typeUrl, value, origin, partOrigins }: BuiltResource): Resource {
  const resource = packed(typeUrl, name, value);
  return {
    ...resource,
    ...(origin !== undefined && { origin }),
    ...(partOrigins !== undefined && partOrigins.size > 0 && { partOrigins }),
  };
}

/** An encoded message as a resource; its version is a hash of all of it. */
export function packed(typeUrl: string, name: string, value: Uint8Array): Resource {
  const any = Buffer.from(
    new BinaryWriter()
      .tag(anyField.typeUrl, WireType.LengthDelimited)
      .string(typeUrl)
      .tag(anyField.value, WireType.LengthDelimited)
      .bytes(value)
      .finish(),
  );
  return { name, version: createHash("sha256").update(any).digest("base64url").slice(0, 16), any };
}

/** The message in a resource's Any. */
export function unpacked({ any }: Resource): Uint8Array {
  const reader = new BinaryReader(any);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === anyField.value) return reader.bytes();
    reader.skip(wireType, field);
  }
  return new Uint8Array();
}
