import { AggregatedDiscoveryService } from "@lateen/protos/envoy/service/discovery/v3/ads_pb.js";
import { type Channel, createRawClient, defineRawService, type RpcService } from "@lateen/rpc";

export interface RelayObserver {
  opened(): void;
  closed(): void;
}

/**
 * Passes Envoy's xDS stream on to pilot byte for byte, over the agent's mutual TLS. When pilot goes away the stream ends
 * here too: Envoy keeps what it has, reconnects, and tells the next pilot which versions it holds.
 */
export function createRelay(pilot: Channel, observer: RelayObserver): RpcService {
  const client = createRawClient(AggregatedDiscoveryService, pilot);
  return defineRawService(AggregatedDiscoveryService, {
    streamAggregatedResources: (requests, { signal }) =>
      observed(client.streamAggregatedResources(requests, { signal }), observer),
    deltaAggregatedResources: (requests, { signal }) =>
      observed(client.deltaAggregatedResources(requests, { signal }), observer),
  });
}

async function* observed(responses: AsyncIterable<Buffer>, observer: RelayObserver): AsyncIterable<Buffer> {
  observer.opened();
  try {
    yield* responses;
  } finally {
    observer.closed();
  }
}
