import type * as ir from "@lateen/ir";
import { RouteSchema, VirtualHostSchema } from "@lateen/protos/envoy/config/route/v3/route_components_pb.js";
import type { Route, VirtualHost } from "@lateen/protos/envoy/config/route/v3/route_components_pb.js";
import { RouteConfigurationSchema } from "@lateen/protos/envoy/config/route/v3/route_pb.js";
import type { RouteConfiguration } from "@lateen/protos/envoy/config/route/v3/route_pb.js";
import { picksRoute, picksTable, picksVirtualHost } from "./matching.ts";
import { mergeInto } from "./merge.ts";
import { patchSequence } from "./sequence.ts";
import type { Applied } from "./sequence.ts";
import { isAddition, isMerge, listRule, patchValue } from "./values.ts";

/** The table, then what is in it, then what is added to it: an addition is not patched itself. */
export function patchTable(table: RouteConfiguration, patches: readonly ir.Patch[], applied: Applied): void {
  const own = patches.filter((patch) => picksTable(patch, table));
  for (const patch of own) {
    if (patch.target !== "route-configuration" || !isMerge(patch)) continue;
    mergeInto(RouteConfigurationSchema, table, patchValue(RouteConfigurationSchema, patch), listRule(patch));
    applied(patch);
  }
  table.virtualHosts = table.virtualHosts.flatMap((host) => patchVirtualHost(host, own, applied));
  for (const patch of own) {
    if (patch.target !== "virtual-host" || !isAddition(patch)) continue;
    table.virtualHosts.push(patchValue(VirtualHostSchema, patch));
    applied(patch);
  }
}

function patchVirtualHost(host: VirtualHost, patches: readonly ir.Patch[], applied: Applied): VirtualHost[] {
  let patched = host;
  for (const patch of patches) {
    if (patch.target !== "virtual-host" || isAddition(patch) || !picksVirtualHost(patch, patched)) continue;
    applied(patch);
    if (patch.operation === "remove") return [];
    if (patch.operation === "replace") patched = patchValue(VirtualHostSchema, patch);
    else mergeInto(VirtualHostSchema, patched, patchValue(VirtualHostSchema, patch), listRule(patch));
  }
  patchRoutes(patched, patches, applied);
  return [patched];
}

function patchRoutes(host: VirtualHost, patches: readonly ir.Patch[], applied: Applied): void {
  const own = patches.filter((patch) => patch.target === "route" && picksVirtualHost(patch, host));
  host.routes = host.routes.flatMap((route) => patchRoute(route, own, applied));
  for (const patch of own) {
    if (!isAddition(patch)) continue;
    const changed = patchSequence<Route>(host.routes, patch, {
      matches: (route) => picksRoute(patch, route),
      picks: patch.routes?.virtualHost?.route !== undefined,
      value: () => patchValue(RouteSchema, patch),
      end: (routes) => routes.length,
    });
    if (changed) applied(patch);
  }
}

function patchRoute(route: Route, patches: readonly ir.Patch[], applied: Applied): Route[] {
  for (const patch of patches) {
    if (isAddition(patch) || !picksRoute(patch, route)) continue;
    if (patch.operation === "remove") {
      applied(patch);
      return [];
    }
    if (!isMerge(patch)) continue;
    mergeInto(RouteSchema, route, patchValue(RouteSchema, patch), listRule(patch));
    applied(patch);
  }
  return [route];
}
