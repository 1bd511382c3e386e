import { create } from "@bufbuild/protobuf";
import { NodeSchema } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import { AggregatedDiscoveryService } from "@lateen/protos/envoy/service/discovery/v3/ads_pb.js";
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
} from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import { createClient, openChannel } from "@lateen/rpc";
import { eventually, type NodeIdentity, nodeId } from "@lateen/e2e-harness";

const prefix = "type.googleapis.com/envoy.config.";
export const clusterType = `${prefix}cluster.v3.Cluster`;
export const listenerType = `${prefix}listener.v3.Listener`;
export const routeType = `${prefix}route.v3.RouteConfiguration`;

/** Resource names to versions, by type. */
export type Versions = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** What a client makes of an answer: takes it, refuses it with a reason, or never says anything. */
export type Judgement = "accept" | "silence" | { readonly refuse: string };

/**
 * A delta xDS client without an Envoy: keeps what it is sent, says yes to everything unless told otherwise, and can be
 * asked what came.
 * Subscribes to all clusters and listeners, presenting `known` as what it has already.
 */
export class DeltaClient implements AsyncDisposable {
  /** Every resource that was sent, in order, as `type name`. */
  readonly sent: string[] = [];
  readonly #versions = new Map<string, Map<string, string>>();
  readonly #outbox: DeltaDiscoveryRequest[] = [];
  readonly #abort = new AbortController();
  readonly #judge: (response: DeltaDiscoveryResponse) => Judgement;
  readonly #ended: Promise<void>;
  #wake: () => void = () => {};

  constructor(target: {
    readonly address: string;
    readonly node: NodeIdentity;
    readonly known?: Versions;
    readonly judge?: (response: DeltaDiscoveryResponse) => Judgement;
  }) {
    this.#judge = target.judge ?? (() => "accept");
    const node = create(NodeSchema, {
      id: nodeId(target.node),
      metadata: { NAMESPACE: target.node.namespace, INTERCEPTION_MODE: "NONE" },
    });
    for (const typeUrl of [clusterType, listenerType]) {
      const known = target.known?.get(typeUrl) ?? new Map<string, string>();
      this.#versions.set(typeUrl, new Map(known));
      const first = this.#outbox.length === 0;
      this.#push(
        create(DeltaDiscoveryRequestSchema, {
          typeUrl,
          initialResourceVersions: Object.fromEntries(known),
          ...(first && { node }),
        }),
      );
    }
    this.#ended = this.#run(target.address).catch((error: unknown) => {
      if (!this.#abort.signal.aborted) throw error;
    });
    this.#ended.catch(() => undefined);
  }

  get versions(): Versions {
    return this.#versions;
  }

  /** Waits until a resource whose name matches is there. */
  async has(typeUrl: string, name: RegExp): Promise<void> {
    const isThere = (): boolean => [...(this.#versions.get(typeUrl)?.keys() ?? [])].some((one) => name.test(one));
    await Promise.race([
      eventually(isThere, { what: `${typeUrl} ${String(name)}` }),
      this.#ended.then(() => undefined),
    ]);
    if (!isThere()) throw new Error(`the stream ended before ${String(name)} came`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    this.#wake();
    await this.#ended.catch(() => undefined);
  }

  async #run(address: string): Promise<void> {
    const channel = openChannel(address, { kind: "plaintext" });
    try {
      const client = createClient(AggregatedDiscoveryService, channel);
      for await (const response of client.deltaAggregatedResources(this.#requests(), { signal: this.#abort.signal }))
        this.#take(response);
    } finally {
      channel.close();
    }
  }

  /** Asks for resources by name. */
  subscribe(typeUrl: string, ...names: readonly string[]): void {
    this.#push(create(DeltaDiscoveryRequestSchema, { typeUrl, resourceNamesSubscribe: [...names] }));
  }

  #take(response: DeltaDiscoveryResponse): void {
    const { typeUrl, resources, removedResources, nonce } = response;
    const judgement = this.#judge(response);
    if (judgement === "silence") return;
    if (judgement !== "accept") {
      const errorDetail = { code: 13, message: judgement.refuse };
      this.#push(create(DeltaDiscoveryRequestSchema, { typeUrl, responseNonce: nonce, errorDetail }));
      return;
    }
    const versions = this.#versions.get(typeUrl) ?? new Map<string, string>();
    for (const { name, version } of resources) {
      versions.set(name, version);
      this.sent.push(`${typeUrl.slice(prefix.length)} ${name}`);
    }
    for (const name of removedResources) versions.delete(name);
    this.#push(create(DeltaDiscoveryRequestSchema, { typeUrl, responseNonce: nonce }));
  }

  #push(request: DeltaDiscoveryRequest): void {
    this.#outbox.push(request);
    this.#wake();
  }

  async *#requests(): AsyncIterable<DeltaDiscoveryRequest> {
    while (!this.#abort.signal.aborted) {
      const next = this.#outbox.shift();
      if (next !== undefined) yield next;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
