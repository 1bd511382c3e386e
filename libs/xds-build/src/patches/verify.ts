import { toBinary } from "@bufbuild/protobuf";
import { anyIs, anyUnpack } from "@bufbuild/protobuf/wkt";
import { FilterChainMatchSchema } from "@lateen/protos/envoy/config/listener/v3/listener_components_pb.js";
import type { Filter, FilterChain } from "@lateen/protos/envoy/config/listener/v3/listener_components_pb.js";
import type { Listener } from "@lateen/protos/envoy/config/listener/v3/listener_pb.js";
import type { RouteConfiguration } from "@lateen/protos/envoy/config/route/v3/route_pb.js";
import { HttpConnectionManagerSchema } from "@lateen/protos/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { HttpConnectionManager } from "@lateen/protos/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { AnyFilter } from "./filters.ts";
import { isTerminal } from "./filters.ts";
import { terminalHttpFilters, terminalNetworkFilters } from "./terminal-filters.ts";

/** What Envoy would refuse a patched resource for, as far as it can be told from the outside; undefined for nothing. */
export function listenerProblem(listener: Listener, extensions: ReadonlySet<string>): string | undefined {
  const { name, address, listenerSpecifier, filterChains, defaultFilterChain } = listener;
  if (address === undefined && listenerSpecifier.case === undefined) return `listener ${name} would have no address`;
  const matches = filterChains.map(matchKey);
  if (new Set(matches).size < matches.length) return `two filter chains of ${name} would match the same connections`;
  const chains = [...filterChains, ...(defaultFilterChain === undefined ? [] : [defaultFilterChain])];
  for (const filter of listener.listenerFilters) {
    const problem = discoveryProblem(filter, extensions);
    if (problem !== undefined) return problem;
  }
  return (
    firstOf(chains.flatMap(({ filters }) => filters.map((filter) => managerProblem(filter, extensions)))) ??
    firstOf(chains.map(({ filters }) => orderProblem(filters, terminalNetworkFilters)))
  );
}

export function tableProblem({ name, virtualHosts }: RouteConfiguration): string | undefined {
  return (
    repeated(
      virtualHosts.map((host) => host.name),
      (host) => `route table ${name} would have two virtual hosts ${host}`,
    ) ??
    repeated(
      virtualHosts.flatMap(({ domains }) => domains.map((domain) => domain.toLowerCase())),
      (domain) => `two virtual hosts of route table ${name} would have the domain ${domain}`,
    ) ??
    firstOf(
      virtualHosts.map((host) =>
        host.domains.length === 0 ? `virtual host ${host.name} would have no domains` : undefined,
      ),
    )
  );
}

/** The match without what does not tell connections apart. */
function matchKey({ filterChainMatch }: FilterChain): string {
  return filterChainMatch === undefined ? "" : String(toBinary(FilterChainMatchSchema, filterChainMatch));
}

function managerProblem(filter: Filter, extensions: ReadonlySet<string>): string | undefined {
  const { configType } = filter;
  const isManager = configType.case === "typedConfig" && anyIs(configType.value, HttpConnectionManagerSchema);
  const manager = isManager ? anyUnpack(configType.value, HttpConnectionManagerSchema) : undefined;
  return manager === undefined ? discoveryProblem(filter, extensions) : problemOf(manager, extensions);
}

function problemOf(
  { httpFilters, routeSpecifier }: HttpConnectionManager,
  extensions: ReadonlySet<string>,
): string | undefined {
  if (!httpFilters.some((filter) => isTerminal(filter, terminalHttpFilters)))
    return "there would be no router at the end of the HTTP filters";
  return (
    orderProblem(httpFilters, terminalHttpFilters) ??
    firstOf(httpFilters.map((filter) => discoveryProblem(filter, extensions))) ??
    (routeSpecifier.case === "routeConfig" ? tableProblem(routeSpecifier.value) : undefined)
  );
}

function orderProblem(filters: readonly AnyFilter[], terminal: ReadonlySet<string>): string | undefined {
  const early = filters.slice(0, -1).find((filter) => isTerminal(filter, terminal));
  const after = early === undefined ? undefined : filters[filters.indexOf(early) + 1];
  return early && after ? `${after.name} would come after ${early.name}, which ends the chain` : undefined;
}

/** A filter that waits for a configuration nobody sends would keep its listener from ever working. */
function discoveryProblem({ name, configType }: AnyFilter, extensions: ReadonlySet<string>): string | undefined {
  if (configType.case !== "configDiscovery" || extensions.has(name)) return undefined;
  const { configSource } = configType.value as { configSource?: { configSourceSpecifier: { case?: string } } };
  return configSource?.configSourceSpecifier.case === "ads"
    ? `filter ${name} would wait for an EXTENSION_CONFIG of that name, which there is not`
    : undefined;
}

export function repeated(names: readonly string[], say: (name: string) => string): string | undefined {
  const twice = names.find((name, index) => names.indexOf(name) < index);
  return twice === undefined ? undefined : say(twice);
}

function firstOf(problems: readonly (string | undefined)[]): string | undefined {
  return problems.find((problem) => problem !== undefined);
}
