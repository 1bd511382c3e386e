import { create } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import {
  type DiscoveryRequest,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import { AggregatedDiscoveryService } from "@lateen/protos/envoy/service/discovery/v3/ads_pb.js";
import { SecretDiscoveryService } from "@lateen/protos/envoy/service/secret/v3/sds_pb.js";
import { createGrpcServer, defineService, RpcCode, RpcError } from "@lateen/rpc";

export interface StaticResource {
  readonly typeUrl: string;
  readonly name: string;
  readonly value: Uint8Array;
}

export type EnvoyNode = NonNullable<DiscoveryRequest["node"]>;

/** What a client said to each answer. */
export interface Verdict {
  readonly typeUrl: string;
  /** Envoy's reason, when it refused. */
  readonly refused?: string;
}

/** Resources that an Envoy asks for by name; others come all at once. */
const namedTypes = /\.(ClusterLoadAssignment|RouteConfiguration|Secret|TypedExtensionConfig)$/;

/**
 * The smallest state-of-the-world xDS server that an Envoy is content with: a fixed set, one answer a subscription.
 * On purpose not the product's: it shows that the resources alone are right. Serves secrets on the same port.
 */
export class StaticAds implements AsyncDisposable {
  readonly port: number;
  readonly verdicts: Verdict[] = [];
  /** What the client said of itself. */
  node: EnvoyNode | undefined;
  /** Types that were asked for and whose last answer has no verdict yet. */
  readonly pending = new Set<string>();
  readonly #close: () => Promise<void>;

  private constructor(port: number, close: () => Promise<void>) {
    this.port = port;
    this.#close = close;
  }

  static async start(resources: readonly StaticResource[]): Promise<StaticAds> {
    let self: StaticAds | undefined;
    const stream = async function* (requests: AsyncIterable<DiscoveryRequest>): AsyncIterable<DiscoveryResponse> {
      if (self !== undefined) yield* answer(requests, resources, self);
    };
    const refuse = (): never => {
      throw new RpcError(RpcCode.UNIMPLEMENTED, "this server speaks state-of-the-world streams only");
    };
    const server = createGrpcServer({
      services: [
        defineService(AggregatedDiscoveryService, {
          streamAggregatedResources: stream,
          deltaAggregatedResources: refuse,
        }),
        defineService(SecretDiscoveryService, { streamSecrets: stream, deltaSecrets: refuse, fetchSecrets: refuse }),
      ],
    });
    const { port } = await server.listen({ address: "127.0.0.1:0" });
    self = new StaticAds(port, () => server.close(100));
    return self;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

async function* answer(
  requests: AsyncIterable<DiscoveryRequest>,
  resources: readonly StaticResource[],
  server: StaticAds,
): AsyncIterable<DiscoveryResponse> {
  const asked = new Map<string, string>();
  let nonce = 0;
  for await (const { node, typeUrl, resourceNames, responseNonce, errorDetail } of requests) {
    server.node ??= node;
    if (responseNonce !== "") {
      server.pending.delete(typeUrl);
      server.verdicts.push({ typeUrl, ...(errorDetail !== undefined && { refused: errorDetail.message }) });
    }
    const names = [...resourceNames].sort().join("\n");
    if (asked.get(typeUrl) === names) continue;
    asked.set(typeUrl, names);
    server.pending.add(typeUrl);
    const wanted = resources.filter(
      (resource) =>
        resource.typeUrl === typeUrl && (!namedTypes.test(typeUrl) || resourceNames.includes(resource.name)),
    );
    nonce += 1;
    yield create(DiscoveryResponseSchema, {
      typeUrl,
      nonce: String(nonce),
      versionInfo: String(nonce),
      resources: wanted.map(({ value }) => create(AnySchema, { typeUrl, value })),
    });
  }
}
