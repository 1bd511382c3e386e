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
  readonly hashOf?: (content: string | Uint8Array) => string;
}

/**
 * A builder that gives the very same object for equal parts of any IR: proxies share what they have in common, and of
 * a change only what it touches is encoded again. Remembers at least the last `capacity` parts of each kind, at most
 * twice as many.
 */
export function createBuilder(options: BuilderOptions = {}): Builder {
  const { capacity = 20_000, hashOf = (content) => (typeof content === "string" ? content : content.join()) } = options;
  const memory = { capacity, hashOf };
  const cluster = memo<ir.Cluster>(clusterResource, memory);
  const listener = memo<ir.Listener>(listenerResource, memory);
  const table = memo<ir.RouteTable>(routeTableResource, { ...memory, of: "bytes" });
  const names = memo<ir.NameTable>(nameTableResource, memory);
  const extension = memo<ir.Extension>(extensionResource, memory);
  const grpc = {
    cluster: memo<ir.GrpcCluster>(grpcClusterResource, memory),
    client: memo<ir.GrpcClient>(grpcClientResource, memory),
    server: memo<ir.GrpcServer>(grpcServerResource, memory),
    table: memo<ir.GrpcTable>(grpcTableResource, memory),
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
          ...(proxy.grpc?.clusters ?? []).map(grpc.cluster),
          ...(proxy.grpc?.clients ?? []).map(grpc.client),
          ...(proxy.grpc?.servers ?? []).map(grpc.server),
          ...(proxy.grpc?.tables ?? []).map(grpc.table),
        ],
      };
      if (proxy.patches !== undefined || proxy.additions !== undefined) return patch(proxy, base, beside);
      return { resources: Object.values(base).flat(), findings: [] };
    },
    buildEndpoints: memo<ir.EndpointSet>(buildEndpoints, memory),
  };
}

/** Everything at once, for a caller that builds one IR. */
export function buildProxy(proxy: ir.ProxyIr): BuiltProxy {
  return createBuilder().build(proxy);
}

/**
 * First by identity, which costs nothing, then by content. Two generations stand in for an exact order of use. What is
 * remembered lives only as long as someone uses it: values are held weakly. What is quickly built is
 * recognised by its bytes.
 */
function memo<Node extends object>(
  build: (node: Node) => BuiltResource,
  { capacity, hashOf, of = "input" }: Required<BuilderOptions> & { readonly of?: "input" | "bytes" },
): (node: Node) => BuiltResource {
  const byIdentity = new WeakMap<Node, BuiltResource>();
  let recent = new Map<string, WeakRef<BuiltResource>>();
  let older = new Map<string, WeakRef<BuiltResource>>();
  const byContent = (node: Node): BuiltResource => {
    const built = of === "bytes" ? build(node) : undefined;
    const key = hashOf(built?.value ?? JSON.stringify(node));
    const known = recent.get(key)?.deref() ?? older.get(key)?.deref() ?? built ?? build(node);
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
    const resource = byContent(node);
    byIdentity.set(node, resource);
    return resource;
  };
}
