import { AggregatedDiscoveryService } from "@lateen/protos/envoy/service/discovery/v3/ads_pb.js";
import { type Channel, createRawClient, defineRawService, type RpcService } from "@lateen/rpc";
import { inOwnTime } from "./in-own-time.ts";
import { OwnShare, typeUrlOf } from "./own-types.ts";
import type { OwnTraffic } from "./own-types.ts";

export interface RelayOptions {
  /** Resolves once the agent has a certificate. */
  readonly identified: () => Promise<void>;
  /** What the agent itself asks and tells on Envoy's stream. */
  readonly own: OwnTraffic;
  /**
   * Changes an answer with extensions before Envoy gets it. Must not reject. `again` ends the stream, so that Envoy comes
   * back and asks once more.
   */
  readonly extensions: (response: Buffer, stream: { readonly delta: boolean; again(): void }) => Promise<Buffer>;
  opened(): void;
  closed(): void;
}

type Open = (requests: AsyncIterable<Buffer>, ended: AbortSignal) => AsyncIterable<Buffer>;

/**
 * Passes Envoy's xDS stream on to pilot byte for byte, over the agent's mutual TLS; only what is for the agent itself
 * ends here, and extensions get files for their URLs. When pilot goes away the stream ends here too: Envoy keeps what it has, reconnects, and tells the next
 * pilot which versions it holds.
 */
export function createRelay(pilot: Channel, options: RelayOptions): RpcService {
  const client = createRawClient(AggregatedDiscoveryService, pilot);
  return defineRawService(AggregatedDiscoveryService, {
    streamAggregatedResources: (requests, { signal }) => {
      const open: Open = (merged, ended) =>
        client.streamAggregatedResources(merged, { signal: AbortSignal.any([signal, ended]) });
      return relayed(requests, open, { ...options, delta: false });
    },
    deltaAggregatedResources: (requests, { signal }) => {
      const open: Open = (merged, ended) =>
        client.deltaAggregatedResources(merged, { signal: AbortSignal.any([signal, ended]) });
      return relayed(requests, open, { ...options, delta: true });
    },
  });
}

const extensionConfigType = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";

async function* leftOver(responses: AsyncIterable<Buffer>, share: OwnShare): AsyncIterable<Buffer> {
  for await (const response of responses) if (!share.take(response)) yield response;
}

/** A connection keeps the certificate it was opened with, so none is opened before there is one. */
async function* relayed(
  requests: AsyncIterable<Buffer>,
  open: Open,
  options: RelayOptions & { readonly delta: boolean },
): AsyncIterable<Buffer> {
  await options.identified();
  options.opened();
  const share = new OwnShare(options.own, options);
  const renewed = new AbortController();
  try {
    const forEnvoy = leftOver(open(share.merged(requests), renewed.signal), share);
    const { extensions, delta } = options;
    const stream = { delta, again: () => renewed.abort() };
    yield* inOwnTime(forEnvoy, (response) =>
      typeUrlOf(response) === extensionConfigType ? extensions(response, stream) : undefined,
    );
  } catch (error) {
    if (!renewed.signal.aborted) throw error;
  } finally {
    share.close();
    options.closed();
  }
}
