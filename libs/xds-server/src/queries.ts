import { create, toBinary } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  DeltaDiscoveryResponseSchema,
  DiscoveryResponseSchema,
} from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import type { ConnectedProxy } from "./proxy.ts";

/** A question that is answered once, asked as if it were a resource: about the control plane itself, or before a proxy runs. */
export interface Query {
  readonly typeUrl: string;
  readonly names: readonly string[];
  /** Who asks; not necessarily a proxy. */
  readonly asker: ConnectedProxy;
  /** What the asker has against an answer it got. */
  readonly problem?: string;
}

export interface Answer {
  readonly name: string;
  readonly resource: Any;
}

/** Types that are questions. Who asks one first on a stream is no proxy, whatever its node says. */
export interface QuerySource {
  /** What answers say of who gave them: `control_plane.identifier`. */
  readonly identifier: string;
  handles(typeUrl: string): boolean;
  /** Decides, too, whether the asker may know; throws RpcError to end the stream. */
  answer(query: Query): Promise<readonly Answer[]>;
}

export interface QueryRequest {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly names: readonly string[];
  readonly problem?: string;
}

/** Each of `sources` for its own types; they answer under the name of the first. */
export function queriesOf(first: QuerySource, ...others: readonly QuerySource[]): QuerySource {
  const sourceOf = (typeUrl: string): QuerySource | undefined =>
    [first, ...others].find((source) => source.handles(typeUrl));
  return {
    identifier: first.identifier,
    handles: (typeUrl) => sourceOf(typeUrl) !== undefined,
    answer: async (query) => (await sourceOf(query.typeUrl)?.answer(query)) ?? [],
  };
}

/** The questions of one stream. Each is answered once, with what is so now; an acknowledgement asks nothing. */
export class QueryAnswerer {
  readonly #source: QuerySource;
  readonly #asker: ConnectedProxy;
  readonly #nonces = new Map<string, string>();
  #count = 0;

  constructor(source: QuerySource, asker: ConnectedProxy) {
    this.#source = source;
    this.#asker = asker;
  }

  async answer({ typeUrl, nonce, names, problem }: QueryRequest): Promise<Buffer | undefined> {
    if (nonce !== "" && this.#nonces.get(typeUrl) === nonce) return undefined;
    const query = { typeUrl, names, asker: this.#asker, ...(problem !== undefined && { problem }) };
    const answers = await this.#source.answer(query);
    const answerNonce = `${this.#asker.connectionId}-q${++this.#count}`;
    this.#nonces.set(typeUrl, answerNonce);
    return this.#encode(typeUrl, answerNonce, answers);
  }

  #encode(typeUrl: string, nonce: string, answers: readonly Answer[]): Buffer {
    const common = { typeUrl, nonce, controlPlane: { identifier: this.#source.identifier } };
    const bytes = this.#asker.delta
      ? toBinary(
          DeltaDiscoveryResponseSchema,
          create(DeltaDiscoveryResponseSchema, {
            ...common,
            resources: answers.map(({ name, resource }) => ({ name, resource })),
          }),
        )
      : toBinary(
          DiscoveryResponseSchema,
          create(DiscoveryResponseSchema, { ...common, resources: answers.map(({ resource }) => resource) }),
        );
    return Buffer.from(bytes);
  }
}
