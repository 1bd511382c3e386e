import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Message } from "@bufbuild/protobuf";
import type { MeshObject, ObjectState } from "@lateen/model";
import { ConfigObjectSchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import type { ConfigObject, ObjectState as StoredState } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import { kindOf } from "./kinds/registry.ts";

/** The form an object has in the mesh store. Equal objects give equal bytes. Takes only what `decodeObject` made. */
export function toConfigObject(object: MeshObject<Message>): ConfigObject {
  const definition = kindOf(object.apiVersion, object.kind);
  if (!definition) throw new TypeError(`${object.apiVersion} ${object.kind} has no store form`);
  const { meta, origin } = object;
  return create(ConfigObjectSchema, {
    apiVersion: object.apiVersion,
    kind: object.kind,
    namespace: meta.namespace,
    name: meta.name,
    labels: { ...meta.labels },
    annotations: { ...meta.annotations },
    createdAtMs: BigInt(Math.trunc(meta.createdAtMs)),
    generation: BigInt(meta.generation),
    spec: toBinary(definition.schema, object.spec),
    origin: { file: origin.file ?? "", line: origin.line ?? 0 },
    ...(object.state === undefined ? {} : { state: toStoredState(object.state) }),
  });
}

/** The object, or undefined where the kind is not known to this version or its bytes cannot be read. */
export function fromConfigObject(entry: ConfigObject): MeshObject<Message> | undefined {
  const definition = kindOf(entry.apiVersion, entry.kind);
  if (!definition) return undefined;
  const { kind, namespace, name, apiVersion } = entry;
  try {
    const spec = fromBinary(definition.schema, entry.spec);
    const meta = {
      namespace,
      name,
      labels: entry.labels,
      annotations: entry.annotations,
      createdAtMs: Number(entry.createdAtMs),
      generation: Number(entry.generation),
    };
    const file = entry.origin?.file ?? "";
    const line = entry.origin?.line ?? 0;
    const origin = { kind, namespace, name, ...(file === "" ? {} : { file }), ...(line === 0 ? {} : { line }) };
    const state = entry.state === undefined ? {} : { state: fromStoredState(entry.state) };
    return { apiVersion, kind, meta, spec, ...state, origin };
  } catch {
    return undefined;
  }
}

function toStoredState({ healthy, addresses = [], ownNamespaceOnly }: ObjectState) {
  return {
    ...(healthy === undefined ? {} : { healthy }),
    addresses: addresses.map(({ host, address }) => ({ host, address })),
    ownNamespaceOnly: ownNamespaceOnly === true,
  };
}

function fromStoredState({ healthy, addresses, ownNamespaceOnly }: StoredState): ObjectState {
  return {
    ...(healthy === undefined ? {} : { healthy }),
    ...(addresses.length === 0 ? {} : { addresses: addresses.map(({ host, address }) => ({ host, address })) }),
    ...(ownNamespaceOnly ? { ownNamespaceOnly } : {}),
  };
}
