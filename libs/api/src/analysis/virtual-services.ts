import { hostsOverlap, isIp } from "@lateen/model";
import type { Finding, MeshObject } from "@lateen/model";
import type { Gateway } from "@lateen/protos/networking/v1alpha3/gateway_pb.js";
import type { Destination, VirtualService } from "@lateen/protos/networking/v1alpha3/virtual_service_pb.js";
import { didYouMean } from "../schema/suggest.ts";
import { finding, refOf } from "./world.ts";
import type { World } from "./world.ts";

type Rules = MeshObject<VirtualService>;

export function analyzeVirtualServices(world: World): Finding[] {
  const all = world.of<VirtualService>("VirtualService");
  return [
    ...all.flatMap((rules) => destinationsOf(rules).flatMap((place) => analyzeDestination(rules, place, world))),
    ...all.flatMap((rules) => analyzeGateways(rules, world)),
    ...all.flatMap((rules) => analyzeDelegates(rules, all)),
    ...conflictingHosts(all, world),
  ];
}

interface Place {
  readonly path: string;
  readonly destination: Destination;
}

function destinationsOf({ spec }: Rules): Place[] {
  const routes = [
    ...spec.http.flatMap((route, index) => [
      ...route.route.map((target, at) => ({
        path: `spec.http[${index}].route[${at}]`,
        destination: target.destination,
      })),
      ...route.mirrors.map((target, at) => ({
        path: `spec.http[${index}].mirrors[${at}]`,
        destination: target.destination,
      })),
      { path: `spec.http[${index}].mirror`, destination: route.mirror },
    ]),
    ...spec.tcp.flatMap((route, index) =>
      route.route.map((target, at) => ({ path: `spec.tcp[${index}].route[${at}]`, destination: target.destination })),
    ),
    ...spec.tls.flatMap((route, index) =>
      route.route.map((target, at) => ({ path: `spec.tls[${index}].route[${at}]`, destination: target.destination })),
    ),
  ];
  return routes.filter((each): each is Place => each.destination !== undefined);
}

function analyzeDestination(rules: Rules, { path, destination }: Place, world: World): Finding[] {
  if (isIp(destination.host)) return [];
  const host = world.resolve(destination.host, rules.meta.namespace);
  const known = world.find(host);
  const say = (severity: Finding["severity"], code: string, message: string) =>
    finding(refOf(rules), severity, code, `${path}: ${message}`);
  if (!known) {
    const written = host === destination.host ? "" : ` (${host})`;
    return [
      say(
        "error",
        "IST0101",
        `the host ${JSON.stringify(destination.host)}${written} is not known: no Service or ServiceEntry has it, requests will be answered 503`,
      ),
    ];
  }
  const found: Finding[] = [];
  const port = destination.port?.number;
  if (port !== undefined && known.ports.length > 0 && !known.ports.includes(port)) {
    found.push(say("error", "IST0101", `${host} has no port ${port}; it has ${known.ports.join(", ")}`));
  }
  if (port === undefined && known.ports.length > 1) {
    found.push(
      say(
        "warning",
        "IST0112",
        `${host} has the ports ${known.ports.join(", ")} and the route names none: requests keep the port they came to`,
      ),
    );
  }
  if (destination.subset !== "" && !world.subsetsOf(host)?.has(destination.subset))
    found.push(say("error", "IST0101", missingSubset(host, destination.subset, world)));
  return found;
}

function missingSubset(host: string, subset: string, world: World): string {
  const subsets = world.subsetsOf(host);
  if (!subsets) return `the subset ${JSON.stringify(subset)} is not known: no DestinationRule is about ${host}`;
  const known = subsets.size === 0 ? "they have no subsets" : `they have ${[...subsets].sort().join(", ")}`;
  return `the subset ${JSON.stringify(subset)} is not in the DestinationRules for ${host} (${known})${didYouMean(subset, subsets)}`;
}

