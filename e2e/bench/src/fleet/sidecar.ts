import type { ClientDuplexStream } from "@grpc/grpc-js";
import type { Channel } from "@lateen/rpc";
import { type Answer, encodeAck, encodeRequest, readAnswer, routeNames, type Type, types } from "./wire.ts";
import type { Pod } from "./mesh.ts";
import { clockMs } from "./remote.ts";

const path = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const same = (bytes: Buffer): Buffer => bytes;

/** What its proxy already has, by type: name and version. */
export type Held = Readonly<Partial<Record<Type, Readonly<Record<string, string>>>>>;

export interface SidecarEvents {
  readonly onAnswer: (sidecar: FleetSidecar, answer: Answer, bytes: Buffer) => void;
  readonly onComplete: () => void;
  readonly onEnd: (sidecar: FleetSidecar, error: Error | undefined) => void;
}

export interface SidecarOptions extends SidecarEvents {
  readonly pod: Pod;
  /** Requests of a proxy that comes back. */
  readonly returning?: readonly Buffer[] | undefined;
}

/**
 * A delta-ADS client with a real proxy's manners: clusters, then their endpoints, then listeners, then their routes, each
 * acknowledged. Keeps only what it needs to know when it has everything.
 */
export class FleetSidecar {
  readonly pod: Pod;
  readonly #options: SidecarOptions;
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  readonly #awaited: Record<Type, number> = { CDS: 1, EDS: 1, LDS: 1, RDS: 1 };
  #complete = false;
  #stalled = false;
  lastAtMs = 0;

  constructor(channel: Channel, options: SidecarOptions) {
    this.#options = options;
    this.pod = options.pod;
    this.#call = channel.client.makeBidiStreamRequest(path, same, same);
    this.#call.on("data", (bytes: Buffer) => this.#receive(bytes));
    this.#call.on("error", (error: Error) => options.onEnd(this, error));
    this.#call.on("end", () => options.onEnd(this, undefined));
    const { returning } = options;
    if (returning === undefined) this.#call.write(encodeRequest("CDS", { node: options.pod }));
    else for (const request of returning) this.#call.write(request);
  }

  get complete(): boolean {
    return this.#complete;
  }

  /** Reads nothing more until `resume`, as a hung proxy. */
  stall(): void {
    this.#stalled = true;
    this.#call.pause();
  }

  resume(): void {
    this.#stalled = false;
    this.#call.resume();
  }

  close(): void {
    this.#call.cancel();
  }

  #receive(bytes: Buffer): void {
    const answer = readAnswer(bytes);
    this.lastAtMs = clockMs();
    this.#call.write(encodeAck(answer));
    if (!this.#complete) this.#startNext(answer, bytes);
    this.#options.onAnswer(this, answer, bytes);
    if (this.#stalled) this.#call.pause();
  }

  #startNext({ type, names }: Answer, bytes: Buffer): void {
    const before = this.#awaited[type];
    this.#awaited[type] -= type === "CDS" || type === "LDS" ? 1 : names.length;
    if (before <= 0 || this.#awaited[type] > 0) return;
    if (type === "CDS") this.#ask("EDS", names.filter(hasEndpoints));
    else if (type === "EDS") this.#call.write(encodeRequest("LDS", {}));
    else if (type === "LDS") this.#ask("RDS", routesOf(names, bytes));
    else {
      this.#complete = true;
      this.#options.onComplete();
    }
  }

  #ask(type: Type, names: readonly string[]): void {
    this.#awaited[type] = names.length;
    this.#call.write(subscription(type, names));
  }
}

const hasEndpoints = (name: string): boolean => name.startsWith("outbound|");

const knownRoutes = new Map<string, readonly string[]>();

/** Equal listeners' names ask for equal routes here, so that the work is done once for many. */
function routesOf(names: readonly string[], bytes: Buffer): readonly string[] {
  const key = names.join();
  const known = knownRoutes.get(key) ?? routeNames(bytes);
  knownRoutes.set(key, known);
  return known;
}

const knownSubscriptions = new Map<string, Buffer>();

function subscription(type: Type, names: readonly string[]): Buffer {
  const key = `${type} ${names.length} ${names[0]} ${names.at(-1)}`;
  const known = knownSubscriptions.get(key) ?? encodeRequest(type, { subscribe: names });
  knownSubscriptions.set(key, known);
  return known;
}

/** What a proxy that has `held` says first on a new stream. */
export function returningRequests(pod: Pod, held: Held): readonly Buffer[] {
  return types.map((type) => {
    const versions = held[type] ?? {};
    const named = type === "EDS" || type === "RDS";
    return encodeRequest(type, {
      versions,
      ...(named ? { subscribe: Object.keys(versions) } : {}),
      ...(type === "CDS" ? { node: pod } : {}),
    });
  });
}
