import { create, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { type Any, anyPack, type Duration, DurationSchema } from "@bufbuild/protobuf/wkt";
import {
  ApiConfigSource_ApiType,
  ApiVersion,
  ConfigSourceSchema,
} from "@lateen/protos/envoy/config/core/v3/config_source_pb.js";
import { FractionalPercent_DenominatorType } from "@lateen/protos/envoy/type/v3/percent_pb.js";

/** A message as an object literal, before `create`: parts of it can be spread together. */
export type Init<D extends DescMessage> = Exclude<MessageInitShape<D>, MessageShape<D>>;

/** A message packed for one of Envoy's `typed_config` fields. */
export function typed<D extends DescMessage>(schema: D, message: MessageInitShape<D>): Any {
  return anyPack(schema, create(schema, message));
}

/** An extension by its well-known name and configuration: HTTP filters, access loggers, transport sockets, … */
export function extension<D extends DescMessage>(name: string, schema: D, message: MessageInitShape<D>) {
  return { name, configType: { case: "typedConfig", value: typed(schema, message) } } as const;
}

export function duration(milliseconds: number): Duration {
  const seconds = Math.floor(milliseconds / 1000);
  return create(DurationSchema, {
    seconds: BigInt(seconds),
    nanos: Math.round((milliseconds - seconds * 1000) * 1_000_000),
  });
}

/** `percent` may have four decimals. */
export function fraction(percent: number) {
  return { numerator: Math.round(percent * 10_000), denominator: FractionalPercent_DenominatorType.MILLION };
}

/** Delivered over the stream that asked; Envoy waits for it without a limit, as Istio configures it. */
export const overAds = create(ConfigSourceSchema, {
  configSourceSpecifier: { case: "ads", value: {} },
  resourceApiVersion: ApiVersion.V3,
  initialFetchTimeout: duration(0),
});

/** Delivered by the node agent beside Envoy, which holds the workload's keys. */
export const fromAgent = create(ConfigSourceSchema, {
  configSourceSpecifier: {
    case: "apiConfigSource",
    value: {
      apiType: ApiConfigSource_ApiType.GRPC,
      transportApiVersion: ApiVersion.V3,
      setNodeOnFirstMessageOnly: true,
      grpcServices: [{ targetSpecifier: { case: "envoyGrpc", value: { clusterName: "sds-grpc" } } }],
    },
  },
  resourceApiVersion: ApiVersion.V3,
  initialFetchTimeout: duration(0),
});

export function socketAddress(address: string, port: number) {
  return {
    address: { case: "socketAddress", value: { address, portSpecifier: { case: "portValue", value: port } } },
  } as const;
}

/** Entries in code-unit order of their keys, so that equal content has equal bytes. */
export function sorted<V>(record: Readonly<Record<string, V>>): Record<string, V> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

/** Only reached when a new variant of the IR has no spelling yet; the compiler refuses that first. */
export function unreachable(value: never): never {
  throw new Error(`no spelling for ${JSON.stringify(value)}`);
}
