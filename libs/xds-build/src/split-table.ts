import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { ApiVersion } from "@lateen/protos/envoy/config/core/v3/config_source_pb.js";
import { RouteConfigurationSchema } from "@lateen/protos/envoy/config/route/v3/route_pb.js";
import { VirtualHostSchema } from "@lateen/protos/envoy/config/route/v3/route_components_pb.js";

/** A route table's bytes without its hosts, which come by VHDS, and the hosts' bytes. */
export interface SplitRouteTable {
  readonly head: Uint8Array;
  readonly hosts: ReadonlyMap<string, Uint8Array>;
}

const field = { virtualHosts: 2, vhds: 9 } as const;
const hostNameField = 1;

/** On every host: Envoy waits for the hosts of a new table as long as for the table itself, which is for ever. */
const discovery = toBinary(
  RouteConfigurationSchema,
  create(RouteConfigurationSchema, {
    vhds: {
      configSource: {
        configSourceSpecifier: { case: "ads", value: {} },
        resourceApiVersion: ApiVersion.V3,
        initialFetchTimeout: create(DurationSchema),
      },
    },
  }),
);

/**
 * Takes an encoded RouteConfiguration apart without decoding it, whoever has written it. Undefined where it cannot come
 * in parts: without hosts Envoy would wait for ever, a slash ends the table's name in a host's, and names must differ.
 */
export function splitRouteTable(table: Uint8Array): SplitRouteTable | undefined {
  const hosts = new Map<string, Uint8Array>();
  const head: Uint8Array[] = [];
  const reader = new BinaryReader(table);
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, wireType] = reader.tag();
    if (number === field.vhds) return undefined;
    if (number === field.virtualHosts) {
      const host = reader.bytes();
      const name = nameOf(host);
      if (name === "" || name.includes("/") || hosts.has(name)) return undefined;
      hosts.set(name, host);
    } else {
      reader.skip(wireType, number);
      head.push(table.subarray(start, reader.pos));
    }
  }
  return hosts.size === 0 ? undefined : { head: concat([...head, discovery]), hosts };
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function nameOf(host: Uint8Array): string {
  const reader = new BinaryReader(host);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number === hostNameField) return reader.string();
    reader.skip(wireType, number);
  }
  return "";
}

/** A host that no request can mean, under the name of one that is gone; `unique` keeps its domain its own. */
export function goneVirtualHost(name: string, unique: string): Uint8Array {
  return toBinary(VirtualHostSchema, create(VirtualHostSchema, { name, domains: [`gone-${unique}.invalid`] }));
}
