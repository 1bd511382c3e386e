import { fromBinary } from "@bufbuild/protobuf";
import {
  DeltaDiscoveryResponseSchema,
  DiscoveryResponseSchema,
} from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import { joinedMessage } from "@lateen/rpc";
import { ProxySession } from "../session.ts";
import type { Push, SessionContext } from "../session.ts";
import { clusterType, endpointType, fullStateTypes, listenerType, routeType } from "../type-urls.ts";
import { deltaRequest, sotwRequest } from "./requests.ts";

/** A version a simulated proxy refuses. */
export const isBad = (version: string): boolean => version.startsWith("bad");

const dependent: ReadonlyMap<string, string> = new Map([
  [clusterType, endpointType],
  [listenerType, routeType],
]);

/**
 * Behaves like Envoy on one stream, without a wire: clusters make it ask for endpoints, listeners for routes (of
 * the same name), a refused answer leaves what it had, and a message that came later than another is read later.
 */
export class SimulatedProxy {
  readonly held = new Map<string, Map<string, string>>([
    [clusterType, new Map()],
    [endpointType, new Map()],
    [listenerType, new Map()],
    [routeType, new Map()],
  ]);
  /** Answers written by the server and not yet read here. */
  readonly inbox: Push[] = [];
  #context: SessionContext;
  readonly #delta: boolean;
  readonly #silent: boolean;
  readonly #nonces = new Map<string, string>();
  readonly #asked = new Map<string, Set<string>>();
  #streams = 0;
  session: ProxySession;

  /** `silent`: it does not name what it refuses. */
  constructor(context: SessionContext, delta: boolean, { silent = false } = {}) {
    this.#context = context;
    this.#delta = delta;
    this.#silent = silent;
    this.session = this.#connect();
  }

  /** `to`: another replica. */
  reconnect(to: SessionContext = this.#context): void {
    this.#context = to;
    this.inbox.length = 0;
    this.session = this.#connect();
  }

  heldOf(typeUrl: string): Map<string, string> {
    return this.held.get(typeUrl) as Map<string, string>;
  }

  wanted(typeUrl: string): ReadonlySet<string> | undefined {
    return this.#asked.get(typeUrl);
  }

  /** Reads one answer and says yes or no to it; false when there was none. */
  read(): boolean {
    const push = this.inbox.shift();
    if (push === undefined) return false;
    if (this.#delta) this.#readDelta(push);
    else this.#readSotw(push);
    return true;
  }

  #connect(): ProxySession {
    this.#streams++;
    this.#nonces.clear();
    this.#asked.clear();
    const session = new ProxySession(this.#context, { delta: this.#delta, noncePrefix: `${this.#streams}-` });
    for (const typeUrl of [clusterType, endpointType, listenerType, routeType]) {
      const names = this.#dependencies(typeUrl);
      if (names !== undefined && names.size === 0) continue;
      if (names !== undefined) this.#asked.set(typeUrl, names);
      if (this.#delta) {
        const initialVersions = new Map([...this.heldOf(typeUrl)].filter(([name]) => names?.has(name) ?? true));
        session.receiveDelta(deltaRequest(typeUrl, { subscribe: [...(names ?? [])], initialVersions }));
      } else session.receiveSotw(sotwRequest(typeUrl, { names: [...(names ?? [])] }));
    }
    return session;
  }

  /** The names of `typeUrl` that what it depends on needs; undefined for the types that are asked for as a whole. */
  #dependencies(typeUrl: string): Set<string> | undefined {
    for (const [parent, child] of dependent) if (child === typeUrl) return new Set(this.heldOf(parent).keys());
    return undefined;
  }

  #readSotw(push: Push): void {
    const { typeUrl } = push;
    const response = fromBinary(DiscoveryResponseSchema, joinedMessage(push.bytes));
    const received = new Map(
      response.resources.map(({ value }) => Buffer.from(value).toString().split("@") as [string, string]),
    );
    const error = refusal(received, this.heldOf(typeUrl));
    this.#nonces.set(typeUrl, response.nonce);
    if (error === undefined) {
      const held = this.heldOf(typeUrl);
      if (fullStateTypes.has(typeUrl)) held.clear();
      for (const [name, version] of received) held.set(name, version);
      this.#follow(typeUrl);
    }
    const names = [...(this.#asked.get(typeUrl) ?? [])];
    this.session.receiveSotw(sotwRequest(typeUrl, { nonce: response.nonce, error, names }));
  }

  #readDelta(push: Push): void {
    const { typeUrl } = push;
    const response = fromBinary(DeltaDiscoveryResponseSchema, joinedMessage(push.bytes));
    const received = new Map(response.resources.map(({ name, version }) => [name, version]));
    const named = refusal(received, new Map());
    const error = named !== undefined && this.#silent ? "NO" : named;
    if (error === undefined) {
      for (const name of response.removedResources) this.heldOf(typeUrl).delete(name);
      for (const [name, version] of received) this.heldOf(typeUrl).set(name, version);
      this.#follow(typeUrl);
    }
    this.session.receiveDelta(deltaRequest(typeUrl, { nonce: response.nonce, error }));
  }

  /** Asks for what the new parents need and forgets what the old ones needed. */
  #follow(parent: string): void {
    const child = dependent.get(parent);
    if (child === undefined) return;
    const before = this.#asked.get(child) ?? new Set<string>();
    const after = new Set(this.heldOf(parent).keys());
    const added = [...after].filter((name) => !before.has(name));
    const removed = [...before].filter((name) => !after.has(name));
    if (added.length === 0 && removed.length === 0) return;
    this.#asked.set(child, after);
    for (const name of removed) this.heldOf(child).delete(name);
    if (this.#delta) this.session.receiveDelta(deltaRequest(child, { subscribe: added, unsubscribe: removed }));
    else this.session.receiveSotw(sotwRequest(child, { names: [...after], nonce: this.#nonces.get(child) ?? "" }));
  }
}

/** Envoy names what it refuses. A whole-state answer that repeats what was accepted is not refused for that. */
function refusal(received: ReadonlyMap<string, string>, held: ReadonlyMap<string, string>): string | undefined {
  const bad = [...received]
    .filter(([name, version]) => isBad(version) && held.get(name) !== version)
    .map(([name]) => name);
  return bad.length === 0 ? undefined : `Error adding/updating: ${bad.map((name) => `${name}: refused`).join(", ")}`;
}
