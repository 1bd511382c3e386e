import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type * as ir from "@lateen/ir";
import { RouteConfigurationSchema } from "@lateen/protos/envoy/config/route/v3/route_pb.js";
import type { RouteConfiguration } from "@lateen/protos/envoy/config/route/v3/route_pb.js";
import {
  RouteSchema,
  VirtualHost_TlsRequirementType,
  VirtualHostSchema,
} from "@lateen/protos/envoy/config/route/v3/route_components_pb.js";
import type { Route, VirtualHost } from "@lateen/protos/envoy/config/route/v3/route_components_pb.js";
import { istioMetadata } from "./messages.ts";
import type { Init } from "./messages.ts";
import { headerMatcher, queryMatcher } from "./matchers.ts";
import { configPath, routeTableName, virtualHostName } from "./naming.ts";
import { buildRateLimit } from "./rate-limits.ts";
import { directResponse, headerChanges, redirect, routeAction } from "./route-actions.ts";
import { perRouteFilters } from "./route-filters.ts";

const maxDirectResponseBytes = 1_048_576;

export function buildRouteTable(table: ir.RouteTable): RouteConfiguration {
  const inbound = table.ref.kind === "inbound";
  return create(RouteConfigurationSchema, {
    name: routeTableName(table.ref),
    virtualHosts: table.virtualHosts.map(virtualHost),
    // References are checked before anything is published: `references.ts`.
    validateClusters: false,
    ...(inbound ? {} : { maxDirectResponseBodySizeBytes: maxDirectResponseBytes }),
    ...(inbound || table.matchPorts ? {} : { ignorePortInHostMatching: true }),
  });
}

const field = { virtualHosts: 2 } as const;

/**
 * `buildRouteTable`, encoded, in pieces that follow each other: one of them for each host. A host that was in an earlier
 * table is the same piece, so that a large table's change costs what has changed.
 */
export function encodeRouteTable(table: ir.RouteTable): readonly Uint8Array[] {
  const rest = toBinary(RouteConfigurationSchema, buildRouteTable({ ...table, virtualHosts: [] }));
  const reader = new BinaryReader(rest);
  reader.skip(reader.tag()[1]); // the name, which is the one field before the hosts
  return [rest.subarray(0, reader.pos), ...table.virtualHosts.map(encodedHost), rest.subarray(reader.pos)];
}

const encodedHosts = new WeakMap<ir.VirtualHost, Uint8Array>();

/** With its tag and length. */
function encodedHost(host: ir.VirtualHost): Uint8Array {
  const known = encodedHosts.get(host);
  if (known !== undefined) return known;
  const made = new BinaryWriter()
    .tag(field.virtualHosts, WireType.LengthDelimited)
    .bytes(toBinary(VirtualHostSchema, virtualHost(host)))
    .finish();
  encodedHosts.set(host, made);
  return made;
}

function virtualHost(host: ir.VirtualHost): VirtualHost {
  return create(VirtualHostSchema, {
    name: virtualHostName(host),
    domains: [...host.domains],
    routes: host.routes.map((route) => buildRoute(route, host.forwardsHost === true)),
    includeRequestAttemptCount: host.kind !== "inbound" && host.kind !== "black-hole" && host.attempts !== "uncounted",
    ...(host.requireTls ? { requireTls: VirtualHost_TlsRequirementType.ALL } : {}),
    rateLimits: (host.rateLimits ?? []).map(buildRateLimit),
  });
}

export function buildRoute(from: ir.Route, forwardsHost = false): Route {
  return create(RouteSchema, {
    name: from.name,
    match: routeMatch(from.match),
    action: action(from.action, forwardsHost),
    ...headerChanges(from.requestHeaders, from.responseHeaders),
    ...(from.operation === "" ? {} : { decorator: { operation: from.operation } }),
    ...(from.rule === undefined ? {} : { metadata: istioMetadata({ config: configPath(from.rule) }) }),
    statPrefix: from.statPrefix ?? "",
    typedPerFilterConfig: perRouteFilters(from),
  });
}

const pathForms = { exact: "path", prefix: "prefix", elements: "pathSeparatedPrefix" } as const;

function routeMatch(match: ir.RouteMatch): Init<typeof RouteSchema>["match"] {
  const { path } = match;
  return {
    pathSpecifier:
      path.kind === "regex"
        ? { case: "safeRegex", value: { regex: path.value } }
        : { case: pathForms[path.kind], value: path.value },
    ...(match.ignorePathCase ? { caseSensitive: false } : {}),
    headers: (match.headers ?? []).map(headerMatcher),
    queryParameters: (match.query ?? []).map(queryMatcher),
  };
}

function action(from: ir.RouteAction, forwardsHost: boolean): NonNullable<Init<typeof RouteSchema>["action"]> {
  switch (from.kind) {
    case "forward":
      return { case: "route", value: routeAction(from, forwardsHost) };
    case "redirect":
      return { case: "redirect", value: redirect(from) };
    case "respond":
      return { case: "directResponse", value: directResponse(from) };
  }
}
