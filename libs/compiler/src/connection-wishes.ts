import type * as ir from "@lateen/ir";
import type { ProxyNode } from "@lateen/model";
import { optionalMs } from "./durations.ts";
import { byIdentity } from "./index/remember.ts";
import type { ProxySettings } from "./istio.ts";

/** What a ProxyConfig says of connections. */
export interface ConnectionWishes {
  readonly http?: ir.HttpConnections;
  /** Bytes of a connection that are held: of listeners, and of clusters. */
  readonly listenerBuffer?: number;
  readonly clusterBuffer?: number;
}

type Settings = NonNullable<ProxySettings["connectionSettings"]>;

/** By Istio's numbers; 0 says nothing. */
const underscores = [undefined, "allow", "reject", "drop"] as const;
const escapedSlashes = [undefined, "keep", "reject", "redirect", "forward"] as const;
const edgeProfile = 1;
/** Of HTTP/2. */
const smallestWindow = 65_535;

/** What Envoy recommends at the edge: for gateways, in what nobody says otherwise. */
const edge: Required<ConnectionWishes> = {
  listenerBuffer: 32_768,
  clusterBuffer: 32_768,
  http: {
    idleTimeoutMs: 3_600_000,
    streamIdleTimeoutMs: 300_000,
    requestTimeoutMs: 300_000,
    requestHeadersTimeoutMs: 60_000,
    maxStreams: 100,
    streamWindow: 65_536,
    connectionWindow: 1_048_576,
    underscores: "reject",
    mergeSlashes: true,
    escapedSlashes: "redirect",
  },
};

/** Nothing where all is as usual. */
export function connectionWishesOf(
  type: ProxyNode["type"],
  config: ProxySettings | undefined,
): { readonly connections?: ConnectionWishes } {
  const settings = config?.connectionSettings;
  if (settings === undefined) return {};
  const base: ConnectionWishes = settings.profile === edgeProfile && type === "router" ? edge : {};
  const http = { ...base.http, ...httpOf(settings) };
  const wishes: ConnectionWishes = {
    ...base,
    ...given("listenerBuffer", settings.listenerPerConnectionBufferLimitBytes),
    ...given("clusterBuffer", settings.clusterPerConnectionBufferLimitBytes),
    ...(Object.keys(http).length === 0 ? {} : { http }),
  };
  return Object.keys(wishes).length === 0 ? {} : { connections: wishes };
}

function httpOf(settings: Settings): ir.HttpConnections {
  const action = underscores[settings.httpHeadersWithUnderscoresAction];
  const slashes = escapedSlashes[settings.httpPathWithEscapedSlashesAction];
  return {
    ...optionalMs("idleTimeoutMs", settings.httpIdleTimeout),
    ...optionalMs("maxDurationMs", settings.httpMaxConnectionDuration),
    ...optionalMs("drainTimeoutMs", settings.httpDrainTimeout),
    ...optionalMs("requestTimeoutMs", settings.httpRequestTimeout),
    ...optionalMs("requestHeadersTimeoutMs", settings.httpRequestHeadersTimeout),
    ...optionalMs("streamIdleTimeoutMs", settings.httpStreamIdleTimeout),
    ...optionalMs("maxStreamMs", settings.httpMaxStreamDuration),
    ...given("maxStreams", settings.httpMaxConcurrentStreams),
    ...given("streamWindow", settings.http2InitialStreamWindowSize, smallestWindow),
    ...given("connectionWindow", settings.http2InitialConnectionWindowSize, smallestWindow),
    ...(action === undefined ? {} : { underscores: action }),
    ...(settings.httpMergeSlashes === undefined ? {} : { mergeSlashes: settings.httpMergeSlashes }),
    ...(slashes === undefined ? {} : { escapedSlashes: slashes }),
  };
}

/** Envoy would refuse less: a pod's annotation is not judged before. */
function given<Key extends string>(key: Key, value: number | undefined, least = 1): { readonly [K in Key]?: number } {
  return value === undefined || value < least ? {} : ({ [key]: value } as { [K in Key]?: number });
}

/** How much listeners and clusters of `part` hold of a connection: `part` itself where nothing is wished for. */
export function withConnectionWishes(part: ir.ProxyIr, wishes: ConnectionWishes | undefined): ir.ProxyIr {
  const { listenerBuffer, clusterBuffer } = wishes ?? {};
  if (listenerBuffer === undefined && clusterBuffer === undefined) return part;
  return {
    ...part,
    ...(clusterBuffer === undefined ? {} : { clusters: part.clusters.map(withBuffer(clusterBuffer)) }),
    ...(listenerBuffer === undefined
      ? {}
      : { listeners: part.listeners.map((listener) => ({ ...listener, bufferLimitBytes: listenerBuffer })) }),
  };
}

const buffers = new Map<number, (cluster: ir.Cluster) => ir.Cluster>();

/** The same cluster for the same cluster, of the few limits that a mesh has. */
function withBuffer(bufferLimitBytes: number): (cluster: ir.Cluster) => ir.Cluster {
  const known = buffers.get(bufferLimitBytes);
  if (known !== undefined) return known;
  if (buffers.size >= 16) buffers.clear();
  const limited = byIdentity((cluster: ir.Cluster): ir.Cluster => ({ ...cluster, bufferLimitBytes }));
  buffers.set(bufferLimitBytes, limited);
  return limited;
}
