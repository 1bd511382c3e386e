import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { RawMessage } from "@lateen/rpc";
import { memo } from "../memo.ts";
import { layersOf } from "../layered.ts";
import type { Resource, ResourceMap } from "../resource.ts";
import { runsOf } from "../runs.ts";
import { SharedBodies } from "./shared-bodies.ts";

export interface ResponseHead {
  readonly typeUrl: string;
  readonly nonce: string;
  /** What proxies show as the version: the revision of the mesh. */
  readonly version: string;
}

/**
 * Writes discovery responses around resources that are encoded already. What is the same for all proxies with the
 * same resources is made once and kept as long as those resources are.
 */
export class ResponseEncoder {
  readonly #sotwBodies: SharedBodies;
  readonly #deltaBodies: SharedBodies;
  readonly #sotwPrefixes = new WeakMap<Resource, Buffer>();
  readonly #deltaPrefixes = new WeakMap<Resource, Buffer>();

  /** `bodyBytes`: of each flavour, for bodies that many get. */
  constructor(options: { readonly bodyBytes?: number } = {}) {
    this.#sotwBodies = new SharedBodies(options.bodyBytes);
    this.#deltaBodies = new SharedBodies(options.bodyBytes);
  }

  /** An envoy.service.discovery.v3.DiscoveryResponse. */
  sotw(head: ResponseHead, resources: readonly Resource[] | ResourceMap): RawMessage {
    const runs = Array.isArray(resources) ? runsOf(resources) : layersOf(resources as ResourceMap);
    const body = runs.flatMap((run) =>
      this.#sotwBodies.partsOf(run, () => partsOf(run.values(), this.#sotwPrefixes, sotwPrefix)),
    );
    return new Parts(sotwHead(head), body);
  }

  /** An envoy.service.discovery.v3.DeltaDiscoveryResponse. */
  delta(head: ResponseHead, changed: readonly Resource[], removed: readonly string[]): RawMessage {
    const body = runsOf(changed).flatMap((run) =>
      this.#deltaBodies.partsOf(run, () => partsOf(run, this.#deltaPrefixes, deltaPrefix)),
    );
    return new Parts(deltaHead(head, removed), body);
  }
}

/** More are joined where the message is sent from: writing each of them would cost more than a copy. */
const mostPieces = 16;

class Parts implements RawMessage {
  readonly byteLength: number;
  readonly #head: Uint8Array;
  readonly #body: readonly Buffer[];

  constructor(head: Uint8Array, body: readonly Buffer[]) {
    this.#head = head;
    this.#body = body;
    this.byteLength = body.reduce((length, part) => length + part.length, head.length);
  }

  get pieces(): readonly Uint8Array[] | undefined {
    return this.#body.length < mostPieces ? [this.#head, ...this.#body] : undefined;
  }

  copy(target: Buffer, at: number): void {
    target.set(this.#head, at);
    let next = at + this.#head.length;
    for (const part of this.#body) {
      target.set(part, next);
      next += part.length;
    }
  }
}

/** Each resource's bytes behind what says whose they are. */
function partsOf(
  resources: Iterable<Resource>,
  prefixes: WeakMap<Resource, Buffer>,
  prefix: (resource: Resource) => Buffer,
): readonly Buffer[] {
  const parts: Buffer[] = [];
  for (const resource of resources) parts.push(memo(prefixes, resource, prefix), resource.any);
  return parts;
}

// Field numbers: envoy/service/discovery/v3/discovery.proto
const sotwField = { versionInfo: 1, resources: 2, typeUrl: 4, nonce: 5 } as const;
const deltaField = { systemVersionInfo: 1, resources: 2, typeUrl: 4, nonce: 5, removedResources: 6 } as const;
const resourceField = { version: 1, resource: 2, name: 3 } as const;

function sotwHead({ version, typeUrl, nonce }: ResponseHead): Uint8Array {
  return new BinaryWriter()
    .tag(sotwField.versionInfo, WireType.LengthDelimited)
    .string(version)
    .tag(sotwField.typeUrl, WireType.LengthDelimited)
    .string(typeUrl)
    .tag(sotwField.nonce, WireType.LengthDelimited)
    .string(nonce)
    .finish();
}

function deltaHead({ version, typeUrl, nonce }: ResponseHead, removed: readonly string[]): Uint8Array {
  const writer = new BinaryWriter()
    .tag(deltaField.systemVersionInfo, WireType.LengthDelimited)
    .string(version)
    .tag(deltaField.typeUrl, WireType.LengthDelimited)
    .string(typeUrl)
    .tag(deltaField.nonce, WireType.LengthDelimited)
    .string(nonce);
  for (const name of removed) writer.tag(deltaField.removedResources, WireType.LengthDelimited).string(name);
  return writer.finish();
}

/** The field's tag and length; the Any follows. */
function sotwPrefix({ any }: Resource): Buffer {
  return Buffer.from(new BinaryWriter().tag(sotwField.resources, WireType.LengthDelimited).uint32(any.length).finish());
}

/** A Resource but for its Any, which follows: fields may come in any order, so the long one comes last. */
function deltaPrefix({ name, version, any }: Resource): Buffer {
  const inner = new BinaryWriter()
    .tag(resourceField.name, WireType.LengthDelimited)
    .string(name)
    .tag(resourceField.version, WireType.LengthDelimited)
    .string(version)
    .tag(resourceField.resource, WireType.LengthDelimited)
    .uint32(any.length)
    .finish();
  const outer = new BinaryWriter()
    .tag(deltaField.resources, WireType.LengthDelimited)
    .uint32(inner.length + any.length)
    .finish();
  return Buffer.concat([outer, inner]);
}
