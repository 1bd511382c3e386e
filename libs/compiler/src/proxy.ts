import type * as ir from "@lateen/ir";
import { compareText } from "@lateen/model";
import type { Finding } from "@lateen/model";
import { outboundClusters } from "./clusters/outbound.ts";
import { builtInClusters, inboundClusters } from "./clusters/special.ts";
import { clustersBeside, createContext, indexClusters } from "./context.ts";
import type { Context } from "./context.ts";
import { Findings } from "./findings.ts";
import { withWishes } from "./proxy-wishes.ts";
import { extendedPart, extensionsOf } from "./extensions.ts";
import { compileGrpc } from "./grpc/compile-grpc.ts";
import { inOrder } from "./in-order.ts";
import { byIdentity } from "./index/remember.ts";
import { autoPassthroughClusters } from "./listeners/gateway-connections.ts";
import { serverGroups } from "./listeners/gateway-servers.ts";
import { gatewayOutput } from "./listeners/gateway.ts";
import { createParts } from "./listeners/handlers.ts";
import { inboundListeners } from "./listeners/sidecar-inbound.ts";
import { additionsPart, patchedPart, patchesOf } from "./patches.ts";
import { rememberedStep } from "./remembered-step.ts";
import type { ProxyScope } from "./scope.ts";
import { tracedPart } from "./tracing/traced-part.ts";
import { sidecarOutboundSide } from "./sidecar-outbound-side.ts";
import type { MeshSnapshot } from "./snapshot.ts";

export interface Compiled<Value> {
  readonly value: Value;
  readonly findings: readonly Finding[];
}

/**
 * What a proxy of `scope` must do in the mesh of `snapshot`. Total: whatever the configuration says, there is a
 * result, and what could not be done is among the findings. Deterministic: equal meshes give equal results. Parts that
 * two scopes have in common are the same objects in both results.
 */
export function compileProxy(snapshot: MeshSnapshot, scope: ProxyScope): Compiled<ir.ProxyIr> {
  const { value: parts, findings } = compileParts(snapshot, scope);
  const nameTable = parts.find((part) => part.nameTable !== undefined)?.nameTable;
  const trust = parts.find((part) => part.trust !== undefined)?.trust;
  const grpc = together(parts.flatMap((part) => part.grpc ?? []));
  const value = inOrder({
    clusters: parts.flatMap(({ clusters }) => clusters),
    listeners: parts.flatMap(({ listeners }) => listeners),
    routeTables: parts.flatMap(({ routeTables }) => routeTables),
    ...(nameTable === undefined ? {} : { nameTable }),
    ...(trust === undefined ? {} : { trust }),
    ...(grpc === undefined ? {} : { grpc }),
    ...extensionsIn(parts),
    ...patchesOf(snapshot, scope, new Findings()),
  });
  return { value, findings };
}

/**
 * `compileProxy` in parts that together are the proxy's; each is in order. A sidecar's are what there is to call, how
 * calls get there, and what comes in; the first two are the same objects for all that nothing tells apart when they call
 * out: what is made of them needs to be made once.
 */
export function compileParts(snapshot: MeshSnapshot, scope: ProxyScope): Compiled<readonly ir.ProxyIr[]> {
  const findings = new Findings();
  const extensions = extensionsOf(snapshot, scope, findings);
  const parts = partsOf(snapshot, scope, findings).map((part) =>
    extendedPart(tracedPart(part, scope.traced), scope, extensions),
  );
  const { patches, additions } = patchesOf(snapshot, scope, findings);
  const isInbound = (index: number): boolean => index > 0 && index === parts.length - 1;
  const patched = parts.map((part, index) => patchedPart(part, patches, isInbound(index) ? "inbound" : "outbound"));
  return { value: [...patched, ...additionsPart(additions), ...trustPart(snapshot, scope)], findings: findings.list() };
}

/** What its agent serves the proxy. */
function trustPart({ trust }: MeshSnapshot, { agent, dataPlane }: ProxyScope): readonly ir.ProxyIr[] {
  return trust === undefined || !agent || dataPlane === "grpc" ? [] : [partOfTrust(trust)];
}

const partOfTrust = byIdentity(
  (trust: ir.TrustAnchors): ir.ProxyIr => ({ clusters: [], listeners: [], routeTables: [], trust }),
);

/** A sidecar's calls in both directions may pass the same one. */
function extensionsIn(parts: readonly ir.ProxyIr[]): Pick<ir.ProxyIr, "extensions"> {
  const extensions = [...new Set(parts.flatMap((part) => part.extensions ?? []))];
  return extensions.length === 0
    ? {}
    : { extensions: extensions.sort((left, right) => compareText(left.name, right.name)) };
}

function partsOf(snapshot: MeshSnapshot, scope: ProxyScope, findings: Findings): readonly ir.ProxyIr[] {
  if (scope.dataPlane === "grpc") return compileGrpc(snapshot, scope, findings);
  if (scope.type === "router") return [inOrder(compileRouter(snapshot, scope, findings))];
  return compileSidecar(snapshot, scope, findings);
}

function together([first, ...more]: readonly ir.GrpcIr[]): ir.GrpcIr | undefined {
  if (first === undefined) return undefined;
  const all = [first, ...more];
  return {
    clients: all.flatMap(({ clients }) => clients),
    servers: all.flatMap(({ servers }) => servers),
    tables: all.flatMap(({ tables }) => tables),
    clusters: all.flatMap(({ clusters }) => clusters),
  };
}

function compileSidecar(snapshot: MeshSnapshot, scope: ProxyScope, findings: Findings): readonly ir.ProxyIr[] {
  const outbound = sidecarOutboundSide(snapshot, scope);
  for (const finding of outbound.findings) findings.add(finding);
  const context: Context = { ...createContext(snapshot, scope, findings), clusters: outbound.clusters };
  return [...outbound.parts, inboundPart(context, scope, "")];
}

const inboundPart = rememberedStep((context, scope: ProxyScope): ir.ProxyIr => {
  const clusters = inboundClusters(context);
  const known = clustersBeside(indexClusters(clusters), context.clusters);
  const listeners = inboundListeners(createParts({ ...context, clusters: known }));
  return inOrder(withWishes({ clusters, listeners, routeTables: [] }, scope.wishes));
});

function compileRouter(snapshot: MeshSnapshot, scope: ProxyScope, findings: Findings): ir.ProxyIr {
  const base = createContext(snapshot, scope, findings);
  const groups = serverGroups(base);
  const clusters = [...outboundClusters(base), ...autoPassthroughClusters(base, groups), ...builtInClusters(base)];
  const output = gatewayOutput(createParts({ ...base, clusters: indexClusters(clusters) }), groups);
  return withWishes({ clusters, ...output }, scope.wishes);
}
