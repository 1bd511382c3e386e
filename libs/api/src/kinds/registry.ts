import { didYouMean } from "../schema/suggest.ts";
import { authorizationPolicy } from "./authorization-policy.ts";
import type { KindDefinition } from "./definition.ts";
import { destinationRule } from "./destination-rule.ts";
import { envoyFilter } from "./envoy-filter.ts";
import { gateway } from "./gateway.ts";
import { ingress, ingressClass } from "./ingress.ts";
import { meshConfig } from "./mesh-config.ts";
import { meshNetworks } from "./mesh-networks.ts";
import { unbuiltKinds } from "./not-built.ts";
import { peerAuthentication } from "./peer-authentication.ts";
import { proxyConfig } from "./proxy-config.ts";
import { rateLimit } from "./rate-limit.ts";
import { serviceEntry } from "./service-entry.ts";
import { sidecar } from "./sidecar.ts";
import { telemetry } from "./telemetry.ts";
import { trafficExtension } from "./traffic-extension.ts";
import { virtualService } from "./virtual-service.ts";
import { workloadEntry } from "./workload-entry.ts";
import { workloadGroup } from "./workload-group.ts";
import { wasmPlugin } from "./wasm-plugin.ts";

/** Every kind that is accepted. */
export const kinds: readonly KindDefinition[] = [
  virtualService,
  destinationRule,
  gateway,
  serviceEntry,
  sidecar,
  proxyConfig,
  workloadEntry,
  workloadGroup,
  envoyFilter,
  peerAuthentication,
  authorizationPolicy,
  telemetry,
  wasmPlugin,
  trafficExtension,
  rateLimit,
  ingress,
  ingressClass,
  meshConfig,
  meshNetworks,
];

/** What an `apiVersion` and `kind` name. */
export type Resolution =
  | { readonly is: "built"; readonly definition: KindDefinition }
  /** Ours to judge, and refused: `message` says why and what to do. */
  | {
      readonly is: "refused";
      readonly code: "kind-not-built" | "unknown-version" | "unknown-kind";
      readonly message: string;
    }
  /** Of an API that is not configuration of the mesh: Deployments, other people's CRDs. */
  | { readonly is: "foreign" };

/** The definition, where the group, version and kind are built. */
export function kindOf(apiVersion: string, kind: string): KindDefinition | undefined {
  const resolution = resolveKind(apiVersion, kind);
  return resolution.is === "built" ? resolution.definition : undefined;
}

export function resolveKind(apiVersion: string, kind: string): Resolution {
  const [group, version] = splitApiVersion(apiVersion);
  const definition = kinds.find((each) => each.kind === kind && each.group === group);
  if (definition?.versions.includes(version)) return { is: "built", definition };
  if (definition) return unknownVersion(definition, version);
  const unbuilt = unbuiltKinds.find((each) => each.group === group && (each.kind === kind || each.kind === "*"));
  if (unbuilt)
    return {
      is: "refused",
      code: "kind-not-built",
      message: `${kind} (${group}) is not built yet and is refused: ${unbuilt.remedy}`,
    };
  return isOurs(group) ? unknownKind(group, kind) : byKindAlone(apiVersion, group, kind);
}

function splitApiVersion(apiVersion: string): [group: string, version: string] {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? ["", apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
}

function isOurs(group: string): boolean {
  return group === "istio.io" || group.endsWith(".istio.io") || group.endsWith(".lateen.dev");
}

function unknownVersion(definition: KindDefinition, version: string): Resolution {
  const served = definition.versions.map((each) => `${definition.group}/${each}`).join(", ");
  return {
    is: "refused",
    code: "unknown-version",
    message: `version ${JSON.stringify(version)} of ${definition.kind} is not known; use one of ${served}`,
  };
}

function unknownKind(group: string, kind: string): Resolution {
  const names = [
    ...kinds.map((each) => each.kind),
    ...unbuiltKinds.map((each) => each.kind).filter((each) => each !== "*"),
  ];
  const home = kinds.find((each) => each.kind === kind);
  const hint = home ? `; it belongs to ${home.group}/${home.storageVersion}` : didYouMean(kind, names);
  return {
    is: "refused",
    code: "unknown-kind",
    message: `there is no kind ${JSON.stringify(kind)} in ${group}${hint}`,
  };
}

/** A kind of ours under a group that is close to its own is a slip; under any other group it is somebody else's. */
function byKindAlone(apiVersion: string, group: string, kind: string): Resolution {
  const namesake = kinds.find((each) => each.kind === kind && each.hasCrd);
  const slip = namesake && didYouMean(group, [namesake.group]) !== "";
  if (!namesake || (!slip && apiVersion.includes("."))) return { is: "foreign" };
  const message = `${JSON.stringify(apiVersion)} has no kind ${kind}; it belongs to ${namesake.group}/${namesake.storageVersion}`;
  return { is: "refused", code: "unknown-kind", message };
}
