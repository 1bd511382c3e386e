import type { Finding } from "@lateen/model";
import type { MeshNetworks } from "@lateen/protos/mesh/v1alpha1/network_pb.js";
import { finding, refOf } from "./world.ts";
import type { World } from "./world.ts";

/** Registries and clusters that networks are made of, but nothing comes from. */
export function analyzeMeshNetworks(world: World): Finding[] {
  const { services = [], workloads } = world.input;
  if (workloads === undefined) return [];
  const known = new Set([
    ...services.map(({ registry }) => registry),
    ...workloads.flatMap(({ registry, cluster }) => [registry, cluster]),
  ]);
  const names = [...known].filter((name) => name !== "").sort();
  return world
    .of<MeshNetworks>("MeshNetworks")
    .flatMap((object) =>
      Object.entries(object.spec.networks).flatMap(([network, { endpoints }]) =>
        endpoints.flatMap(({ ne }, index) =>
          ne.case !== "fromRegistry" || known.has(ne.value)
            ? []
            : [
                finding(
                  refOf(object),
                  "error",
                  "IST0126",
                  `spec.networks[${JSON.stringify(network)}].endpoints[${index}].fromRegistry: nothing comes from a registry or cluster ${JSON.stringify(ne.value)}; there ${names.length === 1 ? "is" : "are"} ${names.join(", ") || "none"}`,
                ),
              ],
        ),
      ),
    );
}
