import { AggregatedDiscoveryService } from "@lateen/protos/envoy/service/discovery/v3/ads_pb.js";
import { type Channel, createRawClient, defineRawService, type RpcService } from "@lateen/rpc";

export interface RelayObserver {
  opened(): void;
  closed(): void;
}

/**
 * Passes Envoy's xDS stream on to pilot byte for byte, over the agent's mutual TLS. When pilot goes away the stream ends
 * here too: Envoy keeps what it has, reconnects, and tells the next pilot which versions it holds. `identified` resolves
 * once the agent has a certificate.
 */
export function createRelay(pilot: Channel, identified: () => Promise<void>, observer: RelayObserver): RpcService {
  const client = createRawClient(AggregatedDiscoveryService, pilot);
  return defineRawService(AggregatedDiscoveryService, {
    streamAggregatedResources: (requests, { signal }) =>
      relayed(() => client.streamAggregatedResources(requests, { signal }), identified, observer),
    deltaAggregatedResources: (requests, { signal }) =>
      relayed(() => client.deltaAggregatedResources(requests, { signal }), identified, observer),
  });
}

/** A connection keeps the certificate it was opened with, so none is opened before there is one. */
async function* relayed(
  open: () => AsyncIterable<Buffer>,
  identified: () => Promise<void>,
  observer: RelayObserver,
): AsyncIterable<Buffer> {
  await identified();
  observer.opened();
  try {
    yield* open();
  } finally {
    observer.closed();
  }
}
