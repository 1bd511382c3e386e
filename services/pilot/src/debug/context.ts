import type { MeshSnapshot } from "@lateen/compiler";
import type { Finding } from "@lateen/model";
import type { ProxyStatus, XdsServer } from "@lateen/xds-server";
import type { StandingRejection } from "../progress/rejections.ts";
import { nodeOf } from "../proxies/connected-node.ts";

/** What the pages show. */
export interface DebugContext {
  readonly xds: XdsServer;
  /** This pilot's name among the replicas. */
  readonly replica: string;
  readonly snapshot: () => MeshSnapshot | undefined;
  readonly findings: () => readonly Finding[];
  readonly rejections: () => readonly StandingRejection[];
  readonly progress: () => FleetProgress;
}

/** How far the proxies of this replica are. */
export interface FleetProgress {
  readonly appliedRevision: bigint;
  /** What every connected proxy has; without any, the applied revision. */
  readonly acknowledgedRevision: bigint;
  /** Node ids of those that do not have the newest revision yet. */
  readonly laggards: readonly string[];
}

/** Whose proxies may be seen; without a namespace, everything. */
export interface Access {
  readonly namespace?: string;
}

/** The connected proxies that `access` covers. */
export function proxiesFor({ xds }: DebugContext, { namespace }: Access): readonly ProxyStatus[] {
  return xds.proxies().filter(({ proxy }) => namespace === undefined || nodeOf(proxy).namespace === namespace);
}

/** `<pod>.<namespace>`, the name by which Istio's tools know a proxy. */
export function shortName(proxyId: string): string {
  return proxyId.split("~")[2] ?? proxyId;
}

/** By node id, by the part of it that people know (`<pod>.<namespace>`), or by any part, as Istio does. */
export function findProxy(context: DebugContext, access: Access, wanted: string): ProxyStatus | undefined {
  const all = proxiesFor(context, access);
  const by = (test: (id: string) => boolean): ProxyStatus | undefined => all.findLast(({ proxy }) => test(proxy.id));
  return by((id) => id === wanted) ?? by((id) => shortName(id) === wanted) ?? by((id) => id.includes(wanted));
}
