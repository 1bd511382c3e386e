import { hostCovers } from "@lateen/model";
import type {
  Destination,
  L4MatchAttributes,
  RouteDestination,
  TCPRoute,
  TLSMatchAttributes,
  TLSRoute,
  VirtualService,
} from "@lateen/protos/networking/v1alpha3/virtual_service_pb.js";
import type { Cursor } from "../report.ts";
import { isIpAddress, isIpOrCidr } from "../rules/addresses.ts";
import { checkGatewayNames } from "../rules/gateway-names.ts";
import { isDnsLabel, serviceOf, wildcardDomainProblem } from "../rules/hosts.ts";
import { checkLabels } from "../rules/labels.ts";
import { checkNotNegative, checkPort } from "../rules/values.ts";

type CheckDestination = (destination: Destination, at: Cursor) => void;

/** Routes for whole connections: `tls` by server name, `tcp` by address. */
export function checkConnectionRoutes(spec: VirtualService, at: Cursor, checkDestination: CheckDestination): void {
  for (const [index, route] of spec.tls.entries()) {
    const here = at.at("tls", index);
    if (route.match.length === 0) here.at("match").error("required", "needs at least one match, with sniHosts");
    for (const [position, match] of route.match.entries()) checkTlsMatch(match, spec, here.at("match", position));
    checkTargets(route, here.at("route"), checkDestination);
  }
  for (const [index, route] of spec.tcp.entries()) {
    const here = at.at("tcp", index);
    for (const [position, match] of route.match.entries()) checkTcpMatch(match, here.at("match", position));
    checkTargets(route, here.at("route"), checkDestination);
  }
  checkReachable(spec.tls, "tls", at);
  checkReachable(spec.tcp, "tcp", at);
}

function checkTlsMatch(match: TLSMatchAttributes, spec: VirtualService, at: Cursor): void {
  if (match.sniHosts.length === 0) at.at("sniHosts").error("required", "needs at least one server name");
  for (const [index, host] of match.sniHosts.entries()) checkServerName(host, spec, at.at("sniHosts", index));
  checkWhere(match, at);
}

/** A name that clients ask for, and that one of the VirtualService's hosts covers. */
function checkServerName(host: string, spec: VirtualService, at: Cursor): void {
  const forGateway = spec.gateways.some((gateway) => gateway !== "mesh");
  const problem = wildcardDomainProblem(forGateway ? serviceOf(host) : host);
  if (isIpAddress(host)) {
    at.warning("ineffective", "is an address; clients do not ask for addresses by server name");
    return;
  }
  if (problem !== undefined) {
    at.error("host", problem);
    return;
  }
  if (/^\*[^.]/.test(host))
    at.error("host", `${JSON.stringify(host)} must have a whole label as its wildcard, as in "*.example.com"`);
  if (!spec.hosts.some((own) => hostCovers(own.toLowerCase(), host.toLowerCase())))
    at.error(
      "host",
      `${JSON.stringify(host)} is not covered by the VirtualService's hosts (${spec.hosts.join(", ")}); add it there`,
    );
}

function checkTcpMatch(match: L4MatchAttributes, at: Cursor): void {
  if (match.sourceSubnet !== "")
    at.at("sourceSubnet").warning(
      "not-built",
      "is not applied, as in Istio; use sourceLabels or an AuthorizationPolicy",
    );
  if (match.sourceSubnet !== "" && !isIpOrCidr(match.sourceSubnet))
    at.at("sourceSubnet").error("address", `${JSON.stringify(match.sourceSubnet)} is not an address or a range`);
  checkWhere(match, at);
}

function checkWhere(match: TLSMatchAttributes | L4MatchAttributes, at: Cursor): void {
  for (const [index, subnet] of match.destinationSubnets.entries())
    if (!isIpOrCidr(subnet))
      at.at("destinationSubnets", index).error(
        "address",
        `${JSON.stringify(subnet)} is not an address or a range like 10.0.0.0/8`,
      );
  if (match.port !== 0) checkPort(match.port, at.at("port"));
  checkLabels(match.sourceLabels, at.at("sourceLabels"));
  checkGatewayNames(match.gateways, at.at("gateways"));
  if (match.sourceNamespace !== "" && !isDnsLabel(match.sourceNamespace))
    at.at("sourceNamespace").error("namespace", `${JSON.stringify(match.sourceNamespace)} is not a namespace's name`);
}

function checkTargets({ route }: TLSRoute | TCPRoute, at: Cursor, checkDestination: CheckDestination): void {
  if (route.length === 0) at.error("required", "needs at least one destination");
  for (const [index, target] of route.entries()) checkTarget(target, at.at(index), checkDestination);
  if (route.length > 1 && route.every((target) => target.weight === 0))
    at.error("weight", "the weights add up to 0, so no destination would get any connection; set weights");
}

function checkTarget(target: RouteDestination, at: Cursor, checkDestination: CheckDestination): void {
  if (target.destination) checkDestination(target.destination, at.at("destination"));
  else at.at("destination").error("required", "is required: the host that gets the connections");
  checkNotNegative(target.weight, at.at("weight"));
}

/** The first rule that matches counts: a rule all of whose matches stand in earlier ones does nothing (Istio's IST0130). */
function checkReachable(routes: readonly (TLSRoute | TCPRoute)[], kind: "tls" | "tcp", at: Cursor): void {
  const seen = new Set<string>();
  let everything: number | undefined;
  for (const [index, { match }] of routes.entries()) {
    const keys = match.map(keyOf);
    if (everything !== undefined)
      at.at(kind, index).warning(
        "IST0130",
        `is never reached: ${kind}[${everything}] before it matches every connection`,
      );
    else if (keys.length > 0 && keys.every((key) => seen.has(key)))
      at.at(kind, index).warning("IST0130", "is never reached: rules before it match the same connections");
    for (const key of keys) seen.add(key);
    if (kind === "tcp" && match.length === 0) everything ??= index;
  }
}

function keyOf(match: TLSMatchAttributes | L4MatchAttributes): string {
  const names = "sniHosts" in match ? [...match.sniHosts].sort() : [];
  const labels = Object.entries(match.sourceLabels).sort();
  const { destinationSubnets, port, gateways, sourceNamespace } = match;
  return JSON.stringify([names, [...destinationSubnets].sort(), port, labels, [...gateways].sort(), sourceNamespace]);
}
