import type { DescField, DescMessage, Registry } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

const anyType = "google.protobuf.Any";
const anyField = { typeUrl: 1, value: 2 } as const;

interface Chunk {
  readonly number: number;
  readonly bytes: Uint8Array;
}

/**
 * The same message in the order in which Go's deterministic encoding writes it: istioctl reads Envoy's dump from JSON,
 * encodes it, and compares the bytes inside each Any with ours.
 * https://github.com/protocolbuffers/protobuf-go/blob/v1.36.11/internal/order/order.go
 */
export function canonical(schema: DescMessage, encoded: Uint8Array, types: Registry): Uint8Array {
  if (schema.typeName === anyType) return canonicalAny(encoded, types);
  const chunks = chunksOf(schema, encoded, types);
  const rank = ranks(schema);
  chunks.sort((left, right) => (rank.get(left.number) ?? Infinity) - (rank.get(right.number) ?? Infinity) || 0);
  return Buffer.concat(sortMaps(schema, chunks).map(({ bytes }) => bytes));
}

/** Plain fields by number, then oneofs as they are declared; unknown ones stay last. */
function ranks(schema: DescMessage): ReadonlyMap<number, number> {
  const plain = schema.fields.filter(({ oneof }) => oneof === undefined);
  const inOneofs = schema.oneofs.flatMap(({ fields }) => [...fields].sort(byNumber));
  return new Map([...plain.sort(byNumber), ...inOneofs].map(({ number }, index) => [number, index]));
}

function byNumber(left: DescField, right: DescField): number {
  return left.number - right.number;
}

function chunksOf(schema: DescMessage, encoded: Uint8Array, types: Registry): Chunk[] {
  const fields = new Map(schema.fields.map((field) => [field.number, field]));
  const chunks: Chunk[] = [];
  const reader = new BinaryReader(encoded);
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, wireType] = reader.tag();
    const inner = messageOf(fields.get(number));
    if (inner !== undefined && wireType === WireType.LengthDelimited) {
      const bytes = inner(reader.bytes(), types);
      chunks.push({ number, bytes: new BinaryWriter().tag(number, wireType).bytes(bytes).finish() });
    } else {
      reader.skip(wireType, number);
      chunks.push({ number, bytes: encoded.subarray(start, reader.pos) });
    }
  }
  return chunks;
}

/** How to put what a field holds in order; undefined for one that holds no message. */
function messageOf(field: DescField | undefined): ((bytes: Uint8Array, types: Registry) => Uint8Array) | undefined {
  if (field === undefined) return undefined;
  if (field.fieldKind === "map") {
    const { message } = field;
    return message && ((bytes, types) => canonicalEntry(message, bytes, types));
  }
  const { message } = field;
  return message && ((bytes, types) => canonical(message, bytes, types));
}

/** A map's entry: key, then value, which is there even when it is empty. */
function canonicalEntry(value: DescMessage, encoded: Uint8Array, types: Registry): Uint8Array {
  const reader = new BinaryReader(encoded);
  const parts: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, wireType] = reader.tag();
    if (number === 2) {
      const bytes = canonical(value, reader.bytes(), types);
      parts.push(new BinaryWriter().tag(number, wireType).bytes(bytes).finish());
    } else {
      reader.skip(wireType, number);
      parts.push(encoded.subarray(start, reader.pos));
    }
  }
  return Buffer.concat(parts);
}

/** Entries of a map by key. Keys here are text; their bytes sort as they do. */
function sortMaps(schema: DescMessage, chunks: readonly Chunk[]): readonly Chunk[] {
  const maps = new Set(schema.fields.filter(({ fieldKind }) => fieldKind === "map").map(({ number }) => number));
  if (maps.size === 0) return chunks;
  const sorted: Chunk[] = [];
  for (let at = 0; at < chunks.length; ) {
    const { number } = chunks[at] as Chunk;
    const end = chunks.findIndex((chunk, index) => index > at && chunk.number !== number);
    const run = chunks.slice(at, end < 0 ? chunks.length : end);
    sorted.push(...(maps.has(number) ? run.sort(byKey) : run));
    at += run.length;
  }
  return sorted;
}

function byKey(left: Chunk, right: Chunk): number {
  return Buffer.compare(keyOf(left), keyOf(right));
}

function keyOf({ bytes }: Chunk): Uint8Array {
  const entry = new BinaryReader(bytes);
  entry.tag();
  const reader = new BinaryReader(entry.bytes());
  const [number] = reader.tag();
  return number === 1 ? reader.bytes() : new Uint8Array();
}

function canonicalAny(encoded: Uint8Array, types: Registry): Uint8Array {
  const reader = new BinaryReader(encoded);
  let [typeUrl, value] = ["", new Uint8Array()];
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number === anyField.typeUrl) typeUrl = reader.string();
    else if (number === anyField.value) value = new Uint8Array(reader.bytes());
    else reader.skip(wireType, number);
  }
  const schema = types.getMessage(typeUrl.slice(typeUrl.lastIndexOf("/") + 1));
  const ordered = schema === undefined ? value : canonical(schema, value, types);
  const writer = new BinaryWriter().tag(anyField.typeUrl, WireType.LengthDelimited).string(typeUrl);
  if (ordered.length > 0) writer.tag(anyField.value, WireType.LengthDelimited).bytes(ordered);
  return writer.finish();
}
