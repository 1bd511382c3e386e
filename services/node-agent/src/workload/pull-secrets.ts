import { create, fromBinary } from "@bufbuild/protobuf";
import { BytesValueSchema } from "@bufbuild/protobuf/wkt";
import { AggregatedDiscoveryService } from "@lateen/protos/envoy/service/discovery/v3/ads_pb.js";
import { DeltaDiscoveryRequestSchema } from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import { type Channel, createClient } from "@lateen/rpc";
import type { PatchQuestions } from "./bootstrap-patches.ts";

/** A type that pilot takes for a question: it is answered once. */
const typeUrl = "lateen.io/pull-secret";
const timeoutMs = 10_000;

/** Asks pilot for the credentials of that name, as a Docker configuration. Rejects with pilot's reason; keeps nothing. */
export function askForPullSecret(pilot: Channel, { node }: Pick<PatchQuestions, "node">) {
  const client = createClient(AggregatedDiscoveryService, pilot);
  return async (name: string): Promise<string> => {
    const request = create(DeltaDiscoveryRequestSchema, { typeUrl, node, resourceNamesSubscribe: [name] });
    const once = (async function* () {
      yield request;
    })();
    for await (const { resources } of client.deltaAggregatedResources(once, { timeoutMs })) {
      const [answer] = resources;
      if (answer?.resource === undefined) break;
      return Buffer.from(fromBinary(BytesValueSchema, answer.resource.value).value).toString("utf8");
    }
    throw new Error(`pilot gives no credentials for ${name}`);
  };
}
