import { gatewayNameLabel, targetsOf } from "@lateen/model";
import type { Attachments, Finding, MeshObject } from "@lateen/model";
import type { AuthorizationPolicy } from "@lateen/protos/security/v1beta1/authorization_policy_pb.js";
import type { PeerAuthentication } from "@lateen/protos/security/v1beta1/peer_authentication_pb.js";
import type { Telemetry } from "@lateen/protos/telemetry/v1alpha1/telemetry_pb.js";
import type { RateLimit } from "@lateen/protos/mesh/policy/v1alpha1/rate_limit_pb.js";
import { didYouMean } from "../schema/suggest.ts";
import { finding, refOf } from "./world.ts";
import type { World } from "./world.ts";

type Selecting = MeshObject<AuthorizationPolicy | PeerAuthentication | Telemetry | RateLimit>;
const selectingKinds = ["AuthorizationPolicy", "PeerAuthentication", "Telemetry", "RateLimit"];

export function analyzePolicies(world: World): Finding[] {
  const policies = selectingKinds.flatMap((kind) => world.of<Selecting["spec"]>(kind));
  return [
    ...unmatched(policies, world),
    ...unattached(world),
    ...unknownAuthorizers(world),
    ...unknownProviders(world),
    ...rivals(world),
  ];
}

function unmatched(policies: readonly Selecting[], world: World): Finding[] {
  if (!world.input.workloads) return [];
  return policies.flatMap((policy) => {
    const labels = policy.spec.selector?.matchLabels ?? {};
    const namespace = policy.meta.namespace === world.rootNamespace ? undefined : policy.meta.namespace;
    if (Object.keys(labels).length === 0 || world.select(labels, namespace).length > 0) return [];
    const text = Object.entries(labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(",");
    const where = namespace === undefined ? "in the mesh" : `in namespace ${namespace}`;
    return [
      finding(
        refOf(policy),
        "warning",
        "IST0127",
        `spec.selector: no workload ${where} has the labels ${text}, so it has no effect`,
      ),
    ];
  });
}

const attachableKinds = ["AuthorizationPolicy", "Telemetry", "EnvoyFilter", "TrafficExtension", "WasmPlugin"];

/** Who is of a Gateway of the Kubernetes Gateway API is told by a label of its pods. */
function unattached(world: World): Finding[] {
  if (!world.input.workloads) return [];
  const objects = attachableKinds.flatMap((kind) => world.of<Attachments>(kind));
  return objects.flatMap((object) =>
    targetsOf(object.spec).flatMap(({ name }) => {
      const { namespace } = object.meta;
      if (world.select({ [gatewayNameLabel]: name }, namespace).length > 0) return [];
      const message = `spec.targetRefs: no workload in namespace ${namespace} has the label ${gatewayNameLabel}=${name}, so it has no effect there`;
      return [finding(refOf(object), "warning", "IST0127", message)];
    }),
  );
}

function unknownAuthorizers(world: World): Finding[] {
  return world.of<AuthorizationPolicy>("AuthorizationPolicy").flatMap((policy) => {
    const { actionDetail } = policy.spec;
    const name = actionDetail.case === "provider" ? actionDetail.value.name : undefined;
    if (name === undefined || world.providers.has(name)) return [];
    return [
      finding(
        refOf(policy),
        "error",
        "IST0101",
        `spec.provider: there is no provider ${JSON.stringify(name)} in meshConfig.extensionProviders${didYouMean(name, world.providers)}`,
      ),
    ];
  });
}

function unknownProviders(world: World): Finding[] {
  return world.of<Telemetry>("Telemetry").flatMap((telemetry) =>
    (["accessLogging", "tracing"] as const).flatMap((section) =>
      telemetry.spec[section]
        .flatMap((rule) => rule.providers)
        .filter((provider) => !world.providers.has(provider.name))
        .map((provider) =>
          finding(
            refOf(telemetry),
            "warning",
            "IST0157",
            `spec.${section}: there is no provider ${JSON.stringify(provider.name)} in meshConfig.extensionProviders${didYouMean(provider.name, world.providers)}`,
          ),
        ),
    ),
  );
}

/** One Telemetry without a selector is a namespace's; of several, only one can be followed. Those of Gateways are not. */
function rivals(world: World): Finding[] {
  const wide = world
    .of<Telemetry>("Telemetry")
    .filter(({ spec }) => Object.keys(spec.selector?.matchLabels ?? {}).length === 0 && targetsOf(spec).length === 0);
  return wide.flatMap((telemetry) => {
    const others = wide.filter((other) => other !== telemetry && other.meta.namespace === telemetry.meta.namespace);
    if (others.length === 0) return [];
    const names = others.map((other) => other.meta.name).join(", ");
    return [
      finding(
        refOf(telemetry),
        "error",
        "IST0160",
        `has no selector, and neither has ${names} in the same namespace; merge them or select`,
        others.map(refOf),
      ),
    ];
  });
}
