import { anyIs, anyPack, anyUnpack } from "@bufbuild/protobuf/wkt";
import type * as ir from "@lateen/ir";
import {
  FilterChainSchema,
  FilterSchema,
  ListenerFilterSchema,
} from "@lateen/protos/envoy/config/listener/v3/listener_components_pb.js";
import type {
  Filter,
  FilterChain,
  ListenerFilter,
} from "@lateen/protos/envoy/config/listener/v3/listener_components_pb.js";
import { ListenerSchema } from "@lateen/protos/envoy/config/listener/v3/listener_pb.js";
import type { Listener } from "@lateen/protos/envoy/config/listener/v3/listener_pb.js";
import {
  HttpConnectionManagerSchema,
  HttpFilterSchema,
} from "@lateen/protos/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { HttpFilter } from "@lateen/protos/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { mergeSocket } from "./clusters.ts";
import { patchFilters } from "./filters.ts";
import type { FilterRules } from "./filters.ts";
import { picksChain, picksListener } from "./matching.ts";
import { mergeInto } from "./merge.ts";
import type { ListRule } from "./merge.ts";
import { patchTable } from "./routes.ts";
import type { Applied } from "./sequence.ts";
import { terminalHttpFilters, terminalNetworkFilters } from "./terminal-filters.ts";
import { isAddition, isMerge, listRule, patchValue } from "./values.ts";

const manager = "envoy.filters.network.http_connection_manager";

/** Undefined for a listener that is removed. Routes inside it are patched first: they are made before it. */
export function patchListener(
  listener: Listener,
  patches: readonly ir.Patch[],
  applied: Applied,
): Listener | undefined {
  patchInlineRoutes(listener, patches, applied);
  const { name } = listener;
  const own = patches.filter((patch) => picksListener(patch, { name, port: portOf(listener) }));
  for (const patch of own) {
    if (patch.target !== "listener" || isAddition(patch)) continue;
    if (patch.operation === "remove") {
      applied(patch);
      return undefined;
    }
    if (!isMerge(patch)) continue;
    mergeInto(ListenerSchema, listener, patchValue(ListenerSchema, patch), listRule(patch));
    applied(patch);
  }
  patchFilters<ListenerFilter>(listener.listenerFilters, of(own, "listener-filter"), listenerFilters, applied);
  patchChains(listener, own, applied);
  return listener;
}

export function portOf({ address }: Listener): number | undefined {
  const socket = address?.address.case === "socketAddress" ? address.address.value.portSpecifier : undefined;
  return socket?.case === "portValue" ? socket.value : undefined;
}

function of(patches: readonly ir.Patch[], target: ir.Patch["target"]): readonly ir.Patch[] {
  return patches.filter((patch) => patch.target === target);
}

function patchChains(listener: Listener, patches: readonly ir.Patch[], applied: Applied): void {
  const keep = (chain: FilterChain): boolean => patchChain(listener, chain, patches, applied);
  listener.filterChains = listener.filterChains.filter(keep);
  if (listener.defaultFilterChain !== undefined && !keep(listener.defaultFilterChain))
    delete listener.defaultFilterChain;
  for (const patch of of(patches, "filter-chain")) {
    if (!isAddition(patch)) continue;
    listener.filterChains.push(patchValue(FilterChainSchema, patch));
    applied(patch);
  }
}

/** False for a chain that is removed. */
function patchChain(listener: Listener, chain: FilterChain, patches: readonly ir.Patch[], applied: Applied): boolean {
  const picked = (each: readonly ir.Patch[]): readonly ir.Patch[] =>
    each.filter((patch) => picksChain(patch, listener, chain));
  for (const patch of of(patches, "filter-chain")) {
    if (isAddition(patch) || !picksChain(patch, listener, chain)) continue;
    if (patch.operation === "remove") {
      applied(patch);
      return false;
    }
    if (!isMerge(patch)) continue;
    mergeChain(chain, patchValue(FilterChainSchema, patch), listRule(patch));
    applied(patch);
  }
  patchFilters<Filter>(chain.filters, picked(of(patches, "network-filter")), networkFilters, applied);
  const inManagers = picked(of(patches, "http-filter"));
  for (const filter of chain.filters)
    if (filter.name === manager) {
      const own = inManagers.filter((patch) => (patch.listener?.chain?.filter ?? manager) === filter.name);
      patchManager(filter, own, applied);
    }
  return true;
}

/** A transport socket goes into the one of its name, or in place of another. */
function mergeChain(chain: FilterChain, value: FilterChain, lists: ListRule): void {
  const { transportSocket: socket } = value;
  delete value.transportSocket;
  mergeInto(FilterChainSchema, chain, value, lists);
  if (socket === undefined) return;
  if (chain.transportSocket?.name === socket.name) mergeSocket(chain.transportSocket, socket, lists);
  else chain.transportSocket = socket;
}

function patchManager(filter: Filter, patches: readonly ir.Patch[], applied: Applied): void {
  if (patches.length === 0) return;
  withManager(filter, (config) => patchFilters<HttpFilter>(config.httpFilters, patches, httpFilters, applied));
}

function patchInlineRoutes(listener: Listener, patches: readonly ir.Patch[], applied: Applied): void {
  const own = patches.filter(
    ({ target }) => target === "route-configuration" || target === "virtual-host" || target === "route",
  );
  if (own.length === 0) return;
  const chains = [...listener.filterChains, ...(listener.defaultFilterChain ? [listener.defaultFilterChain] : [])];
  for (const filter of chains.flatMap((chain) => chain.filters)) {
    if (filter.name !== manager) continue;
    withManager(filter, ({ routeSpecifier }) => {
      if (routeSpecifier.case === "routeConfig") patchTable(routeSpecifier.value, own, applied);
    });
  }
}

type Manager = NonNullable<ReturnType<typeof managerIn>>;

function managerIn({ configType }: Filter) {
  return configType.case === "typedConfig" && anyIs(configType.value, HttpConnectionManagerSchema)
    ? anyUnpack(configType.value, HttpConnectionManagerSchema)
    : undefined;
}

function withManager(filter: Filter, change: (config: Manager) => void): void {
  const config = managerIn(filter);
  if (config === undefined) return;
  change(config);
  filter.configType = { case: "typedConfig", value: anyPack(HttpConnectionManagerSchema, config) };
}

const listenerFilters: FilterRules<ListenerFilter> = {
  selected: ({ listener }) => listener?.listenerFilter,
  value: (patch) => patchValue(ListenerFilterSchema, patch),
  terminal: new Set(),
  authentication: [],
  authorization: [],
  telemetry: [],
};

const networkFilters: FilterRules<Filter> = {
  selected: ({ listener }) => listener?.chain?.filter,
  value: (patch) => patchValue(FilterSchema, patch),
  terminal: terminalNetworkFilters,
  authentication: [],
  authorization: ["envoy.filters.network.rbac", "envoy.filters.network.ext_authz"],
  telemetry: ["istio.stats"],
};

const httpFilters: FilterRules<HttpFilter> = {
  selected: ({ listener }) => listener?.chain?.httpFilter,
  value: (patch) => patchValue(HttpFilterSchema, patch),
  terminal: terminalHttpFilters,
  authentication: ["envoy.filters.http.jwt_authn"],
  authorization: ["envoy.filters.http.rbac", "envoy.filters.http.ext_authz"],
  telemetry: ["envoy.filters.http.grpc_stats", "istio.stats"],
};
