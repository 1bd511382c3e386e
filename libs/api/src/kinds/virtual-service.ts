import { VirtualServiceSchema } from "@lateen/protos/networking/v1alpha3/virtual_service_pb.js";
import type { Destination, HTTPRoute, VirtualService } from "@lateen/protos/networking/v1alpha3/virtual_service_pb.js";
import { hostCovers } from "@lateen/model";
import type { Cursor } from "../report.ts";
import { checkGatewayNames } from "../rules/gateway-names.ts";
import { checkDistinct } from "../rules/distinct.ts";
import { isIpAddress } from "../rules/addresses.ts";
import { checkServedHost, checkWildcardDomain, isDnsLabel, serviceOf } from "../rules/hosts.ts";
import { checkDuration, checkNotNegative, checkPort } from "../rules/values.ts";
import { checkVisibleRoutes } from "../rules/route-order.ts";
import { checkExportTo } from "../rules/visibility.ts";
import { checkConnectionRoutes } from "./connection-routes.ts";
import { ageColumn, defineKind, networkingVersions } from "./definition.ts";
import { checkDelegateSpec, checkDelegation } from "./delegation.ts";
import { checkFault, checkRetries } from "./http-resilience.ts";
import { checkCors, checkDirectResponse, checkHeaders, checkRedirect, checkRewrite } from "./http-actions.ts";
import { checkHttpMatch } from "./http-match.ts";

export const virtualService = defineKind({
  ...networkingVersions,
  kind: "VirtualService",
  plural: "virtualservices",
  shortNames: ["vs"],
  schema: VirtualServiceSchema,
  columns: [
    {
      name: "Gateways",
      type: "string",
      jsonPath: ".spec.gateways",
      description: "Gateways and sidecars that apply these routes",
    },
    { name: "Hosts", type: "string", jsonPath: ".spec.hosts", description: "Hosts whose traffic these routes decide" },
    ageColumn,
  ],
  check(spec, at, meta) {
    if (spec.hosts.length === 0) checkDelegateSpec(spec, at);
    else checkHosts(spec, at);
    checkGatewayNames(spec.gateways, at.at("gateways"));
    checkExportTo(spec.exportTo, meta.namespace, at.at("exportTo"));
    if (spec.http.length + spec.tls.length + spec.tcp.length === 0)
      at.error("required", "needs routes: set http, tls or tcp");
    for (const [index, route] of spec.http.entries()) {
      checkHttpRoute(route, at.at("http", index));
      checkDelegation(route, spec.hosts.length > 0, at.at("http", index, "delegate"));
    }
    checkVisibleRoutes(spec.http, at.at("http"));
    checkConnectionRoutes(spec, at, checkDestination);
  },
});

function checkHosts(spec: VirtualService, at: Cursor): void {
  const forMesh = spec.gateways.length === 0 || spec.gateways.includes("mesh");
  for (const [index, host] of spec.hosts.entries()) {
    const here = at.at("hosts", index);
    checkServedHost(spec.gateways.some((each) => each !== "mesh") ? serviceOf(host) : host, here);
    if (host === "*" && forMesh)
      here.error("host", 'the host "*" is for gateways only; name the gateways (without "mesh"), or name the hosts');
  }
  checkDistinct(spec.hosts, "host", (index) => at.at("hosts", index));
  warnOfCovered(spec.hosts, at.at("hosts"));
}

/** One that another covers has the same rules twice, and Istio takes no such VirtualService. */
function warnOfCovered(hosts: readonly string[], at: Cursor): void {
  for (const [index, host] of hosts.entries()) {
    const rival = hosts.findIndex((other) => other !== host && hostCovers(other.toLowerCase(), host.toLowerCase()));
    if (rival >= 0)
      at.at(index).warning(
        "covered-host",
        `${JSON.stringify(host)} is covered by ${JSON.stringify(hosts[rival])}, and Istio refuses that; leave it out`,
      );
  }
}

