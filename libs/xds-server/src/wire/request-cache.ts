import { BinaryReader } from "@bufbuild/protobuf/wire";
import { decodeDeltaRequest } from "./request.ts";
import type { DeltaRequest } from "./request.ts";

/** Shorter ones are decoded faster than found. */
const smallest = 1_024;
/** Longer ones are not kept: what strangers send must not fill the memory. */
const largest = 1_048_576;
const nodeField = 1;

/**
 * Long requests repeat: proxies of a fleet ask for the same hundreds of names. Of requests with the same bytes after the
 * node, all but the node is the same object. Remembers the last `capacity`.
 */
export class RequestCache {
  readonly #capacity: number;
  readonly #known = new Map<number, { readonly rest: Buffer; readonly request: DeltaRequest }[]>();
  #count = 0;

  constructor(capacity = 64) {
    this.#capacity = capacity;
  }

  /** As `decodeDeltaRequest`. */
  decode(bytes: Buffer): DeltaRequest {
    if (bytes.length < smallest || bytes.length > largest) return decodeDeltaRequest(bytes);
    const { node, rest } = splitNode(bytes);
    const sameLength = this.#known.get(rest.length) ?? [];
    const known = sameLength.find((candidate) => candidate.rest.equals(rest))?.request;
    const request = known ?? decodeDeltaRequest(rest);
    if (known === undefined) this.#remember(rest, request);
    return node === undefined ? request : { ...request, node };
  }

  #remember(rest: Buffer, request: DeltaRequest): void {
    if (this.#count >= this.#capacity) {
      this.#known.clear();
      this.#count = 0;
    }
    this.#count++;
    const entry = { rest: Buffer.from(rest), request };
    this.#known.set(rest.length, [...(this.#known.get(rest.length) ?? []), entry]);
  }
}

/** Clients write fields in order, so the node comes first if it comes at all. */
function splitNode(bytes: Buffer): { readonly node: Uint8Array | undefined; readonly rest: Buffer } {
  try {
    const reader = new BinaryReader(bytes);
    const [field] = reader.tag();
    if (field !== nodeField) return { node: undefined, rest: bytes };
    const node = reader.bytes();
    return { node, rest: bytes.subarray(reader.pos) };
  } catch {
    return { node: undefined, rest: bytes }; // whoever decodes it says what is wrong
  }
}
