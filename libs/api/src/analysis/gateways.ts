import { hostsOverlap } from "@lateen/model";
import type { Finding, MeshObject } from "@lateen/model";
import type { Gateway, Server } from "@lateen/protos/networking/v1alpha3/gateway_pb.js";
import { finding, refOf } from "./world.ts";
import type { World } from "./world.ts";

export function analyzeGateways(world: World): Finding[] {
  const all = world.of<Gateway>("Gateway");
  return [...withoutWorkload(all, world), ...conflicts(all)];
}

function withoutWorkload(all: readonly MeshObject<Gateway>[], world: World): Finding[] {
  if (!world.input.workloads) return [];
  return all
    .filter(({ spec }) => world.select(spec.selector, undefined).length === 0)
    .map((gateway) => {
      const labels = Object.entries(gateway.spec.selector)
        .map(([key, value]) => `${key}=${value}`)
        .join(",");
      return finding(
        refOf(gateway),
        "error",
        "IST0101",
        `spec.selector: no workload has the labels ${labels}, so the gateway is nowhere`,
      );
    });
}

/** Two gateways on the same workloads, port and host: which one a request meets is left to chance. */
function conflicts(all: readonly MeshObject<Gateway>[]): Finding[] {
  return all.flatMap((gateway) => {
    const rivals = all.filter(
      (other) => other !== gateway && sameWorkloads(gateway.spec, other.spec) && servesSame(gateway.spec, other.spec),
    );
    if (rivals.length === 0) return [];
    const names = rivals.map((rival) => `${rival.meta.namespace}/${rival.meta.name}`).join(", ");
    return [
      finding(
        refOf(gateway),
        "error",
        "IST0145",
        `serves a host and port that ${names} serves, too, on the same workloads; remove one`,
        rivals.map(refOf),
      ),
    ];
  });
}

function sameWorkloads(left: Gateway, right: Gateway): boolean {
  return JSON.stringify(Object.entries(left.selector).sort()) === JSON.stringify(Object.entries(right.selector).sort());
}

function servesSame(left: Gateway, right: Gateway): boolean {
  return left.servers.some((one) =>
    right.servers.some(
      (other) => one.port?.number === other.port?.number && one.bind === other.bind && shareHost(one, other),
    ),
  );
}

function shareHost(left: Server, right: Server): boolean {
  return left.hosts.some((one) => right.hosts.some((other) => one === other && hostsOverlap(one, other)));
}
