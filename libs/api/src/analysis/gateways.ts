import type { Finding, MeshObject } from "@lateen/model";
import { ServerTLSSettings_TLSmode } from "@lateen/protos/networking/v1alpha3/gateway_pb.js";
import type { Gateway, Server } from "@lateen/protos/networking/v1alpha3/gateway_pb.js";
import { isHttpProtocol, isTlsProtocol } from "../rules/protocols.ts";
import { didYouMean } from "../schema/suggest.ts";
import { finding, refOf } from "./world.ts";
import type { World } from "./world.ts";

export function analyzeGateways(world: World): Finding[] {
  const all = world.of<Gateway>("Gateway");
  return [
    ...withoutWorkload(all, world),
    ...conflicts(all),
    ...all.flatMap((gateway) => missingCredentials(gateway, world)),
  ];
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
  return left.servers.some((one) => right.servers.some((other) => clash(one, other)));
}

/** Servers share a port as plain HTTP, or under TLS, with hosts of their own; in any other case one of them is left out. */
function clash(left: Server, right: Server): boolean {
  if (left.port?.number !== right.port?.number || left.bind !== right.bind) return false;
  const sharing = sharingOf(left);
  return sharing !== sharingOf(right) || sharing === "none" || left.hosts.some((host) => right.hosts.includes(host));
}

function sharingOf({ port }: Server): "http" | "server-name" | "none" {
  const protocol = port?.protocol ?? "";
  return isHttpProtocol(protocol) ? "http" : isTlsProtocol(protocol) ? "server-name" : "none";
}

const terminating: readonly ServerTLSSettings_TLSmode[] = [
  ServerTLSSettings_TLSmode.SIMPLE,
  ServerTLSSettings_TLSmode.MUTUAL,
  ServerTLSSettings_TLSmode.OPTIONAL_MUTUAL,
];

/** A server whose Secret is missing ends all connections until there is one. */
function missingCredentials(gateway: MeshObject<Gateway>, world: World): Finding[] {
  const { secrets } = world.input;
  if (secrets === undefined) return [];
  const places = new Set(world.select(gateway.spec.selector, undefined).map((workload) => workload.namespace));
  const namespaces = places.size > 0 ? [...places] : [gateway.meta.namespace];
  return gateway.spec.servers.flatMap(({ tls }, index) => {
    if (tls === undefined || !terminating.includes(tls.mode)) return [];
    const names = [tls.credentialName, ...tls.credentialNames, tls.caCertCredentialName].filter((name) => name !== "");
    return names.flatMap((name) => {
      const wanted = secretsOf(name, namespaces).filter(
        (secret) => !secrets.has(secret) && !(name === tls.caCertCredentialName && secrets.has(`${secret}-cacert`)),
      );
      if (wanted.length === 0) return [];
      const message = `spec.servers[${index}].tls: there is no Secret ${wanted.join(", ")}, so connections to it fail until there is one`;
      return [finding(refOf(gateway), "error", "IST0101", `${message}${didYouMean(wanted[0] ?? "", secrets)}`)];
    });
  });
}

/** In the namespaces of the gateway's pods, unless the name says which. */
function secretsOf(name: string, namespaces: readonly string[]): readonly string[] {
  if (name.startsWith("builtin:") || name.startsWith("sds:")) return [];
  const path = name.replace(/^kubernetes(-gateway)?:\/\//, "");
  return path.includes("/") ? [path] : namespaces.map((namespace) => `${namespace}/${path}`);
}
