import { createFileRegistry, fromBinary, fromJson, toBinary, toJson } from "@bufbuild/protobuf";
import type { FileRegistry, JsonObject, JsonValue } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { descriptorSetPath } from "@lateen/protos";
import { NameTableSchema } from "@lateen/protos/istio/networking/nds/v1/name_table_pb.js";
import { TrustAnchorsSchema } from "@lateen/protos/mesh/identity/v1/trust_anchors_pb.js";
import { ProxyConfigSchema } from "@lateen/protos/mesh/v1alpha1/proxy_pb.js";
import { readFileSync } from "node:fs";

/** A resource as `libs/xds-build` makes it. */
export interface EncodedResource {
  readonly typeUrl: string;
  readonly name: string;
  readonly value: Uint8Array;
}

let loaded: FileRegistry | undefined;

/** Every type there is; takes a second, so only when asked. */
function registry(): FileRegistry {
  loaded ??= createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(descriptorSetPath)));
  return loaded;
}

/** As Envoy prints and reads it: proto JSON with `@type`, field names as in the .proto files. */
export function toEnvoyJson({ typeUrl, value }: EncodedResource): JsonObject {
  const schema = messageType(typeUrl);
  const json = toJson(schema, fromBinary(schema, value), { registry: registry(), useProtoFieldName: true });
  return { "@type": typeUrl, ...(json as JsonObject) };
}

export function fromEnvoyJson(json: JsonObject): EncodedResource {
  const { "@type": typeUrl, ...fields } = json;
  const schema = messageType(String(typeUrl));
  const message = fromJson(schema, fields as JsonValue, { registry: registry() });
  return {
    typeUrl: String(typeUrl),
    name: String(json["name"] ?? json["cluster_name"] ?? ""),
    value: toBinary(schema, message),
  };
}

/** Not for Envoy: none of the upstream descriptors has them. */
const forAgents = [NameTableSchema, TrustAnchorsSchema, ProxyConfigSchema];

function messageType(typeUrl: string) {
  const name = typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
  const schema = forAgents.find(({ typeName }) => typeName === name) ?? registry().getMessage(name);
  if (schema === undefined) throw new Error(`unknown message type ${typeUrl}`);
  return schema;
}
