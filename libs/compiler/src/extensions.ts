import type * as ir from "@lateen/ir";
import { supports } from "./context.ts";
import type { Findings } from "./findings.ts";
import type { PreparedExtension } from "./index/extensions.ts";
import { byIdentity } from "./index/remember.ts";
import type { ProxyScope } from "./scope.ts";
import type { MeshSnapshot } from "./snapshot.ts";

const filters = {
  lua: { http: "envoy.filters.http.lua", tcp: "envoy.filters.http.lua" },
  wasm: { http: "envoy.filters.http.wasm", tcp: "envoy.filters.network.wasm" },
} as const;

/**
 * The extensions of a scope, in the order in which they run. One that its proxy cannot run is a finding; where its owner
 * wants nothing to pass without it, nothing does.
 */
export function extensionsOf(
  snapshot: MeshSnapshot,
  scope: ProxyScope,
  findings: Findings,
): readonly PreparedExtension[] {
  return (scope.trafficExtensions ?? []).flatMap((ref) => {
    const prepared = snapshot.extensions.find(ref);
    return (prepared && usableBy(scope, prepared, findings)) ?? [];
  });
}

function usableBy(scope: ProxyScope, prepared: PreparedExtension, findings: Findings): PreparedExtension | undefined {
  const { language, owner, extension } = prepared;
  const filter = filters[language][extension.layer];
  const problem = !supports({ scope }, filter)
    ? `the proxy's Envoy does not contain ${filter}`
    : isFetched(extension) && !scope.agent
      ? "there is no agent beside the proxy to fetch the module"
      : undefined;
  if (problem === undefined) return prepared;
  const closed = extension.code.kind === "wasm" && extension.code.onFailure !== "let-through";
  findings.warn(
    owner,
    "extension-missing",
    closed
      ? `${problem}: as its failStrategy is not FAIL_OPEN, what it is for is refused`
      : `${problem}: it is left out`,
  );
  return closed ? shut(prepared) : undefined;
}

function isFetched({ code }: ir.Extension): boolean {
  return code.kind === "wasm" && "url" in code.module;
}

const shut = byIdentity(
  (prepared: PreparedExtension): PreparedExtension => ({
    ...prepared,
    extension: { ...prepared.extension, code: { kind: "refuse-all" } },
  }),
);

/** `part` with those of `extensions` that its listeners' traffic passes: `part` itself when there are none. */
export function extendedPart(
  part: ir.ProxyIr,
  scope: ProxyScope,
  extensions: readonly PreparedExtension[],
): ir.ProxyIr {
  if (extensions.length === 0 || part.listeners.length === 0) return part;
  const known = made(part);
  const same = known.find(({ of }) => of.length === extensions.length && of.every((one, at) => one === extensions[at]));
  if (same !== undefined) return same.part;
  const used = new Set<string>();
  const listeners = part.listeners.map((listener) => extendedListener(listener, scope, extensions, used));
  const own = extensions.filter(({ extension }) => used.has(extension.name)).map(({ extension }) => extension);
  const extended = own.length === 0 ? part : { ...part, listeners, extensions: own };
  known.push({ of: extensions, part: extended });
  if (known.length > remembered) known.shift();
  return extended;
}

interface Extended {
  readonly of: readonly PreparedExtension[];
  readonly part: ir.ProxyIr;
}

/** The same object for the same extensions: what is made of it needs to be made once, however many scopes have it. */
const made = byIdentity((_part: ir.ProxyIr): Extended[] => []);
const remembered = 32;

function extendedListener(
  listener: ir.Listener,
  { type }: ProxyScope,
  extensions: readonly PreparedExtension[],
  used: Set<string>,
): ir.Listener {
  const side = type === "sidecar" && listener.direction === "inbound" ? "server" : "client";
  const extend = (chain: ir.FilterChain): ir.FilterChain => {
    const port = side === "server" ? (chain.match.destinationPort ?? listener.port) : listener.port;
    const own = extensions.filter(
      ({ takes, extension }) => extension.layer === chain.handler.kind && takes(side, port),
    );
    if (own.length === 0) return chain;
    for (const { extension } of own) used.add(extension.name);
    const placed = own.map(({ extension, phase, language }) => ({ name: extension.name, phase, language }));
    return { ...chain, handler: { ...chain.handler, extensions: placed } };
  };
  return {
    ...listener,
    chains: listener.chains.map(extend),
    ...(listener.fallback === undefined ? {} : { fallback: extend(listener.fallback) }),
  };
}
