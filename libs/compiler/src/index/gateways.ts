import { formatRef } from "@lateen/model";
import type { MeshObject } from "@lateen/model";
import type { Gateway } from "../istio.ts";
import { byIdentity } from "./remember.ts";

export type Gateways = readonly MeshObject<Gateway>[];

/** The Gateway of a `Kind/namespace/name` in a scope: of a kind that is read as one, where it is not one itself. */
export function findGateway(gateways: Gateways, ref: string): MeshObject<Gateway> | undefined {
  return byRef(gateways).get(ref);
}

/** What rules call it: `namespace/name`. */
export function nameOfGateway({ meta }: MeshObject<Gateway>): string {
  return `${meta.namespace}/${meta.name}`;
}

const byRef = byIdentity((gateways: Gateways) => new Map(gateways.map((each) => [formatRef(each.origin), each])));