/** Rules that delegate to what is not there, or not there to be delegated to. */
function analyzeDelegates(rules: Rules, all: readonly Rules[]): Finding[] {
  return rules.spec.http.flatMap(({ delegate }, index) => {
    if (delegate === undefined) return [];
    const { name, namespace: owner } = { ...delegate, namespace: delegate.namespace || rules.meta.namespace };
    const found = all.find(({ meta }) => meta.name === name && meta.namespace === owner);
    if (found !== undefined && found.spec.hosts.length === 0) return [];
    const candidates = all
      .filter(({ spec }) => spec.hosts.length === 0)
      .map(({ meta }) => `${meta.namespace}/${meta.name}`);
    const problem = found
      ? `VirtualService ${owner}/${name} has hosts, so it is none to delegate to; remove its hosts`
      : `there is no VirtualService ${owner}/${name}${didYouMean(`${owner}/${name}`, candidates)}`;
    const related = found ? [refOf(found)] : undefined;
    return [finding(refOf(rules), "error", "IST0101", `spec.http[${index}].delegate: ${problem}`, related)];
  });
}

function analyzeGateways(rules: Rules, world: World): Finding[] {
  const gateways = new Map(
    world.of<Gateway>("Gateway").map((gateway) => [`${gateway.meta.namespace}/${gateway.meta.name}`, gateway]),
  );
  const bound = rules.spec.gateways
    .filter((name) => name !== "mesh")
    .map((name) => ({ name, gateway: gateways.get(qualify(name, rules.meta.namespace)) }));
  const missing = bound
    .filter((each) => !each.gateway)
    .map(({ name }) =>
      finding(
        refOf(rules),
        "error",
        "IST0101",
        `spec.gateways: there is no Gateway ${qualify(name, rules.meta.namespace)}${didYouMean(qualify(name, rules.meta.namespace), gateways.keys())}`,
      ),
    );
  const unserved = bound.flatMap(({ gateway }) => (gateway ? unservedHosts(rules, gateway) : []));
  return [...missing, ...unserved];
}

function qualify(gateway: string, namespace: string): string {
  if (gateway.includes("/")) return gateway;
  const [name = "", owner] = gateway.split(".");
  return `${owner ?? namespace}/${name}`;
}

function unservedHosts(rules: Rules, gateway: MeshObject<Gateway>): Finding[] {
  const served = gateway.spec.servers
    .flatMap((server) => server.hosts)
    .map((host) => host.slice(host.indexOf("/") + 1).toLowerCase());
  return rules.spec.hosts
    .filter((host) => !served.some((each) => hostsOverlap(each, host.toLowerCase())))
    .map((host) =>
      finding(
        refOf(rules),
        "warning",
        "IST0132",
        `spec.hosts: ${JSON.stringify(host)} is not among the hosts of Gateway ${gateway.meta.namespace}/${gateway.meta.name} (${served.join(", ")})`,
        [refOf(gateway)],
      ),
    );
}

/** Sidecars follow one VirtualService for a host, the oldest; a second one is shadowed. */
function conflictingHosts(all: readonly Rules[], world: World): Finding[] {
  const byHost = new Map<string, Rules[]>();
  for (const rules of all) {
    const forMesh = rules.spec.gateways.length === 0 || rules.spec.gateways.includes("mesh");
    if (!forMesh) continue;
    for (const host of new Set(rules.spec.hosts.map((each) => world.resolve(each, rules.meta.namespace)))) {
      byHost.set(host, [...(byHost.get(host) ?? []), rules]);
    }
  }
  return [...byHost].flatMap(([host, sharers]) =>
    sharers.flatMap((rules) => {
      const others = sharers.filter((other) => other !== rules && canMeet(rules, other));
      if (others.length === 0) return [];
      const names = others.map((other) => `${other.meta.namespace}/${other.meta.name}`).join(", ");
      return [
        finding(
          refOf(rules),
          "error",
          "IST0109",
          `spec.hosts: ${JSON.stringify(host)} is also in VirtualService ${names}; sidecars follow the oldest only, so merge them`,
          others.map(refOf),
        ),
      ];
    }),
  );
}

/** Whether some sidecar sees both. */
function canMeet(left: Rules, right: Rules): boolean {
  const seenBy = ({ spec, meta }: Rules): string[] =>
    spec.exportTo.length === 0 ? ["*"] : spec.exportTo.map((entry) => (entry === "." ? meta.namespace : entry));
  return seenBy(left).some((one) => seenBy(right).some((other) => one === other || one === "*" || other === "*"));
}