/** What a route may do, and what each action excludes. */
function checkHttpRoute(route: HTTPRoute, at: Cursor): void {
  const action = checkAction(route, at);
  if (action === "redirect" || action === "directResponse") {
    for (const field of ["fault", "rewrite"] as const) {
      if (route[field])
        at.at(field).error("conflict", `cannot be used with ${action}; it acts on requests that are forwarded`);
    }
  }
  for (const [index, match] of route.match.entries()) checkHttpMatch(match, at.at("match", index));
  checkDestinations(route, at.at("route"));
  checkRedirect(route, at.at("redirect"));
  checkDirectResponse(route.directResponse, at.at("directResponse"));
  checkRewrite(route.rewrite, route.headers, at.at("rewrite"));
  checkDuration(route.timeout, at.at("timeout"));
  checkRetries(route.retries, at.at("retries"));
  checkFault(route.fault, at.at("fault"));
  checkHeaders(route.headers, at.at("headers"));
  checkCors(route.corsPolicy, at.at("corsPolicy"));
  checkMirrors(route, at);
}

function checkAction(route: HTTPRoute, at: Cursor): "route" | "redirect" | "directResponse" | "none" {
  const given = [
    ...(route.route.length > 0 ? ["route" as const] : []),
    ...(route.redirect ? ["redirect" as const] : []),
    ...(route.directResponse ? ["directResponse" as const] : []),
  ];
  const [first, second] = given;
  if (first === undefined) {
    if (!route.delegate) at.error("required", "needs something to do: set route, redirect or directResponse");
    return "none";
  }
  if (second !== undefined) at.at(second).error("conflict", `cannot be used with ${first}; keep one of them`);
  return second ?? first;
}

function checkDestinations(route: HTTPRoute, at: Cursor): void {
  let total = 0;
  for (const [index, target] of route.route.entries()) {
    const here = at.at(index);
    if (target.destination) checkDestination(target.destination, here.at("destination"));
    else here.at("destination").error("required", "is required: the host that gets the requests");
    checkNotNegative(target.weight, here.at("weight"));
    checkHeaders(target.headers, here.at("headers"));
    total += target.weight;
  }
  if (route.route.length > 1 && total === 0)
    at.error("weight", "the weights add up to 0, so no destination would get any request; set weights");
}

export function checkDestination(destination: Destination, at: Cursor): void {
  const { host, subset, port } = destination;
  if (host === "*") at.at("host").error("host", "must name one host, not every host");
  else if (isIpAddress(host))
    at.at("host").error(
      "host",
      `${JSON.stringify(host)} is an address; name a service, or a ServiceEntry with this endpoint`,
    );
  else checkWildcardDomain(host, at.at("host"));
  if (subset !== "" && !isDnsLabel(subset))
    at.at("subset").error(
      "subset",
      `${JSON.stringify(subset)} is not a subset's name (lower-case letters, digits, hyphens)`,
    );
  if (port) checkPort(port.number, at.at("port", "number"));
}

function checkMirrors(route: HTTPRoute, at: Cursor): void {
  if (route.mirror && route.mirrors.length > 0)
    at.at("mirror").error("conflict", "cannot be used with mirrors; move it there");
  if (route.mirror) checkDestination(route.mirror, at.at("mirror"));
  if (route.mirrorPercent !== undefined)
    at.at("mirrorPercent").warning("deprecated", "is deprecated; use mirrorPercentage.value");
  if ((route.mirrorPercent ?? 0) > 100)
    at.at("mirrorPercent").error("percent", `must be from 0 to 100, got ${route.mirrorPercent}`);
  const percentage = route.mirrorPercentage?.value ?? 0;
  if (percentage < 0 || percentage > 100)
    at.at("mirrorPercentage", "value").error("percent", `must be from 0 to 100, got ${percentage}`);
  for (const [index, mirror] of route.mirrors.entries()) {
    const here = at.at("mirrors", index);
    if (mirror.destination) checkDestination(mirror.destination, here.at("destination"));
    else here.at("destination").error("required", "is required: the host that gets the copies");
    const value = mirror.percentage?.value ?? 0;
    if (value < 0 || value > 100)
      here.at("percentage", "value").error("percent", `must be from 0 to 100, got ${value}`);
  }
}
