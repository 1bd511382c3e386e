import type * as ir from "@lateen/ir";
import type { Finding } from "@lateen/model";
import type { Beside } from "./patches/additions.ts";
import { createPatcher } from "./patches/patcher.ts";
import {
  buildEndpoints,
  clusterResource,
  extensionResource,
  nameTableResource,
  grpcClientResource,
  grpcClusterResource,
  grpcServerResource,
  grpcTableResource,
  listenerResource,
  routeTableResource,
} from "./resources.ts";
import type { BuiltResource } from "./resources.ts";
import { encodeRouteTable } from "./routes.ts";
import { proxyConfigResource, trustResource } from "./trust.ts";

/** Resources, and what of the IR's patches could not be applied to them. */
export interface BuiltProxy {
  readonly resources: readonly BuiltResource[];
  readonly findings: readonly Finding[];
}

/** `buildProxy` and `buildEndpoints` that remember. */
export interface Builder {
  /** Of an IR in parts, one part; `beside` says what the earlier ones made. */
  build(proxy: ir.ProxyIr, beside?: Beside): BuiltProxy;
  buildEndpoints(set: ir.EndpointSet): BuiltResource;
}

export interface BuilderOptions {
  readonly capacity?: number;
  /** Must never be the same for two contents. Default: as long as the content. */
  readonly hashOf?: HashOf;
}

type HashOf = (content: string | Uint8Array) => string;

/**
 * A builder that gives the very same object for equal parts of any IR: proxies share what they have in common, and of
 * a change only what it touches is encoded again. Remembers at least the last `capacity` parts of each kind, at most
 * twice as many.
 */
export function createBuilder(options: BuilderOptions = {}): Builder {
  const { capacity = 20_000, hashOf = (content) => (typeof content === "string" ? content : content.join()) } = options;
  const remembered = <Node extends object>(build: (node: Node) => BuiltResource): ((node: Node) => BuiltResource) =>
    memo(byContent(build, hashOf), capacity);
  const cluster = remembered<ir.Cluster>(clusterResource);
  const listener = memo(byChains(hashOf), capacity);
  const table = memo(byPieces(hashOf), capacity);
  const names = remembered<ir.NameTable>(nameTableResource);
  const trust = remembered<ir.TrustAnchors>(trustResource);
  const proxyConfig = remembered<ir.TrustAnchors>(proxyConfigResource);
  const extension = remembered<ir.Extension>(extensionResource);
  const grpc = {
    cluster: remembered<ir.GrpcCluster>(grpcClusterResource),
    client: remembered<ir.GrpcClient>(grpcClientResource),
    server: remembered<ir.GrpcServer>(grpcServerResource),
    table: remembered<ir.GrpcTable>(grpcTableResource),
  };
  const patch = createPatcher();
  return {
    build(proxy, beside) {
      const base = {
        clusters: proxy.clusters.map(cluster),
        listeners: proxy.listeners.map(listener),
        routeTables: proxy.routeTables.map(table),
        others: [
          ...(proxy.extensions ?? []).map(extension),
          ...(proxy.nameTable === undefined ? [] : [names(proxy.nameTable)]),
          ...(proxy.trust === undefined ? [] : [trust(proxy.trust), proxyConfig(proxy.trust)]),
          ...(proxy.grpc?.clusters ?? []).map(grpc.cluster),
          ...(proxy.grpc?.clients ?? []).map(grpc.client),
          ...(proxy.grpc?.servers ?? []).map(grpc.server),
          ...(proxy.grpc?.tables ?? []).map(grpc.table),
        ],
      };
      if (proxy.patches !== undefined || proxy.additions !== undefined) return patch(proxy, base, beside);
      return { resources: Object.values(base).flat(), findings: [] };
    },
    buildEndpoints: remembered<ir.EndpointSet>(buildEndpoints),
  };
}

/** Everything at once, for a caller that builds one IR. */
export function buildProxy(proxy: ir.ProxyIr): BuiltProxy {
  return createBuilder().build(proxy);
}

/** One node on its way to a resource: a `key` that is the same for equal nodes and for no others, and the rest of the way. */
interface Candidate {
  readonly key: string;
  build(): BuiltResource;
}

function byContent<Node>(build: (node: Node) => BuiltResource, hashOf: HashOf): (node: Node) => Candidate {
  return (node) => ({ key: hashOf(JSON.stringify(node)), build: () => build(node) });
}

/**
 * By what its chains are. The listener for what comes in to a workload is hardly ever another's: there, chains are only
 * equal to themselves, which needs no look at them.
 */
function byChains(hashOf: HashOf): (listener: ir.Listener) => Candidate {
  const digests = new WeakMap<ir.FilterChain, string>();
  const numbers = new WeakMap<ir.FilterChain, number>();
  let last = 0;
  const numberOf = (chain: ir.FilterChain): number => {
    const number = numbers.get(chain) ?? ++last;
    numbers.set(chain, number);
    return number;
  };
  const digestOf = (chain: ir.FilterChain): string => {
    const digest = digests.get(chain) ?? hashOf(JSON.stringify(chain));
    digests.set(chain, digest);
    return digest;
  };
  return (listener) => {
    const { chains, ...rest } = listener;
    const known = listener.ref.kind === "virtual-inbound" ? chains.map(numberOf) : chains.map(digestOf);
    const key = hashOf(JSON.stringify({ ...rest, chains: known }));
    return { key, build: () => listenerResource(listener) };
  };
}

/** A table is known by the pieces it is made of, most of which were in the table before. */
function byPieces(hashOf: HashOf): (table: ir.RouteTable) => Candidate {
  const digests = new WeakMap<Uint8Array, string>();
  const digestOf = (piece: Uint8Array): string => {
    const digest = digests.get(piece) ?? hashOf(piece);
    digests.set(piece, digest);
    return digest;
  };
  return (table) => {
    const pieces = encodeRouteTable(table);
    const digest = hashOf(pieces.map(digestOf).join(" "));
    return { key: digest, build: () => ({ ...routeTableResource(table, pieces), digest }) };
  };
}

/**
 * First by identity, which costs nothing, then by content. Two generations stand in for an exact order of use. What is
 * remembered lives only as long as someone uses it: values are held weakly.
 */
function memo<Node extends object>(
  candidateOf: (node: Node) => Candidate,
  capacity: number,
): (node: Node) => BuiltResource {
  const byIdentity = new WeakMap<Node, BuiltResource>();
  let recent = new Map<string, WeakRef<BuiltResource>>();
  let older = new Map<string, WeakRef<BuiltResource>>();
  const resourceOf = ({ key, build }: Candidate): BuiltResource => {
    const known = recent.get(key)?.deref() ?? older.get(key)?.deref() ?? build();
    recent.set(key, new WeakRef(known));
    if (recent.size >= capacity) {
      older = recent;
      recent = new Map();
    }
    return known;
  };
  return (node) => {
    const known = byIdentity.get(node);
    if (known !== undefined) return known;
    const resource = resourceOf(candidateOf(node));
    byIdentity.set(node, resource);
    return resource;
  };
}
