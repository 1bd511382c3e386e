import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import type { DescFile, DescMessage, Registry } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import * as wellKnown from "@bufbuild/protobuf/wkt";
import { files } from "../gen/types/files_pb.js";

/**
 * Every message type of the descriptors by its name, for what an Any may hold. Costs nothing until it is asked; then
 * only the file of that type and what the file imports are read, once.
 */
export const messageTypes: Registry & { namesBelow(scope: string): readonly string[] } = {
  kind: "registry",
  /** By full name: `envoy.extensions.filters.http.lua.v3.Lua`. */
  getMessage: messageType,
  get: messageType,
  getEnum: () => undefined,
  getExtension: () => undefined,
  getExtensionFor: () => undefined,
  getService: () => undefined,
  [Symbol.iterator]: () => [][Symbol.iterator](),
  /** Full names of the messages in files below this package: `envoy.extensions`. */
  namesBelow: (scope) => files.flatMap(([, names]) => names.filter((name) => name.startsWith(`${scope}.`))),
};

const google: ReadonlyMap<string, DescFile> = new Map(
  Object.values(wellKnown)
    .filter((value): value is DescFile => typeof value === "object" && "kind" in value && value.kind === "file")
    .map((file) => [`${file.name}.proto`, file]),
);

let byMessage: ReadonlyMap<string, string> | undefined;
let byPath: ReadonlyMap<string, string> | undefined;
const loaded = new Map<string, DescFile | undefined>();
const messages = new Map<string, DescMessage | undefined>();

function messageType(name: string): DescMessage | undefined {
  if (messages.has(name)) return messages.get(name);
  const found = findMessage(name);
  messages.set(name, found);
  return found;
}

function findMessage(name: string): DescMessage | undefined {
  byMessage ??= new Map(files.flatMap(([path, names]) => names.map((message) => [message, path] as const)));
  for (const file of name.startsWith("google.protobuf.") ? google.values() : []) {
    const message = file.messages.find(({ typeName }) => typeName === name);
    if (message !== undefined) return message;
  }
  const [outer, path] = outerOf(name, byMessage) ?? [];
  const file = path === undefined ? undefined : fileAt(path);
  return outer === undefined || file === undefined ? undefined : within(file.messages, name);
}

/** The top-level message that is `name` or holds it, and its file. */
function outerOf(name: string, paths: ReadonlyMap<string, string>): readonly [string, string] | undefined {
  for (let end = name.length; end > 0; end = name.lastIndexOf(".", end - 1)) {
    const outer = name.slice(0, end);
    const path = paths.get(outer);
    if (path !== undefined) return [outer, path];
  }
  return undefined;
}

function within(candidates: readonly DescMessage[], name: string): DescMessage | undefined {
  for (const candidate of candidates) {
    if (candidate.typeName === name) return candidate;
    if (name.startsWith(`${candidate.typeName}.`)) return within(candidate.nestedMessages, name);
  }
  return undefined;
}

function fileAt(path: string): DescFile | undefined {
  const known = google.get(path) ?? loaded.get(path);
  if (known !== undefined) return known;
  byPath ??= new Map(files.map(([each, , descriptor]) => [each, descriptor]));
  const descriptor = byPath.get(path);
  if (descriptor === undefined) return undefined;
  const proto = fromBinary(wellKnown.FileDescriptorProtoSchema, base64Decode(descriptor));
  const file = createFileRegistry(proto, fileAt).getFile(path);
  loaded.set(path, file);
  return file;
}
