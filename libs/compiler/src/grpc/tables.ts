import type * as ir from "@lateen/ir";
import { isWildcard } from "@lateen/model";
import type { ObjectRef } from "@lateen/model";
import { clusterKey } from "../context.ts";
import type { Context } from "../context.ts";
import { serviceHost } from "../routes/sidecar-tables.ts";
import { lacks } from "./clusters.ts";

const unavailable = 14;

/** A table for each service port that the caller has a cluster for. */
export function grpcTables(context: Context): readonly ir.GrpcTable[] {
  const services = context.services.all.filter(({ host }) => !isWildcard(host));
  return services.flatMap((service) =>
    service.ports.flatMap(({ number: port }) => {
      const host = serviceHost(context, service, port);
      const routes = host.routes.flatMap((route) => spokenRoute(context, route));
      if (routes.length === 0) return [];
      const origins = [...new Set(routes.flatMap((route) => route.rule ?? []))].sort();
      return [{ service: { host: service.host, port }, routes, origins }];
    }),
  );
}

/** Without what only an Envoy does; a route that only an Envoy can have is left out. */
function spokenRoute(context: Context, route: ir.Route): readonly ir.Route[] {
  const { action, fault, name, match, operation, rule } = route;
  const missing = onlyEnvoy(route);
  if (missing.length > 0) {
    const lost = action.kind === "forward" ? "they have no effect on its calls" : "it does not get the route";
    lacks(context, ownerOf(rule), `knows no ${missing.join(", ")} (route "${name}"); ${lost}`);
  }
  if (action.kind !== "forward") return [];
  const targets = action.targets.filter(({ cluster }) => context.clusters.has(clusterKey(cluster)));
  if (targets.length === 0) return [];
  const share = 1 - weightOf(targets) / weightOf(action.targets);
  const injected = share > 0 ? refusing(share, fault) : fault;
  const { timeoutMs, retry, hash } = action;
  return [
    {
      ...{ name, match, operation },
      action: {
        kind: "forward",
        targets: targets.map(({ cluster, weight }) => ({ cluster, weight })),
        timeoutMs,
        ...(retry === undefined ? {} : { retry }),
        ...(hash === undefined ? {} : { hash }),
      },
      ...(injected === undefined ? {} : { fault: injected }),
      ...(rule === undefined ? {} : { rule }),
    },
  ];
}

/** Fields of a VirtualService's rule that a gRPC library has no counterpart for. */
function onlyEnvoy({ action, cors, requestHeaders, responseHeaders }: ir.Route): readonly string[] {
  if (action.kind !== "forward") return [action.kind === "redirect" ? "redirect" : "directResponse"];
  const headers = [
    requestHeaders,
    responseHeaders,
    ...action.targets.flatMap((one) => [one.requestHeaders, one.responseHeaders]),
  ];
  return [
    ...(cors === undefined ? [] : ["corsPolicy"]),
    ...(headers.every((changes) => changes === undefined) ? [] : ["headers"]),
    ...(action.rewrite === undefined && action.hostRewrite === undefined ? [] : ["rewrite"]),
    ...((action.mirrors ?? []).length === 0 ? [] : ["mirrors"]),
  ];
}

function ownerOf(rule = ""): ObjectRef {
  const [kind = "", namespace = "", name = ""] = rule.split("/");
  return { kind, namespace, name };
}

/** The share of calls for a destination that does not exist fails, as it does in a sidecar. */
function refusing(share: number, fault: ir.Fault | undefined): ir.Fault {
  if (fault?.abort !== undefined) return fault;
  return { ...fault, abort: { kind: "grpc", status: unavailable, percent: share * 100 } };
}

function weightOf(targets: readonly ir.WeightedTarget[]): number {
  return targets.reduce((sum, { weight }) => sum + weight, 0);
}
