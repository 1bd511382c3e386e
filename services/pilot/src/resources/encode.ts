import { hash } from "node:crypto";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { packResource } from "@lateen/xds-build";
import type { BuiltResource } from "@lateen/xds-build";
import type { Resource } from "@lateen/xds-server";
import { memo } from "../memo.ts";

const valueField = 2;
const encoded = new WeakMap<BuiltResource, Resource>();
/** The builder remembers weakly what it built: this holds it as long as the resource is used. */
const origins = new WeakMap<Resource, BuiltResource>();

/** The resource as it travels. The same object for the same `built`, so every proxy shares its bytes. */
export function encodeResource(built: BuiltResource): Resource {
  return memo(encoded, built, encode);
}

function encode(built: BuiltResource): Resource {
  const { name, any, origin, partOrigins, digest } = built;
  const resource = {
    ...asResource(name, any, digest),
    ...(origin !== undefined && { origin }),
    ...(partOrigins !== undefined && partOrigins.size > 0 && { partOrigins }),
  };
  origins.set(resource, built);
  return resource;
}

/** An encoded message as a resource. */
export function packed(typeUrl: string, name: string, value: Uint8Array): Resource {
  return asResource(name, packResource(typeUrl, value).any);
}

/** Its version is a hash of all of it, or of what stands for that. */
function asResource(name: string, bytes: Uint8Array, digest?: string): Resource {
  const any = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { name, version: hash("sha256", digest ?? any, "base64url").slice(0, 16), any };
}

/** The message in a resource's Any. */
export function unpacked({ any }: Resource): Uint8Array {
  const reader = new BinaryReader(any);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === valueField) return reader.bytes();
    reader.skip(wireType, field);
  }
  return new Uint8Array();
}
