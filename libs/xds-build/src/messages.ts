import type * as ir from "@lateen/ir";
import { create } from "@bufbuild/protobuf";
import type { DescMessage, JsonObject, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { anyPack, DurationSchema } from "@bufbuild/protobuf/wkt";
import type { Any, Duration } from "@bufbuild/protobuf/wkt";
import { AddressSchema, SocketAddress_Protocol } from "@lateen/protos/envoy/config/core/v3/address_pb.js";
import type { Address } from "@lateen/protos/envoy/config/core/v3/address_pb.js";
import {
  AggregatedConfigSourceSchema,
  ApiVersion,
  ConfigSourceSchema,
} from "@lateen/protos/envoy/config/core/v3/config_source_pb.js";
import type { ConfigSource } from "@lateen/protos/envoy/config/core/v3/config_source_pb.js";
import { GrpcServiceSchema } from "@lateen/protos/envoy/config/core/v3/grpc_service_pb.js";
import type { GrpcService } from "@lateen/protos/envoy/config/core/v3/grpc_service_pb.js";
import { FractionalPercent_DenominatorType, FractionalPercentSchema } from "@lateen/protos/envoy/type/v3/percent_pb.js";
import type { FractionalPercent } from "@lateen/protos/envoy/type/v3/percent_pb.js";
import { clusterName } from "./naming.ts";

/** A message as an object literal, before `create`: parts of it can be spread together. */
export type Init<Desc extends DescMessage> = Exclude<MessageInitShape<Desc>, MessageShape<Desc>>;

/** A message of `schema` in an Any. */
export function typed<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): Any {
  return anyPack(schema, create(schema, init));
}

export function duration(ms: number): Duration {
  const seconds = Math.floor(ms / 1000);
  return create(DurationSchema, { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1_000_000) });
}

/** `{ [key]: duration }` when there is one. */
export function optionalDuration<Key extends string>(
  key: Key,
  ms: number | undefined,
): { readonly [K in Key]?: Duration } {
  return ms === undefined ? {} : ({ [key]: duration(ms) } as { [K in Key]?: Duration });
}

const unixScheme = "unix://";

/** An IP address and port, or `unix:///path` and `unix://@abstract`, which have none. */
export function socketAddress(address: string, port: number): Address {
  if (address.startsWith(unixScheme))
    return create(AddressSchema, { address: { case: "pipe", value: { path: address.slice(unixScheme.length) } } });
  return create(AddressSchema, {
    address: {
      case: "socketAddress",
      value: { protocol: SocketAddress_Protocol.TCP, address, portSpecifier: { case: "portValue", value: port } },
    },
  });
}

/** From the stream this resource came by; waited for without a limit, as Istio has it. */
export function overAds(): ConfigSource {
  return create(ConfigSourceSchema, {
    resourceApiVersion: ApiVersion.V3,
    initialFetchTimeout: duration(0),
    configSourceSpecifier: { case: "ads", value: create(AggregatedConfigSourceSchema) },
  });
}

/**
 * Calls go out under the host's name: left to itself Envoy takes the cluster's, and HTTP/2 servers built on nghttp2
 * (Node's among them) reset a stream whose authority holds a `|`.
 */
export function grpcService(
  ref: ir.ClusterRef,
  options: { readonly timeoutMs?: number; readonly authority?: string } = {},
): GrpcService {
  const authority = options.authority ?? (ref.kind === "outbound" ? ref.host : "");
  return create(GrpcServiceSchema, {
    targetSpecifier: { case: "envoyGrpc", value: { clusterName: clusterName(ref), authority } },
    ...optionalDuration("timeout", options.timeoutMs),
  });
}

/** Exact to a millionth, as Istio's percentages are. */
export function fraction(percent: number): FractionalPercent {
  return create(FractionalPercentSchema, {
    numerator: Math.round(percent * 10_000),
    denominator: FractionalPercent_DenominatorType.MILLION,
  });
}

/** Filter metadata of namespace `istio` with a reference to the rule behind a resource. */
export function istioMetadata(fields: JsonObject): { filterMetadata: { [key: string]: JsonObject } } {
  return { filterMetadata: { istio: fields } };
}

/** For `switch` over a closed union. */
export function unreachable(value: never): never {
  throw new Error(`unexpected value ${JSON.stringify(value)}`);
}
