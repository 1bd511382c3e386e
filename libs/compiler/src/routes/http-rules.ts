import type * as ir from "@lateen/ir";
import { formatRef, selects } from "@lateen/model";
import { clusterKey, requires } from "../context.ts";
import type { Context } from "../context.ts";
import { gatewayName, meshGateway } from "../index/gateway-name.ts";
import type { ServiceRecord } from "../index/service-record.ts";
import type { VirtualServiceRecord } from "../index/virtual-services.ts";
import type { HttpMatch, HttpRule } from "../istio.ts";
import { compileAction } from "./actions.ts";
import type { RoutingSite } from "./actions.ts";
import { hashOf, needsAnnouncement } from "./destination.ts";
import { compileHeaders, joinChanges } from "./headers.ts";
import { compileMatch, matchesEverything } from "./match.ts";
import { compileCors, compileFault, compileRetry } from "./resilience.ts";

export const faultFilter = "envoy.filters.http.fault";
export const corsFilter = "envoy.filters.http.cors";

export type RuleSite = Pick<RoutingSite, "port" | "gateways" | "tls">;

/** The rules of a VirtualService that can apply at `site`, in order, up to one that matches everything. */
export function compileHttpRules(context: Context, record: VirtualServiceRecord, site: RuleSite): readonly ir.Route[] {
  const rules = record.object.origin;
  const routes: ir.Route[] = [];
  for (const rule of record.object.spec.http) {
    const owner = record.writtenIn.get(rule)?.origin ?? rules;
    const here: RoutingSite = { ...site, rules: record.ofIngress === true ? owner : rules, owner };
    const matches: readonly (HttpMatch | undefined)[] = rule.match.length === 0 ? [undefined] : rule.match;
    for (const match of matches) {
      if (match !== undefined && !appliesHere(context, record, match, site)) continue;
      const route = compileRule(context, { rule, match, byElement: record.ofIngress === true }, here);
      routes.push(route);
      if (matchesEverything(route.match)) return routes;
    }
  }
  return routes;
}

function appliesHere(context: Context, record: VirtualServiceRecord, match: HttpMatch, site: RuleSite): boolean {
  if (match.port !== 0 && match.port !== site.port) return false;
  if (match.gateways.length > 0) {
    return match.gateways.some((gateway) => site.gateways.has(gatewayName(gateway, record.object.meta.namespace)));
  }
  if (match.sourceNamespace !== "" && match.sourceNamespace !== context.scope.namespace) return false;
  return selects(match.sourceLabels, context.scope.labels);
}

interface MatchedRule {
  readonly rule: HttpRule;
  readonly match: HttpMatch | undefined;
  readonly byElement: boolean;
}

function compileRule(context: Context, { rule, match, byElement }: MatchedRule, site: RoutingSite): ir.Route {
  const action = compileAction(context, rule, site);
  const routeMatch = compileMatch(match, byElement);
  const headers = headersOf(rule, action);
  const fault =
    rule.fault !== undefined && requires(context, faultFilter, site.owner, "its faults are not injected")
      ? compileFault(rule.fault)
      : undefined;
  const cors =
    rule.corsPolicy !== undefined && requires(context, corsFilter, site.owner, "its corsPolicy is not applied")
      ? compileCors(rule.corsPolicy)
      : undefined;
  return {
    name: match === undefined || match.name === "" ? rule.name : `${rule.name}.${match.name}`,
    match: routeMatch,
    action: headers.action,
    operation: operationOf(action, routeMatch, site),
    ...(headers.request === undefined ? {} : { requestHeaders: headers.request }),
    ...(headers.response === undefined ? {} : { responseHeaders: headers.response }),
    ...(fault === undefined ? {} : { fault }),
    ...(cors === undefined ? {} : { cors }),
    ...(match === undefined || match.statPrefix === "" ? {} : { statPrefix: match.statPrefix }),
    rule: formatRef(site.rules),
    ...(site.owner === site.rules ? {} : { delegate: formatRef(site.owner) }),
  };
}

/** A single destination's header changes follow the rule's own on the route itself. */
function headersOf(
  rule: HttpRule,
  action: ir.RouteAction,
): {
  readonly action: ir.RouteAction;
  readonly request: ir.HeaderChanges | undefined;
  readonly response: ir.HeaderChanges | undefined;
} {
  const { requestHeaders, responseHeaders } = compileHeaders(rule.headers);
  const [only, ...others] = action.kind === "forward" ? action.targets : [];
  if (action.kind !== "forward" || only === undefined || others.length > 0) {
    return { action, request: requestHeaders, response: responseHeaders };
  }
  const hostRewrite = action.hostRewrite ?? only.hostRewrite;
  return {
    action: {
      ...action,
      targets: [{ cluster: only.cluster, weight: 1 }],
      ...(hostRewrite === undefined ? {} : { hostRewrite }),
    },
    request: joinChanges(requestHeaders, only.requestHeaders),
    response: joinChanges(responseHeaders, only.responseHeaders),
  };
}

function operationOf(action: ir.RouteAction, match: ir.RouteMatch, site: RoutingSite): string {
  const path =
    match.path.kind === "prefix" || match.path.kind === "elements" ? `${match.path.value}*` : match.path.value;
  const [only, ...others] = action.kind === "forward" ? action.targets : [];
  if (only?.cluster.kind === "outbound" && others.length === 0)
    return `${only.cluster.host}:${only.cluster.port}${path}`;
  return `${site.rules.name}:${site.port}${path}`;
}

/** What happens to requests of a service no rule speaks about: they go to it. */
export function defaultRoute(context: Context, service: ServiceRecord, port: number): ir.Route {
  const cluster: ir.OutboundClusterRef = { kind: "outbound", host: service.host, port, subset: "" };
  const hash = hashOf(context, service, cluster);
  // Other hosts are tried even where a hash chose the first: only a VirtualService's routes stay, in Istio too.
  const retry = compileRetry(context.settings.defaultRetry, false);
  const known = context.clusters.get(clusterKey(cluster));
  return {
    name: "default",
    match: { path: { kind: "prefix", value: "/" } },
    action: {
      kind: "forward",
      targets: [{ cluster, weight: 1 }],
      timeoutMs: 0,
      ...(retry === undefined ? {} : { retry }),
      ...(hash.length > 0 ? { hash } : {}),
      ...(known !== undefined && needsAnnouncement(context, known) ? { announceHttp: true } : {}),
    },
    operation: `${cluster.host}:${cluster.port}/*`,
  };
}

export const meshSite: ReadonlySet<string> = new Set([meshGateway]);
