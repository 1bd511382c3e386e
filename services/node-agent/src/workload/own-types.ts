import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import { RpcCode } from "@lateen/rpc";
import { OwnRequests } from "./own-requests.ts";

/** A type of resource that is for the agent: Envoy never sees it. */
export interface OwnType {
  readonly typeUrl: string;
  /** Every resource there is, encoded. Throws to refuse it. */
  received(resources: readonly Uint8Array[]): void;
}

/** What the agent tells pilot besides: its type, and what is wrong, if anything is. */
export interface Announcement {
  readonly typeUrl: string;
  readonly problem?: string;
}

export interface Announcements {
  /** Undefined while there is nothing to say. */
  current(): Announcement | undefined;
  /** Returns how to stop listening. */
  onChange(listener: () => void): () => void;
}

export interface OwnTraffic {
  readonly types: readonly OwnType[];
  readonly announcements?: Announcements;
}

/** The agent's share of one of Envoy's streams, in its flavour. */
export class OwnShare {
  readonly #traffic: OwnTraffic;
  readonly #delta: boolean;
  readonly #requests = new OwnRequests();
  readonly #stop: () => void;

  constructor(traffic: OwnTraffic, { delta }: { delta: boolean }) {
    this.#traffic = traffic;
    this.#delta = delta;
    for (const { typeUrl } of traffic.types) this.#ask({ typeUrl });
    const { announcements } = traffic;
    const announce = (): void => {
      const said = announcements?.current();
      if (said !== undefined) this.#ask(said);
    };
    announce();
    this.#stop = announcements?.onChange(announce) ?? (() => undefined);
  }

  merged(requests: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
    return this.#requests.mergedInto(requests);
  }

  /** Takes a response that is for the agent, and answers it; false for one of Envoy's. */
  take(response: Buffer): boolean {
    const { types } = this.#traffic;
    if (types.length === 0) return false;
    const typeUrl = typeUrlOf(response);
    const own = types.find((type) => type.typeUrl === typeUrl);
    if (own === undefined) return false;
    const { nonce, version, resources } = this.#delta ? readDelta(response) : readSotw(response);
    try {
      own.received(resources);
      this.#ask({ typeUrl, nonce, version });
    } catch (error) {
      this.#ask({ typeUrl, nonce, problem: error instanceof Error ? error.message : String(error) });
    }
    return true;
  }

  close(): void {
    this.#stop();
  }

  #ask({
    typeUrl,
    nonce = "",
    version = "",
    problem,
  }: {
    readonly typeUrl: string;
    readonly nonce?: string;
    readonly version?: string;
    readonly problem?: string;
  }): void {
    const common = {
      typeUrl,
      responseNonce: nonce,
      ...(problem === undefined ? {} : { errorDetail: { code: RpcCode.INTERNAL, message: problem } }),
    };
    const bytes = this.#delta
      ? toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, common))
      : toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, { ...common, versionInfo: version }));
    this.#requests.push(Buffer.from(bytes));
  }
}

interface Received {
  readonly nonce: string;
  readonly version: string;
  readonly resources: readonly Uint8Array[];
}

function readDelta(bytes: Buffer): Received {
  const { nonce, resources } = fromBinary(DeltaDiscoveryResponseSchema, bytes);
  return { nonce, version: "", resources: resources.flatMap(({ resource }) => resource?.value ?? []) };
}

function readSotw(bytes: Buffer): Received {
  const { nonce, versionInfo, resources } = fromBinary(DiscoveryResponseSchema, bytes);
  return { nonce, version: versionInfo, resources: resources.map(({ value }) => value) };
}

/** Field 4 of a response of either flavour, without reading the rest. */
export function typeUrlOf(bytes: Buffer): string {
  const typeUrlField = 4;
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === typeUrlField && wireType === WireType.LengthDelimited) return reader.string();
    reader.skip(wireType);
  }
  return "";
}
