import { setTimeout as sleep } from "node:timers/promises";
import { create, fromBinary, toJson } from "@bufbuild/protobuf";
import type { JsonObject } from "@bufbuild/protobuf";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import { AggregatedDiscoveryService } from "@lateen/protos/envoy/service/discovery/v3/ads_pb.js";
import { DeltaDiscoveryRequestSchema } from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
} from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import { type Channel, createClient, RpcCode } from "@lateen/rpc";

/** A type that pilot takes for a question: it is answered once, and who asks is no proxy yet. */
const typeUrl = "lateen.io/bootstrap-patches";
const pauseMs = 250;

export interface PatchQuestions {
  /** As the bootstrap has it. */
  readonly node: { readonly id: string; readonly cluster: string; readonly metadata: JsonObject };
  /** Resolves once the agent has a certificate. */
  readonly identified: () => Promise<void>;
}

interface Question {
  readonly names?: readonly string[];
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

interface Answer {
  readonly names: readonly string[];
  readonly value: string;
}

/** Asks pilot what EnvoyFilters change of the bootstrap of this agent's Envoy. */
export function askForPatches(pilot: Channel, { node, identified }: PatchQuestions) {
  const client = createClient(AggregatedDiscoveryService, pilot);
  const send = async (
    names: readonly string[],
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal; readonly problem?: string },
  ): Promise<DeltaDiscoveryResponse | undefined> => {
    const { problem, ...call } = options;
    const request = create(DeltaDiscoveryRequestSchema, {
      typeUrl,
      node,
      resourceNamesSubscribe: [...names],
      ...(problem !== undefined && { errorDetail: { code: RpcCode.INVALID_ARGUMENT, message: problem } }),
    });
    for await (const response of client.deltaAggregatedResources(once(request), call)) return response;
    return undefined;
  };
  return {
    /** Again and again until the time is over, or the signal aborts: then undefined. */
    async ask({ names = [], waitMs, signal }: Question): Promise<Answer | undefined> {
      const endMs = performance.now() + waitMs;
      const isIdentified = await Promise.race([identified().then(() => true), pause(waitMs, signal).then(() => false)]);
      if (!isIdentified) return undefined; // a timer may end early: time that is left does not say so
      for (let leftMs = endMs - performance.now(); leftMs > 0 && !signal.aborted; leftMs = endMs - performance.now()) {
        const response = await send(names, { timeoutMs: Math.ceil(leftMs), signal }).catch(() => undefined);
        if (response !== undefined) return answerIn(response);
        await pause(Math.min(pauseMs, leftMs), signal);
      }
      return undefined;
    },
    async report(names: readonly string[], problem: string): Promise<void> {
      await send(names, { timeoutMs: 2_000, problem }).catch(() => undefined);
    },
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { ref: false, signal }).catch(() => undefined);
}

async function* once(request: DeltaDiscoveryRequest): AsyncIterable<DeltaDiscoveryRequest> {
  yield request;
}

function answerIn({ resources: [first] }: DeltaDiscoveryResponse): Answer {
  if (first?.resource === undefined) return { names: [], value: "{}" };
  const value = toJson(StructSchema, fromBinary(StructSchema, first.resource.value));
  return { names: first.name.split(","), value: JSON.stringify(value) };
}
