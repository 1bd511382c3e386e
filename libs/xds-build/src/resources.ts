import { toBinary } from "@bufbuild/protobuf";
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type * as ir from "@lateen/ir";
import { ClusterSchema } from "@lateen/protos/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "@lateen/protos/envoy/config/endpoint/v3/endpoint_pb.js";
import { TypedExtensionConfigSchema } from "@lateen/protos/envoy/config/core/v3/extension_pb.js";
import { ListenerSchema } from "@lateen/protos/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "@lateen/protos/envoy/config/route/v3/route_pb.js";
import { NameTableSchema } from "@lateen/protos/istio/networking/nds/v1/name_table_pb.js";
import { buildCluster } from "./clusters.ts";
import { buildLoadAssignment } from "./endpoints.ts";
import { buildGrpcCluster } from "./grpc/clusters.ts";
import { buildClientListener, buildServerListener } from "./grpc/listeners.ts";
import { buildGrpcTable } from "./grpc/tables.ts";
import { buildExtension } from "./extensions.ts";
import { buildListener } from "./listeners.ts";
import { routeTableName, virtualHostName } from "./naming.ts";
import { buildNameTable, nameTableName } from "./name-tables.ts";
import { typeUrls } from "./type-urls.ts";

/** One named resource, ready to be sent. Equal inputs give equal bytes. */
export interface BuiltResource {
  readonly typeUrl: string;
  readonly name: string;
  /** The message itself, not wrapped in an Any. */
  readonly value: Uint8Array;
  /** The message in an encoded google.protobuf.Any; `value` is a part of these bytes. */
  readonly any: Uint8Array;
  /** Stands for all of `value`, where that is cheaper than a look at it: equal for equal bytes, and for no others. */
  readonly digest?: string;
  /** Objects a rejection of it may be about, as `Kind/namespace/name`, comma-separated when there are several. */
  readonly origin?: string;
  /** The same for a route table's virtual hosts that have a rule of their own, by the host's name. */
  readonly partOrigins?: ReadonlyMap<string, string>;
}

export function buildEndpoints(set: ir.EndpointSet): BuiltResource {
  const message = buildLoadAssignment(set);
  const bytes = toBinary(ClusterLoadAssignmentSchema, message);
  return { typeUrl: typeUrls.endpoints, name: message.clusterName, ...packResource(typeUrls.endpoints, bytes) };
}

export function clusterResource(cluster: ir.Cluster): BuiltResource {
  return resource(
    typeUrls.cluster,
    ClusterSchema,
    buildCluster(cluster),
    cluster.origin === undefined ? [] : [cluster.origin],
  );
}

export function listenerResource(listener: ir.Listener): BuiltResource {
  return resource(typeUrls.listener, ListenerSchema, buildListener(listener), listener.origins);
}

/** `pieces` is what `encodeRouteTable` made of it. */
export function routeTableResource(table: ir.RouteTable, pieces: readonly Uint8Array[]): BuiltResource {
  return {
    typeUrl: typeUrls.routes,
    name: routeTableName(table.ref),
    ...packPieces(typeUrls.routes, pieces),
    ...(table.origins.length === 0 ? {} : { origin: table.origins.join(",") }),
    partOrigins: new Map(table.virtualHosts.flatMap(hostOrigin)),
  };
}

type HostOrigin = readonly [name: string, rules: string];

const hostOrigins = new WeakMap<ir.VirtualHost, readonly HostOrigin[]>();

function hostOrigin(host: ir.VirtualHost): readonly HostOrigin[] {
  const known = hostOrigins.get(host);
  if (known !== undefined) return known;
  const rules = new Set(host.routes.flatMap(({ rule }) => rule ?? []));
  const made: readonly HostOrigin[] = rules.size === 0 ? [] : [[virtualHostName(host), [...rules].join(",")]];
  hostOrigins.set(host, made);
  return made;
}

export function extensionResource(extension: ir.Extension): BuiltResource {
  return resource(typeUrls.extension, TypedExtensionConfigSchema, buildExtension(extension), [extension.origin]);
}

export function nameTableResource(table: ir.NameTable): BuiltResource {
  const value = toBinary(NameTableSchema, buildNameTable(table));
  return { typeUrl: typeUrls.nameTable, name: nameTableName, ...packResource(typeUrls.nameTable, value) };
}

export function grpcClusterResource(cluster: ir.GrpcCluster): BuiltResource {
  const origins = cluster.origin === undefined ? [] : [cluster.origin];
  return resource(typeUrls.cluster, ClusterSchema, buildGrpcCluster(cluster), origins);
}

export function grpcClientResource(client: ir.GrpcClient): BuiltResource {
  return resource(typeUrls.listener, ListenerSchema, buildClientListener(client), []);
}

export function grpcServerResource(server: ir.GrpcServer): BuiltResource {
  return resource(typeUrls.listener, ListenerSchema, buildServerListener(server), []);
}

export function grpcTableResource(table: ir.GrpcTable): BuiltResource {
  return resource(typeUrls.routes, RouteConfigurationSchema, buildGrpcTable(table), table.origins);
}

function resource<Desc extends DescMessage>(
  typeUrl: string,
  schema: Desc,
  message: MessageShape<Desc> & { readonly name: string },
  origins: readonly string[],
): BuiltResource {
  const origin = origins.length === 0 ? {} : { origin: origins.join(",") };
  return { typeUrl, name: message.name, ...packResource(typeUrl, toBinary(schema, message)), ...origin };
}

/** `message`, encoded, and the Any it travels in. */
export function packResource(typeUrl: string, message: Uint8Array): Pick<BuiltResource, "any" | "value"> {
  return packPieces(typeUrl, [message]);
}

/** As `packResource`, of a message in pieces. */
function packPieces(typeUrl: string, pieces: readonly Uint8Array[]): Pick<BuiltResource, "any" | "value"> {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const head = new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string(typeUrl)
    .tag(2, WireType.LengthDelimited)
    .uint32(length)
    .finish();
  const any = new Uint8Array(head.length + length);
  any.set(head);
  let at = head.length;
  for (const piece of pieces) {
    any.set(piece, at);
    at += piece.length;
  }
  return { any, value: any.subarray(head.length) };
}
