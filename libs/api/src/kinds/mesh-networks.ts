import { MeshNetworksSchema } from "@lateen/protos/mesh/v1alpha1/network_pb.js";
import type { MeshNetworks, Network } from "@lateen/protos/mesh/v1alpha1/network_pb.js";
import { cidrsOverlap, parseCidr } from "@lateen/model";
import type { Cidr } from "@lateen/model";
import type { Cursor } from "../report.ts";
import { isIpAddress } from "../rules/addresses.ts";
import { checkFqdn } from "../rules/hosts.ts";
import { checkPort } from "../rules/values.ts";
import { defineKind } from "./definition.ts";

/** Which addresses reach each other, and by which gateways others are reached: key `meshNetworks` of the mesh's ConfigMap. */
export const meshNetworks = defineKind({
  group: "mesh.istio.io",
  versions: ["v1alpha1"],
  storageVersion: "v1alpha1",
  kind: "MeshNetworks",
  plural: "meshnetworks",
  shortNames: [],
  hasCrd: false,
  schema: MeshNetworksSchema,
  check(spec, at) {
    for (const [name, network] of Object.entries(spec.networks)) checkNetwork(network, at.at("networks", name));
    checkRanges(spec, at);
    checkRegistries(spec, at);
  },
});

function checkNetwork({ endpoints, gateways }: Network, at: Cursor): void {
  for (const [index, { ne }] of endpoints.entries()) {
    const here = at.at("endpoints", index);
    if (ne.case === undefined) here.error("required", "needs fromCidr or fromRegistry");
    else if (ne.value === "") here.at(ne.case).error("required", "must not be empty");
    else if (ne.case === "fromCidr" && parseCidr(ne.value) === undefined)
      here.at("fromCidr").error("address", `${JSON.stringify(ne.value)} is not an address range like 10.0.0.0/8`);
  }
  for (const [index, { gw, port }] of gateways.entries()) {
    const here = at.at("gateways", index);
    if (gw.case === undefined) here.error("required", "needs address or registryServiceName");
    else if (gw.case === "registryServiceName" || !isIpAddress(gw.value)) checkFqdn(gw.value, here.at(gw.case));
    checkPort(port, here.at("port"));
  }
}

interface Claimed<Value> {
  readonly network: string;
  readonly index: number;
  readonly value: Value;
}

function claimsOf({ networks }: MeshNetworks, kind: "fromCidr" | "fromRegistry"): readonly Claimed<string>[] {
  return Object.entries(networks).flatMap(([network, { endpoints }]) =>
    endpoints.flatMap(({ ne }, index) => (ne.case === kind ? [{ network, index, value: ne.value }] : [])),
  );
}

/** An address is in one network. */
function checkRanges(spec: MeshNetworks, at: Cursor): void {
  const earlier: Claimed<Cidr>[] = [];
  for (const { network, index, value } of claimsOf(spec, "fromCidr")) {
    const range = parseCidr(value);
    if (range === undefined) continue;
    const rival = earlier.find((other) => other.network !== network && cidrsOverlap(other.value, range));
    if (rival !== undefined)
      at.at("networks", network, "endpoints", index, "fromCidr").error(
        "overlap",
        `${value} has addresses of network ${JSON.stringify(rival.network)}, too (${rival.value.address}/${rival.value.length}); an address is in one network`,
      );
    earlier.push({ network, index, value: range });
  }
}

function checkRegistries(spec: MeshNetworks, at: Cursor): void {
  const owners = new Map<string, string>();
  for (const { network, index, value } of claimsOf(spec, "fromRegistry")) {
    const owner = owners.get(value);
    if (owner !== undefined && owner !== network)
      at.at("networks", network, "endpoints", index, "fromRegistry").error(
        "duplicate",
        `registry ${JSON.stringify(value)} is in network ${JSON.stringify(owner)} already; a registry is in one network`,
      );
    owners.set(value, owner ?? network);
  }
}
