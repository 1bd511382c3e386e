import { create, toBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import type { Resource, ResourceMap, ResourceSet } from "../resource.ts";
import { clusterType, endpointType, listenerType, routeType } from "../type-urls.ts";

/** A resource whose bytes say its name and version, so that a client can check what it got. */
export function resource(typeUrl: string, name: string, version: string): Resource {
  const any = Buffer.from(
    toBinary(AnySchema, create(AnySchema, { typeUrl, value: Buffer.from(`${name}@${version}`) })),
  );
  return { name, version, any, origin: `Test/default/${name}` };
}

export function resourceMap(typeUrl: string, versions: Readonly<Record<string, string>>): ResourceMap {
  return new Map(Object.entries(versions).map(([name, version]) => [name, resource(typeUrl, name, version)]));
}

/** Versions by name and short type; each of the four types is present. */
export interface SetContent {
  readonly cds?: Readonly<Record<string, string>>;
  readonly eds?: Readonly<Record<string, string>>;
  readonly lds?: Readonly<Record<string, string>>;
  readonly rds?: Readonly<Record<string, string>>;
}

export function resourceSet(
  revision: number | bigint,
  { cds = {}, eds = {}, lds = {}, rds = {} }: SetContent,
): ResourceSet {
  return {
    revision: BigInt(revision),
    byType: new Map([
      [clusterType, resourceMap(clusterType, cds)],
      [endpointType, resourceMap(endpointType, eds)],
      [listenerType, resourceMap(listenerType, lds)],
      [routeType, resourceMap(routeType, rds)],
    ]),
  };
}
