import { createHash } from "node:crypto";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { BuiltResource } from "@lateen/xds-build";
import type { Resource } from "@lateen/xds-server";
import { memo } from "../memo.ts";

const encoded = new WeakMap<BuiltResource, Resource>();

/** The resource as it travels. The same object for the same `built`, so every proxy shares its bytes. */
export function encodeResource(built: BuiltResource): Resource {
  return memo(encoded, built, encode);
}

function encode({ name, typeUrl, value, origin }: BuiltResource): Resource {
  const any = Buffer.from(
    new BinaryWriter()
      .tag(1, WireType.LengthDelimited)
      .string(typeUrl)
      .tag(2, WireType.LengthDelimited)
      .bytes(value)
      .finish(),
  );
  const version = createHash("sha256").update(any).digest("base64url").slice(0, 16);
  return origin === undefined ? { name, version, any } : { name, version, any, origin };
}
