import { type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { ClusterSchema } from "@lateen/protos/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "@lateen/protos/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "@lateen/protos/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "@lateen/protos/envoy/config/route/v3/route_pb.js";
import { buildCluster } from "./cluster.ts";
import { buildLoadAssignment } from "./endpoints.ts";
import type { ir } from "./ir.ts";
import { buildListener } from "./listener.ts";
import { clusterName, listenerName, routeTableName } from "./naming.ts";
import { buildRouteTable } from "./route-table.ts";

/** One Envoy resource, ready to be sent. */
export interface BuiltResource {
  readonly typeUrl: string;
  readonly name: string;
  /** The message in binary form (not the Any around it). Equal IR gives equal bytes. */
  readonly value: Uint8Array;
  /** The objects a rejection may be about, as `Kind/namespace/name`, comma-separated. */
  readonly origin?: string;
}

/** Remembers what it built, so that an unchanged part of a proxy's IR costs a look-up and yields the same bytes object. */
export interface ResourceBuilder {
  /** Clusters, listeners and route tables of one proxy, in the order of the IR. Throws only on a mistake of ours. */
  build(proxy: ir.ProxyIr): BuiltResource[];
  buildEndpoints(set: ir.EndpointSet): BuiltResource;
}

/** `capacity`: resources remembered; the longest unused go first. */
export function createBuilder({ capacity = 20_000 }: { readonly capacity?: number } = {}): ResourceBuilder {
  const remember = createMemo(capacity);
  return {
    build: (proxy) => [
      ...proxy.clusters.map((cluster) => remember("c", cluster, clusterResource)),
      ...proxy.listeners.map((listener) => remember("l", listener, listenerResource)),
      ...proxy.routeTables.map((table) => remember("r", table, routeResource)),
    ],
    buildEndpoints: (set) => remember("e", set, endpointsResource),
  };
}

/** `build` without a memory. */
export function buildResources(proxy: ir.ProxyIr): BuiltResource[] {
  return createBuilder().build(proxy);
}

export function buildEndpoints(set: ir.EndpointSet): BuiltResource {
  return endpointsResource(set);
}

function clusterResource(cluster: ir.Cluster): BuiltResource {
  return encode(ClusterSchema, buildCluster(cluster), clusterName(cluster.ref), cluster.origin);
}

function listenerResource(listener: ir.Listener): BuiltResource {
  return encode(ListenerSchema, buildListener(listener), listenerName(listener.ref), listener.origins.join(","));
}

function routeResource(table: ir.RouteTable): BuiltResource {
  return encode(RouteConfigurationSchema, buildRouteTable(table), routeTableName(table.ref), table.origins.join(","));
}

function endpointsResource(set: ir.EndpointSet): BuiltResource {
  return encode(ClusterLoadAssignmentSchema, buildLoadAssignment(set), clusterName(set.cluster));
}

function encode<D extends DescMessage>(schema: D, message: MessageShape<D>, name: string, origin = ""): BuiltResource {
  const typeUrl = `type.googleapis.com/${schema.typeName}`;
  return { typeUrl, name, value: toBinary(schema, message), ...(origin === "" ? {} : { origin }) };
}

/** Keyed by the JSON of the IR node: it holds everything the bytes depend on, and is cheaper to make than they are. */
function createMemo(capacity: number) {
  const memory = new Map<string, BuiltResource>();
  return <Node>(kind: string, node: Node, build: (node: Node) => BuiltResource): BuiltResource => {
    const key = `${kind}${JSON.stringify(node)}`;
    const known = memory.get(key);
    if (known !== undefined) memory.delete(key); // put back as the latest used
    const resource = known ?? build(node);
    memory.set(key, resource);
    if (memory.size > capacity) for (const oldest of memory.keys()) if (memory.delete(oldest)) break;
    return resource;
  };
}
