import { create } from "@bufbuild/protobuf";
import { AggregatedDiscoveryService } from "@lateen/protos/envoy/service/discovery/v3/ads_pb.js";
import { DeltaDiscoveryRequestSchema } from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
} from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import { createClient } from "@lateen/rpc";
import type { Channel } from "@lateen/rpc";
import { clusterType, endpointType, listenerType, routeType, shortTypeName } from "@lateen/xds-server";

export interface AdsClientOptions {
  readonly id: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Sent with the call, e.g. `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Reasons to refuse a response. */
  readonly refuse?: (typeUrl: string, response: DeltaDiscoveryResponse) => string | undefined;
  /** Held back until the test says so. */
  readonly acknowledge?: (typeUrl: string) => Promise<void>;
}

/** A proxy without an Envoy: subscribes to everything over delta ADS, acknowledges, and keeps what it got. */
export class AdsClient {
  /** Versions by name, by short type. */
  readonly held: Record<string, Map<string, string>> = {
    CDS: new Map(),
    EDS: new Map(),
    LDS: new Map(),
    RDS: new Map(),
  };
  readonly bytes = new Map<string, Uint8Array>();
  /** Short type names in the order of arrival, with what came. */
  readonly received: string[] = [];
  readonly ended: Promise<unknown>;
  readonly #abort = new AbortController();
  readonly #outbox: DeltaDiscoveryRequest[] = [];
  readonly #options: AdsClientOptions;
  #wake = (): void => {};

  constructor(channel: Channel, options: AdsClientOptions) {
    this.#options = options;
    const { id, metadata = {}, headers = {} } = options;
    for (const typeUrl of [clusterType, listenerType]) this.#send({ typeUrl, node: { id, metadata } });
    this.ended = this.#run(channel, headers).then(
      () => undefined,
      (error: unknown) => error,
    );
  }

  get id(): string {
    return this.#options.id;
  }

  close(): Promise<unknown> {
    this.#abort.abort();
    this.#wake();
    return this.ended;
  }

  subscribe(typeUrl: string, ...names: string[]): void {
    this.#send({ typeUrl, resourceNamesSubscribe: names });
  }

  #send(init: object): void {
    this.#outbox.push(create(DeltaDiscoveryRequestSchema, init));
    this.#wake();
  }

  async *#requests(): AsyncGenerator<DeltaDiscoveryRequest> {
    while (!this.#abort.signal.aborted) {
      const next = this.#outbox.shift();
      if (next !== undefined) yield next;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  async #run(channel: Channel, metadata: Readonly<Record<string, string>>): Promise<void> {
    const client = createClient(AggregatedDiscoveryService, channel);
    const call = client.deltaAggregatedResources(this.#requests(), { signal: this.#abort.signal, metadata });
    for await (const response of call) {
      const { typeUrl, nonce: responseNonce } = response;
      const message = this.#options.refuse?.(typeUrl, response);
      if (message === undefined) this.#take(response);
      await this.#options.acknowledge?.(typeUrl);
      this.#send({ typeUrl, responseNonce, ...(message === undefined ? {} : { errorDetail: { code: 13, message } }) });
    }
  }

  #take({ typeUrl, resources, removedResources }: DeltaDiscoveryResponse): void {
    const type = shortTypeName(typeUrl);
    this.held[type] ??= new Map();
    const held = this.held[type];
    for (const { name, version, resource } of resources) {
      held.set(name, version);
      this.bytes.set(`${type} ${name}`, resource?.value ?? new Uint8Array());
    }
    for (const name of removedResources) held.delete(name);
    this.received.push(
      [type, ...resources.map(({ name }) => name), ...removedResources.map((name) => `-${name}`)].join(" "),
    );
    if (type === "CDS")
      this.subscribe(endpointType, ...resources.map(({ name }) => name).filter((name) => name.startsWith("outbound|")));
    if (type === "LDS") this.subscribe(routeType, "80");
  }
}
