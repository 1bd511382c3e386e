import type * as ir from "@lateen/ir";
import { formatRef } from "@lateen/model";
import type { MeshObject } from "@lateen/model";
import type { EnvoyFilter, EnvoyFilterMatch } from "../istio.ts";

/** By the number of the enum: Istio's ApplyTo. */
const targets: Readonly<Record<number, ir.PatchTarget>> = {
  1: "listener",
  2: "filter-chain",
  3: "network-filter",
  4: "http-filter",
  5: "route-configuration",
  6: "virtual-host",
  7: "route",
  8: "cluster",
  9: "extension",
  10: "bootstrap",
  11: "listener-filter",
};
const operations: Readonly<Record<number, ir.PatchOperation>> = {
  1: "merge",
  2: "add",
  3: "remove",
  4: "insert-before",
  5: "insert-after",
  6: "insert-first",
  7: "replace",
  8: "merge-replacing-lists",
};
const traffic: Readonly<Record<number, ir.Patch["traffic"]>> = { 1: "inbound", 2: "outbound" };
const places: Readonly<Record<number, ir.Patch["place"]>> = {
  1: "after-authentication",
  2: "after-authorization",
  3: "before-telemetry",
};
const actions = { 1: "forward", 2: "redirect", 3: "respond" } as const;

/** Undefined for what this version refuses on entry. */
export function patchOf(object: MeshObject<EnvoyFilter>, index: number): ir.Patch | undefined {
  const { applyTo, match, patch } = object.spec.configPatches[index] ?? {};
  const target = targets[applyTo ?? 0];
  const operation = operations[patch?.operation ?? 0];
  if (target === undefined || operation === undefined || patch === undefined) return undefined;
  const place = places[patch.filterClass];
  return {
    origin: formatRef(object.origin),
    path: `spec.configPatches[${index}]`,
    target,
    operation,
    traffic: traffic[match?.context ?? 0] ?? "any",
    ...selection(match),
    ...(place === undefined ? {} : { place }),
    ...(patch.value === undefined ? {} : { value: patch.value as NonNullable<ir.Patch["value"]> }),
  };
}

type Objects = EnvoyFilterMatch["objectTypes"];
type Listener = Extract<Objects, { case: "listener" }>["value"];
type Routes = Extract<Objects, { case: "routeConfiguration" }>["value"];

function selection(match: EnvoyFilterMatch | undefined): Pick<ir.Patch, "listener" | "routes" | "cluster"> {
  switch (match?.objectTypes.case) {
    case "listener":
      return { listener: listenerSelection(match.objectTypes.value) };
    case "routeConfiguration":
      return { routes: routeSelection(match.objectTypes.value) };
    case "cluster": {
      const { name, portNumber, service, subset } = match.objectTypes.value;
      return { cluster: said({ name, port: portNumber, host: service, subset }) };
    }
    default:
      return {};
  }
}

function listenerSelection({ name, portNumber, listenerFilter, filterChain: chain }: Listener): ir.ListenerSelection {
  const protocols = chain?.applicationProtocols ?? "";
  return {
    ...said({ name, port: portNumber, listenerFilter }),
    ...(chain === undefined
      ? {}
      : {
          chain: {
            ...said({
              name: chain.name,
              serverName: chain.sni,
              transportProtocol: chain.transportProtocol,
              destinationPort: chain.destinationPort,
              transportSocket: chain.transportSocket,
              filter: chain.filter?.name ?? "",
              httpFilter: chain.filter?.subFilter?.name ?? "",
            }),
            ...(protocols === "" ? {} : { applicationProtocols: protocols.split(",").map((each) => each.trim()) }),
          },
        }),
  };
}

function routeSelection({ name, portNumber, portName, gateway, vhost }: Routes): ir.RouteSelection {
  const { route } = vhost ?? {};
  const action = actions[(route?.action ?? 0) as keyof typeof actions];
  return {
    ...said({ name, port: portNumber, portName, gateway }),
    ...(vhost === undefined
      ? {}
      : {
          virtualHost: {
            ...said({ name: vhost.name, domain: vhost.domainName }),
            ...(route === undefined
              ? {}
              : { route: { ...said({ name: route.name }), ...(action === undefined ? {} : { action }) } }),
          },
        }),
  };
}

type Said<Fields> = { readonly [Key in keyof Fields]?: Fields[Key] };

/** Without what was left out: protobuf has no other word for it than the zero value. */
function said<Fields extends Readonly<Record<string, string | number>>>(fields: Fields): Said<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== "" && value !== 0)) as Said<Fields>;
}
