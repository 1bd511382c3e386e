import type { Labels, MeshObject } from "@lateen/model";
import { mtlsModes } from "../istio-names.ts";
import type { PeerAuthentication } from "../istio.ts";
import type { PolicyIndex } from "./selection.ts";

export type PeerMode = "disable" | "permissive" | "strict";

/** What a workload asks of its callers: a mode for all ports and exceptions by workload port. */
export interface PeerModes {
  readonly all: PeerMode;
  readonly ports: Readonly<Record<string, PeerMode>>;
}

/** Workload over namespace over mesh; the oldest of one level counts; nothing said means permissive. */
export function peerModesFor(index: PolicyIndex<PeerAuthentication>, namespace: string, labels: Labels): PeerModes {
  const selected = index.forWorkload(namespace, labels);
  // Selectors of PeerAuthentication reach only their own namespace, the root namespace included.
  const workload = selected.workload.find((object) => object.meta.namespace === namespace);
  const all = modeOf(workload) ?? modeOf(selected.namespace[0]) ?? modeOf(selected.mesh[0]) ?? "permissive";
  const ports: Record<string, PeerMode> = {};
  for (const [port, setting] of Object.entries(workload?.spec.portLevelMtls ?? {})) {
    ports[port] = named(setting.mode) ?? all;
  }
  return { all, ports };
}

export function peerModeAt(modes: PeerModes, port: number): PeerMode {
  return modes.ports[String(port)] ?? modes.all;
}

function modeOf(object: MeshObject<PeerAuthentication> | undefined): PeerMode | undefined {
  return object?.spec.mtls === undefined ? undefined : named(object.spec.mtls.mode);
}

function named(mode: number): PeerMode | undefined {
  const name = mtlsModes[mode];
  return name === "unset" ? undefined : name;
}
