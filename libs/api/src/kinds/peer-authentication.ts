import { PeerAuthenticationSchema } from "@lateen/protos/security/v1beta1/peer_authentication_pb.js";
import { checkSelector } from "../rules/labels.ts";
import { checkPort } from "../rules/values.ts";
import { ageColumn, defineKind, securityVersions } from "./definition.ts";

export const peerAuthentication = defineKind({
  ...securityVersions,
  kind: "PeerAuthentication",
  plural: "peerauthentications",
  shortNames: ["pa"],
  schema: PeerAuthenticationSchema,
  columns: [
    {
      name: "Mode",
      type: "string",
      jsonPath: ".spec.mtls.mode",
      description: "Mutual TLS mode of the selected workloads",
    },
    ageColumn,
  ],
  check(spec, at) {
    checkSelector(spec.selector, at.at("selector"));
    const ports = Object.keys(spec.portLevelMtls);
    const selected = Object.keys(spec.selector?.matchLabels ?? {}).length > 0;
    if (ports.length > 0 && !selected)
      at.at("portLevelMtls").error(
        "required",
        "needs a selector: ports differ from workload to workload, so name the workloads with selector.matchLabels",
      );
    for (const port of ports) checkPort(Number(port), at.at("portLevelMtls", port));
  },
});
