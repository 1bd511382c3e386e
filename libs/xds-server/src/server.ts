import { AggregatedDiscoveryService } from "@lateen/protos/envoy/service/discovery/v3/ads_pb.js";
import { defineRawService } from "@lateen/rpc";
import type { RpcService } from "@lateen/rpc";
import { DiffCache } from "./diff.ts";
import { FirstAnswers } from "./first-answers.ts";
import type { FirstAnswersOptions } from "./first-answers.ts";
import type { XdsObserver } from "./observer.ts";
import type { OnDemandSource } from "./on-demand.ts";
import type { Acknowledgement, ConnectedProxy, ProxyStatus } from "./proxy.ts";
import type { QuerySource } from "./queries.ts";
import type { ResourceMap, ResourceSet } from "./resource.ts";
import type { ProxySession } from "./session.ts";
import { streamHandler } from "./stream.ts";
import type { ResourceSource, Stream } from "./stream.ts";
import { FormsCache } from "./virtual-hosts.ts";
import type { VirtualHostSource } from "./virtual-hosts.ts";
import { RequestCache } from "./wire/request-cache.ts";
import { ResponseEncoder } from "./wire/response.ts";

export interface XdsServerOptions {
  readonly source: ResourceSource;
  /** Throws RpcError to refuse a proxy; asked once a stream, with its first request. */
  readonly authorize?: (proxy: ConnectedProxy) => void | Promise<void>;
  readonly observer?: XdsObserver;
  readonly onDemand?: OnDemandSource;
  /** How many proxies that have nothing yet are served at one time. */
  readonly firstAnswers?: FirstAnswersOptions;
  /** Lets large route tables travel host by host; without it they are always whole. */
  readonly virtualHosts?: VirtualHostSource;
  /** Types that are questions. */
  readonly queries?: QuerySource;
  /** How long to hold back what should follow an acknowledgement that does not come. */
  readonly ackWaitMs?: number;
  /** Milliseconds on any steady clock. */
  readonly nowMs?: () => number;
}

/** What the server has to do. */
export interface XdsLoad {
  readonly proxies: number;
  /** Proxies without all of their first answers that wait for their turn, and those whose turn it is. */
  readonly waiting: number;
  readonly underWay: number;
}

export interface XdsServer {
  readonly rpc: RpcService;
  proxies(): readonly ProxyStatus[];
  /** The set last offered to a proxy, by its id. */
  resourcesOf(proxyId: string): ResourceSet | undefined;
  /** What a proxy should have by now, of what it asked for and in the form it gets it, by type. */
  offeredTo(proxyId: string): ReadonlyMap<string, ResourceMap> | undefined;

  load(): XdsLoad;
  /**
   * Sends up to `count` proxies that have everything to other replicas, those that have been here longest first; returns
   * how many. They keep what they have while they connect again.
   */
  handOff(count: number): number;
  acknowledged(): Acknowledgement;
}

const defaultAckWaitMs = 5_000;

/** Aggregated discovery, state-of-the-world and delta. Holds nothing but its streams. */
export function createXdsServer(options: XdsServerOptions): XdsServer {
  const connections = new Map<string, Stream>();
  const firstAnswers = new FirstAnswers(options.firstAnswers);
  let connectionCount = 0;
  const host = {
    source: options.source,
    onDemand: options.onDemand,
    queries: options.queries,
    observer: options.observer ?? {},
    authorize: options.authorize,
    nowMs: options.nowMs ?? (() => performance.now()),
    sessionContext: {
      diffs: new DiffCache(),
      encoder: new ResponseEncoder(),
      onDemandTypes: new Set(options.onDemand?.types),
      ackWaitMs: options.ackWaitMs ?? defaultAckWaitMs,
      forms: options.virtualHosts && new FormsCache(options.virtualHosts),
    },
    requests: new RequestCache(),
    nextConnectionId: () => String(++connectionCount),
    firstAnswers,
    opened: (stream: Stream) => void connections.set(stream.proxy.connectionId, stream),
    closed: ({ proxy }: Stream) => void connections.delete(proxy.connectionId),
  };
  return {
    rpc: defineRawService(AggregatedDiscoveryService, {
      streamAggregatedResources: streamHandler(host, { delta: false }),
      deltaAggregatedResources: streamHandler(host, { delta: true }),
    }),
    proxies: () =>
      [...connections.values()].map(({ proxy, session }) => ({
        proxy,
        acknowledgedRevision: session.acknowledgedRevision,
        types: session.types(),
      })),
    resourcesOf: (proxyId) => newest(connections.values(), proxyId)?.session.resources,
    offeredTo: (proxyId) => newest(connections.values(), proxyId)?.session.offered(),
    acknowledged: () => acknowledgement(connections.values()),
    load: () => ({ proxies: connections.size, waiting: firstAnswers.waiting, underWay: firstAnswers.underWay }),
    handOff(count) {
      const served = [...connections.values()].filter((stream) => stream.served).slice(0, count);
      for (const stream of served) stream.handOff();
      return served.length;
    },
  };
}

interface Connection {
  readonly proxy: ConnectedProxy;
  readonly session: ProxySession;
}

/** A proxy that reconnects may for a moment be connected twice. */
function newest(connections: Iterable<Connection>, proxyId: string): Connection | undefined {
  return [...connections].findLast(({ proxy }) => proxy.id === proxyId);
}

function acknowledgement(connections: Iterable<Connection>): Acknowledgement {
  const known: { proxy: ConnectedProxy; revision: bigint }[] = [];
  let newest = 0n;
  let lowest: bigint | undefined;
  for (const { proxy, session } of connections) {
    const offered = session.resources?.revision ?? 0n;
    if (offered > newest) newest = offered;
    const revision = session.acknowledgedRevision;
    if (revision === undefined) continue;
    known.push({ proxy, revision });
    if (lowest === undefined || revision < lowest) lowest = revision;
  }
  const laggards = known.filter(({ revision }) => revision < newest).map(({ proxy }) => proxy);
  return { revision: lowest, proxies: known.length, laggards };
}
