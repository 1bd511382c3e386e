import type { JsonValue } from "./access-log.ts";

/**
 * A change to messages after they are spelled, as the author of an EnvoyFilter wrote it. The one place where Envoy's
 * words enter an IR: what to change and how cannot be said in the mesh's.
 */
export interface Patch {
  /** `EnvoyFilter/namespace/name`. */
  readonly origin: string;
  /** Where in that object: `spec.configPatches[0]`. */
  readonly path: string;
  readonly target: PatchTarget;
  readonly operation: PatchOperation;
  /** What kind of traffic, where the proxy has more than one; a gateway has one. */
  readonly traffic: "any" | "inbound" | "outbound";
  readonly listener?: ListenerSelection;
  readonly routes?: RouteSelection;
  readonly cluster?: ClusterSelection;
  /** Among the filters of the mesh's own. */
  readonly place?: "after-authentication" | "after-authorization" | "before-telemetry";
  /** A message in protobuf's JSON form; absent only for removals. */
  readonly value?: { readonly [field: string]: JsonValue };
}

export type PatchTarget =
  | "listener"
  | "filter-chain"
  | "listener-filter"
  | "network-filter"
  | "http-filter"
  | "route-configuration"
  | "virtual-host"
  | "route"
  | "cluster"
  | "extension"
  /** What Envoy is started with. Never in a ProxyIr: it is asked for before there is a proxy. */
  | "bootstrap";

/** `merge` appends to lists, `merge-replacing-lists` puts its own in their place. */
export type PatchOperation =
  | "merge"
  | "merge-replacing-lists"
  | "add"
  | "remove"
  | "insert-before"
  | "insert-after"
  | "insert-first"
  | "replace";

/** An absent field matches everything. */
export interface ListenerSelection {
  readonly name?: string;
  readonly port?: number;
  readonly listenerFilter?: string;
  readonly chain?: {
    readonly name?: string;
    readonly serverName?: string;
    readonly transportProtocol?: string;
    readonly applicationProtocols?: readonly string[];
    readonly destinationPort?: number;
    readonly transportSocket?: string;
    readonly filter?: string;
    readonly httpFilter?: string;
  };
}

export interface RouteSelection {
  readonly name?: string;
  readonly port?: number;
  readonly portName?: string;
  /** `namespace/name`. */
  readonly gateway?: string;
  readonly virtualHost?: {
    readonly name?: string;
    readonly domain?: string;
    readonly route?: { readonly name?: string; readonly action?: "forward" | "redirect" | "respond" };
  };
}

export interface ClusterSelection {
  readonly name?: string;
  readonly port?: number;
  readonly host?: string;
  readonly subset?: string;
}
